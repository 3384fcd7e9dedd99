package caddymodule

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/amgate/amgate/journey/nodes"
)

// TestNodeExamples puts the example of each node's page into a journey, which
// must be one that runs.
func TestNodeExamples(t *testing.T) {
	ctx, cancel := caddy.NewContext(caddy.Context{Context: t.Context()})
	defer cancel()
	for _, spec := range nodes.All() {
		page, err := os.ReadFile(filepath.Join("../docs/reference/nodes", spec.Name+".md"))
		if err != nil {
			t.Fatalf("%v; run: make docs", err)
		}
		_, rest, _ := strings.Cut(string(page), "```caddyfile\n")
		example, _, found := strings.Cut(rest, "```")
		if !found {
			t.Errorf("%s: its page has no example", spec.Name)
			continue
		}
		if formatted := string(caddyfile.Format([]byte(example))); formatted != example {
			t.Errorf("%s: the example is not in caddy fmt form; it would be:\n%s", spec.Name, formatted)
		}
		adapted, err := adaptJourney(example + "node next username\nnext -> success\n")
		if err != nil {
			t.Errorf("%s: %v", spec.Name, err)
			continue
		}
		var app App
		if err := json.Unmarshal(adapted, &app); err != nil {
			t.Fatal(err)
		}
		if _, err := app.Realms[0].Journeys[0].tree(ctx); err != nil {
			t.Errorf("%s: %v", spec.Name, err)
		}
	}
}

// TestSchemesExample: the three realms of the example are accepted, and
// written as caddy fmt writes them.
func TestSchemesExample(t *testing.T) {
	t.Chdir("../docs/examples/schemes")
	input, err := os.ReadFile("Caddyfile")
	if err != nil {
		t.Fatal(err)
	}
	if formatted := string(caddyfile.Format(input)); formatted != string(input) {
		t.Errorf("the Caddyfile is not in caddy fmt form; it would be:\n%s", formatted)
	}
	if got := judge(t, string(input), true); got != accepted {
		t.Error(got)
	}
}
