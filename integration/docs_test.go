package integration

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestSecurityTestsExist keeps docs/security-tests.md honest: every test that
// it names is where it says.
func TestSecurityTestsExist(t *testing.T) {
	doc, err := os.ReadFile(filepath.Join(root, "docs", "security-tests.md"))
	must(t, err)
	named := regexp.MustCompile("`((?:Test|Fuzz)\\w+)` in ([\\w/]+_test\\.go)").FindAllStringSubmatch(string(doc), -1)
	if len(named) < 50 {
		t.Fatalf("only %d tests are named", len(named))
	}
	for _, n := range named {
		code, err := os.ReadFile(filepath.Join(root, n[2]))
		if err != nil {
			t.Errorf("%s: %v", n[1], err)
		} else if !strings.Contains(string(code), "func "+n[1]+"(") {
			t.Errorf("%s is not in %s", n[1], n[2])
		}
	}
}

// TestLinksOfTheDocs follows every relative link of the documentation.
func TestLinksOfTheDocs(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)#:]+)(?:#[^)]*)?\)`)
	followed := 0
	must(t, filepath.WalkDir(root, func(path string, entry os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if name := entry.Name(); entry.IsDir() && (name == "node_modules" || name == ".git" || name == "data") {
			return filepath.SkipDir
		}
		if filepath.Ext(path) != ".md" {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, found := range link.FindAllStringSubmatch(string(text), -1) {
			followed++
			if _, err := os.Stat(filepath.Join(filepath.Dir(path), found[1])); err != nil {
				t.Errorf("%s: the link %s leads nowhere", strings.TrimPrefix(path, root+"/"), found[1])
			}
		}
		return nil
	}))
	if followed < 5 {
		t.Errorf("only %d links found", followed)
	}
}
