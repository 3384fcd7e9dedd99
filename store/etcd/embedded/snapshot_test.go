package embedded_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/amgate/amgate/store/etcd/embedded"
)

// snapshotOf is a snapshot of a folder with n keys, in a file.
func snapshotOf(t *testing.T, n int) string {
	t.Helper()
	server := start(t, embedded.Config{Dir: filepath.Join(t.TempDir(), "cts")})
	for i := range n {
		if _, err := server.Client().Put(t.Context(), fmt.Sprintf("k/%d", i), fmt.Sprint(i)); err != nil {
			t.Fatal(err)
		}
	}
	var b bytes.Buffer
	var done, all int64
	if err := server.WriteSnapshot(t.Context(), &b, func(d, a int64) { done, all = d, a }); err != nil {
		t.Fatal(err)
	}
	if done != all || all == 0 || int64(b.Len()) != all+32 {
		t.Errorf("progress ended at %d of %d; %d bytes were written", done, all, b.Len())
	}
	path := filepath.Join(t.TempDir(), "snapshot")
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestSnapshotRestores: what was stored is in the folder that a snapshot gives,
// at the revisions that it had.
func TestSnapshotRestores(t *testing.T) {
	const keys = 50
	file := snapshotOf(t, keys)
	dir := filepath.Join(t.TempDir(), "new", "cts")
	// A restore that was interrupted left this.
	if err := os.MkdirAll(filepath.Join(dir, "restoring", "member"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := embedded.Restore(file, dir); err != nil {
		t.Fatal(err)
	}
	server := start(t, embedded.Config{Dir: dir})
	for i := range keys {
		resp, err := server.Client().Get(t.Context(), fmt.Sprintf("k/%d", i))
		if err != nil || len(resp.Kvs) != 1 || string(resp.Kvs[0].Value) != fmt.Sprint(i) ||
			resp.Kvs[0].ModRevision != int64(i+2) {
			t.Fatalf("key %d: %v, %v", i, resp, err)
		}
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 2 { // amgate.lock and member
		t.Errorf("the folder has %v, %v", left, err)
	}
}

// TestRestoreOverwritesNothing: neither data, nor what a process works on.
func TestRestoreOverwritesNothing(t *testing.T) {
	file := snapshotOf(t, 1)
	dir := filepath.Join(t.TempDir(), "cts")
	owner := start(t, embedded.Config{Dir: dir})
	if _, err := owner.Client().Put(t.Context(), "mine", "v"); err != nil {
		t.Fatal(err)
	}
	wantInUse(t, embedded.Restore(file, dir), dir, os.Getpid())
	if err := owner.Close(); err != nil {
		t.Fatal(err)
	}
	if full, ok := errors.AsType[*embedded.NotEmptyError](embedded.Restore(file, dir)); !ok || full.Dir != dir {
		t.Error("restored over data")
	}
	again := start(t, embedded.Config{Dir: dir})
	if resp, err := again.Client().Get(t.Context(), "mine"); err != nil || len(resp.Kvs) != 1 {
		t.Errorf("the data is gone: %v, %v", resp, err)
	}
}

// TestRestoreRefusesDamage: nothing is made of a file that is not a whole
// snapshot, and the folder can be restored into afterwards.
func TestRestoreRefusesDamage(t *testing.T) {
	whole, err := os.ReadFile(snapshotOf(t, 3))
	if err != nil {
		t.Fatal(err)
	}
	flipped := bytes.Clone(whole)
	flipped[len(flipped)/2] ^= 1
	dir := filepath.Join(t.TempDir(), "cts")
	for name, content := range map[string][]byte{
		"empty":              {},
		"cut":                whole[:len(whole)/2],
		"without its sum":    whole[:len(whole)-32],
		"flipped":            flipped,
		"the sum alone":      whole[len(whole)-32:],
		"longer by a page":   append(bytes.Clone(whole), make([]byte, 512)...),
		"something readable": []byte(strings.Repeat("no snapshot\n", 100)),
	} {
		path := filepath.Join(t.TempDir(), "snapshot")
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := embedded.Restore(path, dir); err == nil || !strings.Contains(err.Error(), "checksum") {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := os.Stat(filepath.Join(dir, "member")); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: the folder has data: %v", name, err)
		}
	}
	if err := embedded.Restore(filepath.Join(t.TempDir(), "missing"), dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
	if err := embedded.Restore(snapshotOf(t, 1), dir); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

func TestSnapshotEndsWithItsContext(t *testing.T) {
	server := start(t, embedded.Config{Dir: t.TempDir()})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := server.WriteSnapshot(ctx, new(bytes.Buffer), nil); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want context.Canceled", err)
	}
}

// TestDefragmentGivesRoomBack: a file that grew and was emptied is small again,
// and what is left in it is whole.
func TestDefragmentGivesRoomBack(t *testing.T) {
	server := start(t, embedded.Config{Dir: t.TempDir()})
	client := server.Client()
	var revision int64
	for i := range 40 {
		resp, err := client.Put(t.Context(), "k", strings.Repeat(fmt.Sprint(i%10), 256<<10))
		if err != nil {
			t.Fatal(err)
		}
		revision = resp.Header.Revision
	}
	if _, err := client.Put(t.Context(), "k", "last"); err != nil {
		t.Fatal(err)
	}
	before := server.Usage()
	if _, err := client.Compact(t.Context(), revision+1, clientv3.WithCompactPhysical()); err != nil {
		t.Fatal(err)
	}
	if err := server.Defragment(); err != nil {
		t.Fatal(err)
	}
	if after := server.Usage(); after.Size > before.Size/4 {
		t.Errorf("%d bytes before, %d after", before.Size, after.Size)
	}
	resp, err := client.Get(t.Context(), "k")
	if err != nil || len(resp.Kvs) != 1 || string(resp.Kvs[0].Value) != "last" {
		t.Errorf("after defragmenting: %v, %v", resp, err)
	}
	if u := server.Usage(); u.Quota != 8<<30 || u.InUse > u.Size || u.InUse <= 0 {
		t.Errorf("usage %+v", u)
	}
}

// TestSaveSnapshot: the file is its owner's alone, nothing is overwritten, and
// what is not whole is not there at all.
func TestSaveSnapshot(t *testing.T) {
	whole, err := os.ReadFile(snapshotOf(t, 1))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "backup")
	write := func(b []byte, err error) func(io.Writer) error {
		return func(w io.Writer) error {
			_, failed := w.Write(b)
			return errors.Join(failed, err)
		}
	}
	broken := errors.New("the connection broke")
	if err := embedded.SaveSnapshot(path, write(whole, broken)); !errors.Is(err, broken) {
		t.Errorf("%v, want %v", err, broken)
	}
	if err := embedded.SaveSnapshot(path, write(whole[:len(whole)-512], nil)); err == nil {
		t.Error("half a snapshot was kept")
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	if err := embedded.SaveSnapshot(path, write(whole, nil)); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode() != 0o600 {
		t.Errorf("permissions %v, %v", info.Mode(), err)
	}
	if err := embedded.SaveSnapshot(path, write(nil, nil)); !errors.Is(err, os.ErrExist) {
		t.Errorf("over a file: %v", err)
	}
	if kept, err := os.ReadFile(path); err != nil || !bytes.Equal(kept, whole) {
		t.Errorf("the file changed, %v", err)
	}
}

// TestClosedServerDoesNothing: etcd would end the process over a data file
// that is closed.
func TestClosedServerDoesNothing(t *testing.T) {
	server := start(t, embedded.Config{Dir: t.TempDir()})
	if err := server.Close(); err != nil {
		t.Fatal(err)
	}
	if err := server.WriteSnapshot(t.Context(), io.Discard, nil); err == nil {
		t.Error("a snapshot of a closed server")
	}
	if err := server.Defragment(); err == nil {
		t.Error("defragmented a closed server")
	}
}
