package caddymodule

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
)

// files lists what lies below a folder, with permissions, sizes and times.
func files(t *testing.T, dir string) (list []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := os.Lstat(path)
		if err != nil {
			return err
		}
		size := info.Size()
		list = append(list, fmt.Sprintf("%s %s %d %s", info.Mode(), path, size, info.ModTime().Format(time.RFC3339Nano)))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// caddy validate may run beside a server, as another user, anywhere. It opens
// no store, makes no folder and no key, and what runs in the same process
// goes on with what it had.
func TestValidateChangesNothing(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	users := filepath.Join(dir, "users.json")
	if err := os.WriteFile(users, []byte(`{"users": [{"username": "demo"}]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	realms := fmt.Sprintf(`"realms": [{"path": "/", "identities": {"source": "file", "path": %q}}]`, users)
	settings := []string{
		`{` + realms + `}`, // the embedded store in data/cts
		`{` + realms + `, "store": {"backend": "etcd", "embedded": "elsewhere"}, "cache": {"size_mib": 1}}`,
		`{` + realms + `, "store": {"backend": "etcd", "endpoints": ["http://192.0.2.1:2379"]}, ` + testKey + `}`,
		`{` + realms + `, "store": {"backend": "test.recorded", "name": "three"}, ` + testKey + `}`,
		`{` + realms + `, ` + recordedOne + `}`,
	}
	takeEvents()
	for _, alone := range []bool{true, false} {
		if !alone {
			mustRun(t, `{`+recordedOne+`}`)
			takeEvents()
		}
		before := files(t, dir)
		held := resources()
		for _, s := range settings {
			if err := caddy.Validate(config(t, s)); err != nil {
				t.Fatalf("%s: %v", s, err)
			}
		}
		if after := files(t, dir); !slices.Equal(after, before) {
			t.Errorf("files before:\n%s\nafter:\n%s", strings.Join(before, "\n"), strings.Join(after, "\n"))
		}
		if after := resources(); after != held {
			t.Errorf("%d resources before, %d after", held, after)
		}
		if got := takeEvents(); len(got) > 0 {
			t.Errorf("something happened to stores: %q", got)
		}
		for d := range draining.Range {
			t.Errorf("something has to be closed: %v", d)
		}
	}
	serves(t)
}

// resources counts what the pool holds.
func resources() (n int) {
	pool.Range(func(any, any) bool { n++; return true })
	return n
}

// What caddy validate accepts does not fail at the start for a setting that
// could have been judged.
func TestValidateRefusesWhatNoCacheCanBe(t *testing.T) {
	for _, cache := range []string{`{"freshness": "999ms"}`, `{"size_mib": -1}`} {
		if err := caddy.Validate(config(t, `{`+recordedOne+`, "cache": `+cache+`}`)); err == nil {
			t.Errorf("cache %s was accepted", cache)
		}
	}
}
