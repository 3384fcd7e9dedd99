package caddymodule

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/caddyserver/caddy/v2"

	"github.com/amgate/amgate/store"
)

func embeddedStoreIn(t *testing.T, dir string) *EtcdStore {
	t.Helper()
	s := &EtcdStore{Embedded: filepath.Join(dir, "cts")}
	if err := s.Provision(caddy.Context{}); err != nil {
		t.Fatal(err)
	}
	return s
}

// The pool lets go of a server before that has let go of its folder. A store
// that is opened at that moment waits for it; it is not told that another
// process has the folder.
func TestFolderIsOpenedAgainWhileItCloses(t *testing.T) {
	s := embeddedStoreIn(t, t.TempDir())
	open := func() *embeddedStore {
		st, err := s.Open(t.Context(), slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		return st.(*embeddedStore)
	}
	st := open()
	for range 3 {
		var closing sync.WaitGroup
		closing.Go(func() {
			if err := st.Close(); err != nil {
				t.Error(err)
			}
		})
		for there := true; there; {
			_, there = pool.References(embeddedKey(s.Embedded))
		}
		next := open()
		closing.Wait()
		st = next
	}
	if _, _, err := st.Get(t.Context(), "s/x", store.Fresh); !errors.Is(err, store.ErrNotFound) {
		t.Error(err)
	}
	if err := st.Close(); err != nil {
		t.Error(err)
	}
}

// Away from a folder and back, while the first store on it still drains: one
// server serves both, and goes on when the first has drained.
func TestReloadWithAnotherFolderAndBack(t *testing.T) {
	dir := t.TempDir()
	in := func(name string, cacheMiB int) string {
		return fmt.Sprintf(`{"store": {"backend": "etcd", "embedded": %q}, "cache": {"size_mib": %d}}`,
			filepath.Join(dir, name), cacheMiB)
	}
	for _, settings := range []string{in("a", 1), in("b", 1), in("a", 1), in("a", 2), in("b", 1), in("a", 1)} {
		mustRun(t, settings)
		serves(t)
	}
	endDraining()
	serves(t)
	if refs, _ := pool.References(embeddedKey(filepath.Join(dir, "a"))); refs != 1 {
		t.Errorf("the folder in use has %d users", refs)
	}
	if _, there := pool.References(embeddedKey(filepath.Join(dir, "b"))); there {
		t.Error("the folder that nobody uses is still open")
	}
}

// The key opens everything that the installation signs: nobody but the owner
// may read it. What a killed process left of one does not count.
func TestSigningKeyIsPrivateAndWhole(t *testing.T) {
	dir := t.TempDir()
	s := embeddedStoreIn(t, dir)
	half := s.Embedded + ".signing_key.123"
	if err := os.WriteFile(half, []byte("AAA"), 0o600); err != nil {
		t.Fatal(err)
	}
	first, err := s.SigningKey()
	if err != nil {
		t.Fatal(err)
	}
	again, err := s.SigningKey()
	if err != nil || again.ID() != first.ID() {
		t.Errorf("the second time another key, or %v", err)
	}
	if err := os.Remove(half); err != nil {
		t.Fatal(err)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 1 {
		t.Fatalf("%d files, %v", len(left), err)
	}
	if info, err := left[0].Info(); err != nil || info.Mode() != 0o600 {
		t.Errorf("permissions %v, %v", info.Mode(), err)
	}
}

// A key that cannot be kept is not used: what it would sign could not be
// verified after the next start.
func TestSigningKeyThatCannotBeKept(t *testing.T) {
	s := embeddedStoreIn(t, filepath.Join(t.TempDir(), "missing"))
	if _, err := s.SigningKey(); err == nil {
		t.Error("a key that lies nowhere")
	}
}
