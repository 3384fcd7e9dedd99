package mail

import (
	"os"
	"regexp"
	"testing"
)

// TestTemplatesOfTheDocs: what the documentation shows is read and works.
func TestTemplatesOfTheDocs(t *testing.T) {
	doc, err := os.ReadFile("../docs/how-to/mail.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```json\n(.*?)```").FindAllSubmatch(doc, -1)
	if len(blocks) < 2 {
		t.Fatalf("only %d templates are shown", len(blocks))
	}
	for _, block := range blocks {
		templates, err := ReadTemplates(block[1])
		if err != nil || len(templates) != 1 {
			t.Errorf("%d templates, %v in:\n%s", len(templates), err, block[1])
		}
		for name, tmpl := range templates {
			if _, err := compile(tmpl); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}
