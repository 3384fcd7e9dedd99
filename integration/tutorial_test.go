package integration

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// fence finds the blocks of a Markdown page, with their language.
var fence = regexp.MustCompile("(?ms)^```(\\w+)\n(.*?)^```$")

// lesson is a block of commands, with the output that the page shows after it
// ("" if it shows none).
type lesson struct{ commands, output string }

func lessons(page string) []lesson {
	var all []lesson
	for _, m := range fence.FindAllStringSubmatch(page, -1) {
		if language, block := m[1], m[2]; language == "sh" {
			all = append(all, lesson{commands: block})
		} else if len(all) > 0 {
			all[len(all)-1].output = block
		}
	}
	return all
}

// TestTutorial does what docs/tutorial.md says, command by command, and sees
// what it shows. "…" in an output stands for anything.
func TestTutorial(t *testing.T) {
	t.Parallel()
	page := strings.ReplaceAll(readFile(t, "docs/tutorial.md"), "localhost:9080", "localhost:"+freePort(t))
	follow(t, page, newDir(t))
}

// TestMigration does what docs/how-to/migrate-from-am.md says, in a folder that
// has what it speaks of: an export and settings of a realm.
func TestMigration(t *testing.T) {
	t.Parallel()
	dir := newDir(t)
	must(t, os.CopyFS(dir, os.DirFS(filepath.Join(root, "integration", "testdata", "migration"))))
	follow(t, readFile(t, "docs/how-to/migrate-from-am.md"), dir)
}

// follow runs the commands of a page in a folder.
func follow(t *testing.T, page, dir string) {
	t.Helper()
	all := lessons(page)
	if len(all) < 5 {
		t.Fatalf("the page has only %d blocks of commands", len(all))
	}
	const mark = "\x1e" // ends the output of a block
	// Job control, as in a terminal: the tutorial says "kill %1".
	script := "set -e -m\ntrap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n"
	for _, l := range all {
		script += l.commands + "\nprintf '\\x1e'\n"
	}
	cmd := exec.CommandContext(t.Context(), "bash", "-c", script)
	cmd.Dir = dir
	cmd.Env = append(environment(dir), "PATH="+filepath.Dir(binary(t))+":"+os.Getenv("PATH"))
	var stderr strings.Builder
	cmd.Stderr = &stderr
	stdout, err := cmd.Output()
	outputs := strings.Split(string(stdout), mark)
	if err != nil {
		t.Fatalf("block %d failed: %v\n%s\n%s%s", len(outputs), err, all[min(len(outputs), len(all))-1].commands, outputs[len(outputs)-1], stderr.String())
	}
	for i, l := range all {
		want := strings.TrimSpace(l.output)
		if got := strings.TrimSpace(outputs[i]); want != "" && !looksLike(got, want) {
			t.Errorf("%s\nshows  %s\nand gives %s", l.commands, want, got)
		}
	}
}

// looksLike compares an output with a pattern in which "…" is anything.
func looksLike(got, pattern string) bool {
	quoted := strings.ReplaceAll(regexp.QuoteMeta(pattern), "…", ".*")
	return regexp.MustCompile(fmt.Sprintf("^(?s:%s)$", quoted)).MatchString(got)
}
