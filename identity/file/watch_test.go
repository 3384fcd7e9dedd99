package file

import (
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/amgate/amgate/identity"
	"github.com/amgate/amgate/identity/password"
)

const (
	alice = "users:\n- {username: alice}\n"
	bobby = "users:\n- {username: bobby}\n" // as long as alice
)

// look waits until the file was looked at twice and says who is known.
func look(t *testing.T, s *Store) string {
	t.Helper()
	time.Sleep(2*defaultPoll + time.Millisecond)
	synctest.Wait()
	var known []string
	for _, name := range []string{"alice", "bobby"} {
		switch _, err := s.ByName(t.Context(), name); {
		case err == nil:
			known = append(known, name)
		case !errors.Is(err, identity.ErrNotFound):
			t.Error(err)
		}
	}
	return strings.Join(known, " ")
}

func TestFileIsReadAgain(t *testing.T) {
	old := time.Now().Add(-time.Hour)
	for name, change := range map[string]func(t *testing.T, path string){
		"written over": func(t *testing.T, path string) { write(t, path, bobby) },
		"renamed over": func(t *testing.T, path string) {
			write(t, path+".new", bobby)
			rename(t, path+".new", path)
		},
		"renamed over, same time and size": func(t *testing.T, path string) {
			write(t, path+".new", bobby)
			age(t, path+".new", old)
			rename(t, path+".new", path)
		},
		"an older file put back": func(t *testing.T, path string) {
			write(t, path+".old", bobby)
			age(t, path+".old", old.Add(-time.Hour))
			rename(t, path+".old", path)
		},
		"removed and made again": func(t *testing.T, path string) {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			write(t, path, bobby)
		},
		// As Kubernetes mounts configuration.
		"a link's target swapped": func(t *testing.T, path string) {
			write(t, path+".2", bobby)
			if err := os.Symlink(path+".2", path+".link"); err != nil {
				t.Fatal(err)
			}
			rename(t, path+".link", path)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				path := filepath.Join(t.TempDir(), "users.yaml")
				write(t, path, alice)
				age(t, path, old)
				s, _ := open(t, path)
				if got := look(t, s); got != "alice" {
					t.Fatalf("before the change: %q", got)
				}
				change(t, path)
				if got := look(t, s); got != "bobby" {
					t.Errorf("after the change: %q", got)
				}
			})
		})
	}
}

// Two writes within one tick of the file system's clock leave size, time and
// inode as they were. A young file is therefore read until it has aged.
func TestSecondChangeWithinOneTickIsSeen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "users.yaml")
	write(t, path, alice)
	w := watcher{path: path}
	if _, err := w.read(); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	write(t, path, bobby)
	age(t, path, info.ModTime())
	if text, err := w.next(); err != nil || string(text) != bobby {
		t.Errorf("%q, %v", text, err)
	}
	age(t, path, time.Now().Add(-time.Hour))
	if _, err := w.next(); !errors.Is(err, errUnchanged) {
		t.Errorf("the same text under another time: %v", err)
	}
	if w.unsure {
		t.Error("a file that has aged is still read at each look")
	}
}

func TestBrokenVersionIsRefusedAndTheOldOneStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "users.yaml")
		write(t, path, alice)
		s, log := open(t, path)
		for _, broken := range []string{
			"users:\n- {username: bobby, password: Hifalutin}\n", "users:\n- {username: bobby", "", "users:\n- {username: bobby}\n- {username: BOBBY}\n",
		} {
			write(t, path, broken)
			if got := look(t, s); got != "alice" {
				t.Errorf("%q: known are %q", broken, got)
			}
		}
		text := log.String()
		if n := strings.Count(text, "refused"); n != 4 {
			t.Errorf("told %d times of 4 broken versions:\n%s", n, text)
		}
		if !strings.Contains(text, "users.yaml:2: ") || strings.Contains(text, "Hifalutin") {
			t.Errorf("the log names no line, or a password:\n%s", text)
		}
		write(t, path, bobby)
		if got := look(t, s); got != "bobby" {
			t.Errorf("repaired: known are %q", got)
		}
	})
}

func TestVanishedFileLeavesTheOldVersion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "users.yaml")
		write(t, path, alice)
		s, log := open(t, path)
		rename(t, path, path+".away")
		for range 3 {
			if got := look(t, s); got != "alice" {
				t.Errorf("known are %q", got)
			}
		}
		if n := strings.Count(log.String(), "cannot be read"); n != 1 {
			t.Errorf("told %d times, want once:\n%s", n, log)
		}
		rename(t, path+".away", path)
		if got := look(t, s); got != "alice" || strings.Contains(log.String(), "new version") {
			t.Errorf("the same file is back: known are %q\n%s", got, log)
		}
		rename(t, path, path+".away")
		look(t, s)
		if n := strings.Count(log.String(), "cannot be read"); n != 2 {
			t.Errorf("gone a second time: told %d times, want twice", n)
		}
	})
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "broken.yaml"), "users:\n- {usrname: a}\n")
	large, err := os.Create(filepath.Join(dir, "large.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(large.Truncate(maxSize+1), large.Close()); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"none.yaml": "no such file", ".": "is not a regular file", "broken.yaml": `broken.yaml:2: user 1: unknown member "usrname"`,
		"large.yaml": "is larger than 64 MiB",
	} {
		_, err := Open(Config{
			Path: filepath.Join(dir, name), Gate: password.NewGate(0, 0), Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
		})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q in it", name, err, want)
		}
	}
}

func TestCloseTwice(t *testing.T) {
	s, _ := openText(t, "users.yaml", alice)
	s.Close()
	s.Close()
	if _, err := s.ByName(t.Context(), "alice"); err != nil {
		t.Errorf("after Close: %v", err)
	}
}

func rename(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

func age(t *testing.T, path string, to time.Time) {
	t.Helper()
	if err := os.Chtimes(path, to, to); err != nil {
		t.Fatal(err)
	}
}
