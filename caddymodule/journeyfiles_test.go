package caddymodule

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"

	"github.com/amgate/amgate/journey"
)

// badge is a node of somebody else, which is a type of AM's; stamp is one
// that has no other name than its module's.
type badge struct {
	Color string `json:"color,omitempty"`
	Tries int    `json:"tries,omitempty"`

	provisioned bool
}

func init() {
	caddy.RegisterModule(new(badge))
	caddy.RegisterModule(new(stamp))
}

func (*badge) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "am.nodes.test_badge", New: func() caddy.Module { return new(badge) }}
}
func (*badge) AMType() string                  { return "BadgeNode" }
func (*badge) Proves() []string                { return []string{"true"} }
func (*badge) Outcomes() []string              { return []string{"true", "false"} }
func (b *badge) Provision(caddy.Context) error { b.provisioned = true; return nil }
func (*badge) Process(context.Context, *journey.Input) (journey.Action, error) {
	return journey.Goto("false"), nil
}

type stamp struct{ badge }

func (*stamp) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "am.nodes.TestStampNode", New: func() caddy.Module { return new(stamp) }}
}
func (*stamp) AMType() {} // not the method that is looked for

// exported is a journey of one node as AM exports it.
func exported(name, kind, properties string) string {
	return fmt.Sprintf(`{"tree": {"_id": %q, "entryNodeId": "n", "nodes": {"n": {"nodeType": %q, "displayName": "N", "connections": {
		"true": "70e691a5-1e33-4ac3-a356-e7b6d60d92e0", "false": "e301438c-0bd0-429c-ab0c-66126501069a"}}}},
		"nodes": {"n": {"_id": "n", "_type": {"_id": %q}, "_outcomes": [], %s}}}`, name, kind, kind, properties)
}

// fromFiles are the settings of an app whose root realm has its journeys from a
// folder.
func fromFiles(dir string) string {
	return fmt.Sprintf(`{%s, "realms": [{"path": "/", "journey_files": {"paths": [%q]}}]}`, recordedOne, dir)
}

func writeFile(t *testing.T, dir, name, content string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// runs lists the journeys of the root realm.
func runs(t *testing.T) []string {
	t.Helper()
	r, ok := running(t).set.Realm("/")
	if !ok {
		t.Fatal("there is no root realm")
	}
	var names []string
	for name := range r.Journeys {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// A reload takes over changed files. One that it refuses leaves the journeys
// as they were.
func TestReloadReadsJourneyFiles(t *testing.T) {
	dir := t.TempDir()
	expect := func(when string, want ...string) {
		t.Helper()
		if got := runs(t); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", when, got, want)
		}
	}
	writeFile(t, dir, "a.json", exported("A", "ZeroPageLoginNode", `"allowWithoutReferer": true`))
	mustRun(t, fromFiles(dir))
	expect("at the start", "A", "Login")

	writeFile(t, dir, "b.json", exported("B", "BadgeNode", `"color": "red", "tries": null`))
	mustRun(t, fromFiles(dir))
	expect("with another file", "A", "B", "Login")

	for what, content := range map[string]string{
		"no JSON":         `{`,
		"no journey":      `{"users": []}`,
		"another A":       exported("A", "ZeroPageLoginNode", `"allowWithoutReferer": false`),
		"a default Login": exported("Login", "NoSuchNode", `"x": 1`),
	} {
		writeFile(t, dir, "c.json", content)
		if err := run(t, fromFiles(dir)); err == nil {
			t.Errorf("%s was accepted", what)
		}
		expect(what, "A", "B", "Login")
		serves(t)
	}

	for _, name := range []string{"a.json", "c.json"} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	mustRun(t, fromFiles(dir))
	expect("with a file less", "B", "Login")
}

// A node of somebody else is found by AM's type, or by the name of its module,
// and is a module like any other.
func TestJourneyFilesHaveNodesOfOthers(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, dir, "a.json", exported("A", "BadgeNode", `"color": "red"`))
	writeFile(t, dir, "b.json", exported("B", "TestStampNode", `"tries": 3`))
	mustRun(t, fromFiles(dir))
	r, _ := running(t).set.Realm("/")
	if b, ok := r.Journeys["A"].Nodes["n"].Node.(*badge); !ok || b.Color != "red" || !b.provisioned {
		t.Errorf("A has the node %#v", r.Journeys["A"].Nodes["n"].Node)
	}
	if s, ok := r.Journeys["B"].Nodes["n"].Node.(*stamp); !ok || s.Tries != 3 || !s.provisioned {
		t.Errorf("B has the node %#v", r.Journeys["B"].Nodes["n"].Node)
	}
	if got, known := (NodeTypes{}).Proves("BadgeNode"); !known || !slices.Equal(got, []string{"true"}) {
		t.Errorf("BadgeNode proves %q, known: %v", got, known)
	}
	if _, known := (NodeTypes{}).Proves("test_badge"); known {
		t.Error("a module that says its type is found by another name")
	}
	if _, known := (NodeTypes{}).Proves("UsernameCollectorNode"); !known {
		t.Error("a node of our own is not known")
	}
}

// A journey that cannot run is disabled, the others run, and the log names all
// that it takes to mend it.
func TestJourneyThatCannotRunIsLogged(t *testing.T) {
	dir, logged := t.TempDir(), filepath.Join(t.TempDir(), "log")
	for name, content := range map[string]string{
		"Bad1": exported("Bad1", "BadgeNode", `"colour": "red"`),
		"Bad2": exported("Bad2", "BadgeNode", `"tries": "three"`),
		"Bad3": exported("Bad3", "NoSuchNode", `"x": 1`),
		"Good": exported("Good", "BadgeNode", `"tries": 3`),
	} {
		writeFile(t, dir, name+".json", content)
	}
	mustRunLogged(t, logged, fromFiles(dir))
	if got, want := runs(t), []string{"Good", "Login"}; !slices.Equal(got, want) {
		t.Errorf("these run: %q, want %q", got, want)
	}
	text := strings.Join(logLines(t, logged, "cannot run"), "\n")
	for _, want := range []string{
		`"journey":"Bad1","node":"n","name":"N","type":"BadgeNode","property":"colour"`,
		`"journey":"Bad2","node":"n","name":"N","type":"BadgeNode","property":"tries"`,
		`"journey":"Bad3","node":"n","name":"N","type":"NoSuchNode"`,
		`"realm":"/"`, dir,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the log does not say %s; it says:\n%s", want, text)
		}
	}
	if strings.Contains(text, "Good") {
		t.Errorf("the log complains of the good one:\n%s", text)
	}
}

// mustRunLogged is mustRun with the default log in a file, in the format am.
func mustRunLogged(t *testing.T, file, settings string, beside ...string) {
	t.Helper()
	cfg := config(t, settings, beside...)
	cfg.Logging = &caddy.Logging{Logs: map[string]*caddy.CustomLog{"default": {BaseLog: logTo(t, file)}}}
	if err := runConfig(t, cfg); err != nil {
		t.Fatal(err)
	}
}

// logTo is a log in a file, in the format am.
func logTo(t *testing.T, file string) caddy.BaseLog {
	t.Helper()
	writer, err := json.Marshal(map[string]string{"output": "file", "filename": file})
	if err != nil {
		t.Fatal(err)
	}
	return caddy.BaseLog{WriterRaw: writer, EncoderRaw: json.RawMessage(`{"format": "am"}`)}
}

// logLines are the lines of a log that have a text in them.
func logLines(t *testing.T, file, with string) (lines []string) {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(content)) {
		if strings.Contains(line, with) {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return lines
}
