package caddymodule

import (
	"bytes"
	"encoding/json"
	goflag "flag" // flag is a setter of options here
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	_ "github.com/caddyserver/caddy/v2/modules/standard"
)

var update = goflag.Bool("update", false, "write what is generated from the code")

// accepted is expected of a Caddyfile that is provisioned without an error.
const accepted = "accepted\n"

// separator stands between a Caddyfile and what is expected of it.
const separator = "----------\n"

// TestAdapt proves the grammar by files: a Caddyfile over the JSON that it
// means, over the error that its parser gives ("error: …"), over the error with
// which the configuration is refused when it is loaded ("refused: …"), or over
// the word "accepted".
func TestAdapt(t *testing.T) {
	files, err := filepath.Glob("testdata/adapt/*.caddyfiletest")
	if err != nil || len(files) == 0 {
		t.Fatalf("no files: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".caddyfiletest"), func(t *testing.T) {
			content, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			input, want, found := strings.Cut(string(content), separator)
			if !found {
				t.Fatalf("no line of dashes in %s", file)
			}
			if formatted := caddyfile.Format([]byte(input)); string(formatted) != input {
				t.Errorf("the Caddyfile is not in caddy fmt form; it would be:\n%s", formatted)
			}
			got := judge(t, input, strings.HasPrefix(want, "refused: ") || want == accepted)
			if *update && got != want {
				if err := os.WriteFile(file, []byte(input+separator+got), 0o600); err != nil {
					t.Fatal(err)
				}
				return
			}
			if got != want {
				t.Errorf("got:\n%s\nwant:\n%s", got, want)
			}
		})
	}
}

// judge adapts a Caddyfile and, if it may be refused only later, provisions
// the configuration as caddy validate does.
func judge(t *testing.T, input string, load bool) string {
	t.Helper()
	adapted, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(input), map[string]any{"filename": "Caddyfile"})
	if err != nil {
		return "error: " + err.Error() + "\n"
	}
	if !load {
		var indented bytes.Buffer
		if err := json.Indent(&indented, adapted, "", "\t"); err != nil {
			t.Fatal(err)
		}
		return indented.String() + "\n"
	}
	var cfg caddy.Config
	if err := json.Unmarshal(adapted, &cfg); err != nil {
		t.Fatal(err)
	}
	cfg.Admin = &caddy.AdminConfig{Disabled: true}
	if err := caddy.Validate(&cfg); err != nil {
		return "refused: " + err.Error() + "\n"
	}
	return accepted
}
