package file

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/amgate/amgate/identity/password"
)

// TestStampChangesWithWhatAUserSignsInBy: another password or standing makes
// another stamp, and those who follow are told of whom; nothing else does.
func TestStampChangesWithWhatAUserSignsInBy(t *testing.T) {
	hash, other := password.Hash("one"), password.Hash("one")
	users := func(lines ...string) string { return "users:\n" + strings.Join(lines, "\n") + "\n" }
	before := users(
		fmt.Sprintf("- {username: changed, password: '%s'}", hash),
		fmt.Sprintf("- {username: same, password: '%s', roles: [a]}", hash),
		fmt.Sprintf("- {username: off, password: '%s'}", hash),
		fmt.Sprintf("- {username: gone, password: '%s'}", hash),
		"- {username: set}",
		"- {username: none}",
	)
	after := users(
		fmt.Sprintf("- {username: changed, password: '%s'}", other),
		fmt.Sprintf("- {username: same, password: '%s', roles: [b], attributes: {mail: x@example.com}}", hash),
		fmt.Sprintf("- {username: off, password: '%s', active: false}", hash),
		fmt.Sprintf("- {username: set, password: '%s'}", hash),
		"- {username: none}",
		fmt.Sprintf("- {username: new, password: '%s'}", hash),
	)
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "users.yaml")
		write(t, path, before)
		s, _ := open(t, path)
		var told []string
		stop := s.OnChange(func(ids []string, made time.Time) {
			told = append(told, ids...)
			if made.IsZero() {
				t.Error("the change has no time")
			}
		})
		stamps := make(map[string]string)
		for _, id := range []string{"changed", "same", "off", "gone", "set", "none", "new"} {
			stamp, since := s.Stamp(id)
			if stamps[id] = stamp; (stamp == "") != (id == "new") || since.IsZero() {
				t.Errorf("%s has the stamp %q since %v", id, stamp, since)
			}
			if strings.Contains(hash, stamp) && stamp != "" && stamp != "-" {
				t.Errorf("the stamp of %s is a part of the hash", id)
			}
		}
		_, since := s.Stamp("same")
		write(t, path, after)
		look(t, s)
		want := []string{"changed", "gone", "off", "set"}
		if slices.Sort(told); !slices.Equal(told, want) {
			t.Errorf("told of %q, want %q", told, want)
		}
		for id, was := range stamps {
			stamp, now := s.Stamp(id)
			if (stamp != was) != (slices.Contains(want, id) || id == "new") || (stamp == "") != (id == "off" || id == "gone") {
				t.Errorf("%s had the stamp %q and has %q", id, was, stamp)
			}
			if !now.After(since) {
				t.Errorf("%s has it since %v", id, now)
			}
		}
		stop()
		told = nil
		write(t, path, before)
		if look(t, s); len(told) != 0 {
			t.Errorf("told of %q after the end", told)
		}
	})
}
