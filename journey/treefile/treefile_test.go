package treefile_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/amgate/amgate/journey"
	"github.com/amgate/amgate/journey/nodes"
	"github.com/amgate/amgate/journey/treefile"
)

const (
	successID = "70e691a5-1e33-4ac3-a356-e7b6d60d92e0"
	failureID = "e301438c-0bd0-429c-ab0c-66126501069a"
)

// login is a journey as AM exports it: a page, a decision and a limit.
const login = `{
	"meta": {"exportTool": "frodo"},
	"trees": {"Login": {
		"tree": {
			"_id": "Login", "_rev": "7", "enabled": true, "description": "null", "identityResource": "null",
			"treeTimeout": 10, "maximumSessionTime": 60, "maximumIdleTime": 15, "mustRun": true, "noSession": false,
			"entryNodeId": "page", "uiConfig": {"categories": "[]"},
			"nodes": {
				"page":  {"nodeType": "PageNode", "displayName": "Sign in", "x": 1.5, "y": 2, "connections": {"outcome": "check"}},
				"check": {"nodeType": "DataStoreDecisionNode", "displayName": "Check", "connections": {"true": "` + successID + `", "false": "again"}},
				"again": {"nodeType": "RetryLimitDecisionNode", "displayName": "Again?", "connections": {"Retry": "page", "Reject": "` + failureID + `"}}
			},
			"staticNodes": {"startNode": {"x": 1, "y": 2}}
		},
		"nodes": {
			"page": {"_id": "page", "_type": {"_id": "PageNode"}, "pageHeader": {"en": "Sign in"}, "pageDescription": {}, "nodes": [
				{"_id": "name", "nodeType": "UsernameCollectorNode", "displayName": "Name"},
				{"_id": "pass", "nodeType": "PasswordCollectorNode", "displayName": "Password"}]},
			"check": {"_id": "check", "_type": {"_id": "DataStoreDecisionNode"}},
			"again": {"_id": "again", "_type": {"_id": "RetryLimitDecisionNode"}, "retryLimit": "5", "incrementUserAttributeOnFailure": true}
		},
		"innerNodes": {
			"name": {"_id": "name", "_type": {"_id": "UsernameCollectorNode"}},
			"pass": {"_id": "pass", "_type": {"_id": "PasswordCollectorNode"}}
		},
		"scripts": {"3f0c": {"name": "Greeting", "script": ["x"]}}, "emailTemplates": {"welcome": {"subject": {"en": "Hi"}}},
		"themes": [], "saml2Entities": {}
	}}
}`

// write puts files into a folder of the test's own: names and contents in turn.
func write(t testing.TB, files ...string) (folder string) {
	t.Helper()
	folder = t.TempDir()
	for i := 0; i < len(files); i += 2 {
		path := filepath.Join(folder, files[i])
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(files[i+1]), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

// load reads the one journey of a file.
func load(t *testing.T, content string) *treefile.Journey {
	t.Helper()
	set, err := treefile.Load([]string{filepath.Join(write(t, "j.json", content), "j.json")}, nodes.Types{})
	if err != nil {
		t.Fatal(err)
	}
	if len(set.Journeys) != 1 {
		t.Fatalf("%d journeys", len(set.Journeys))
	}
	return set.Journeys[0]
}

// replaced is the export of login with changes: old and new texts in turn.
func replaced(t *testing.T, changes ...string) string {
	t.Helper()
	for i := 0; i < len(changes); i += 2 {
		if !strings.Contains(login, changes[i]) {
			t.Fatalf("%s is not in the export", changes[i])
		}
	}
	return strings.NewReplacer(changes...).Replace(login)
}

func TestLoadAnExport(t *testing.T) {
	j := load(t, login)
	if len(j.Problems)+len(j.Warnings) > 0 {
		t.Fatalf("problems %v, warnings %v", j.Problems, j.Warnings)
	}
	tree := j.Tree
	if tree.Name != "Login" || tree.Description != "" || tree.Entry != "page" || tree.Disabled || !tree.MustRun ||
		tree.Timeout != 10*time.Minute || tree.MaxTime != time.Hour || tree.IdleTime != 15*time.Minute {
		t.Errorf("%+v", tree)
	}
	if err := tree.Check(); err != nil {
		t.Error(err)
	}
	page, _ := tree.Nodes["page"].Node.(*nodes.Page)
	if page == nil || page.Header["en"] != "Sign in" || len(page.Children) != 2 || page.Children[1].Name != "Password" {
		t.Errorf("%+v", page)
	}
	again := tree.Nodes["again"]
	if limit, ok := again.Node.(*nodes.RetryLimit); !ok || limit.Limit != 5 || again.Name != "Again?" || again.Type != "RetryLimitDecisionNode" ||
		again.Next["Retry"] != "page" || again.Next["Reject"] != journey.Failure || tree.Nodes["check"].Next["true"] != journey.Success {
		t.Errorf("%+v", again)
	}
}

// TestForms reads one journey in every form in which it may be kept.
func TestForms(t *testing.T) {
	var export struct {
		Trees map[string]struct {
			Tree              json.RawMessage
			Nodes, InnerNodes map[string]json.RawMessage
		}
	}
	if err := json.Unmarshal([]byte(login), &export); err != nil {
		t.Fatal(err)
	}
	one := export.Trees["Login"]
	single, err := json.Marshal(map[string]any{"meta": 1, "tree": one.Tree, "nodes": one.Nodes, "innerNodes": one.InnerNodes})
	if err != nil {
		t.Fatal(err)
	}
	// As fr-config-manager writes it.
	folder := []string{
		"journeys/Login/Login.json", string(one.Tree),
		"journeys/Login/nodes/Sign in - page.json", string(one.Nodes["page"]),
		"journeys/Login/nodes/Check - check.json", string(one.Nodes["check"]),
		"journeys/Login/nodes/Again- - again.json", string(one.Nodes["again"]),
		"journeys/Login/nodes/Sign in - page/Name - name.json", string(one.InnerNodes["name"]),
		"journeys/Login/nodes/Sign in - page/Password - pass.json", string(one.InnerNodes["pass"]),
		"journeys/.git/x.json", "not for us",
	}
	for name, c := range map[string]struct {
		path  string
		files []string
	}{
		"an export":               {"x.json", []string{"x.json", login}},
		"with a byte order mark":  {"x.json", []string{"x.json", "\uFEFF" + login}},
		"of a single tree":        {"x.json", []string{"x.json", string(single)}},
		"a folder of exports":     {".", []string{"a/x.json", login, "a/readme.md", "hello"}},
		"a pattern":               {"*.json", []string{"x.json", login, "y.txt", "hello"}},
		"the same in two files":   {"*.json", []string{"x.json", login, "y.json", string(single)}},
		"a tree and its nodes":    {"journeys/Login/Login.json", folder},
		"a folder of such trees":  {"journeys", folder},
		"a pattern of such trees": {"journeys/*", folder},
	} {
		t.Run(name, func(t *testing.T) {
			set, err := treefile.Load([]string{filepath.Join(write(t, c.files...), c.path)}, nodes.Types{})
			if err != nil {
				t.Fatal(err)
			}
			if len(set.Journeys) != 1 || len(set.Journeys[0].Problems) > 0 || len(set.Journeys[0].Tree.Nodes) != 3 {
				t.Errorf("%+v", set.Journeys)
			}
		})
	}
}

// TestProblems: what keeps a journey from running is named with its place.
func TestProblems(t *testing.T) {
	for name, c := range map[string]struct {
		changes []string
		want    string
	}{
		"no such type": {
			[]string{`"nodeType": "DataStoreDecisionNode"`, `"nodeType": "MagicNode"`, `{"_id": "DataStoreDecisionNode"}`, `{"_id": "MagicNode"}`},
			`j.json: journey Login: node check "Check" (MagicNode): amgate has no node of this type; replace it by others, or remove it`,
		},
		"a script": {
			[]string{`"nodeType": "DataStoreDecisionNode"`, `"nodeType": "ScriptedDecisionNode"`, `"_type": {"_id": "DataStoreDecisionNode"}`, `"script": "3f0c"`},
			`node check "Check" (ScriptedDecisionNode): property script: scripts do not run in amgate; replace the script "Greeting" by nodes`,
		},
		"a wrong type":       {[]string{`"retryLimit": "5"`, `"retryLimit": {"a": 1}`}, `node again "Again?" (RetryLimitDecisionNode): property retryLimit: a whole number is needed`},
		"a fraction":         {[]string{`"retryLimit": "5"`, `"retryLimit": 2.5`}, "property retryLimit: a whole number is needed"},
		"a placeholder":      {[]string{`"retryLimit": "5"`, `"retryLimit": {"$int": "&{esv.limit}"}`}, "property retryLimit: it stands for a value that is kept elsewhere; write the value itself"},
		"a wrong value":      {[]string{`"retryLimit": "5"`, `"retryLimit": 0`}, `node again "Again?" (RetryLimitDecisionNode): limit 0: at least 1 is needed`},
		"a child's mistake":  {[]string{`"pass": {"_id": "pass", "_type": {"_id": "PasswordCollectorNode"}}`, `"pass": []`}, `node pass "Password" (PasswordCollectorNode): a node must be a JSON object`},
		"a missing child":    {[]string{`"pass": {"_id": "pass"`, `"other": {"_id": "pass"`}, `node pass "Password" (PasswordCollectorNode): its configuration is missing; the export is not complete`},
		"a page on itself":   {[]string{`{"_id": "pass", "nodeType": "PasswordCollectorNode", "displayName": "Password"}`, `{"_id": "page", "nodeType": "PageNode", "displayName": "Self"}`}, `a PageNode cannot be on a page`},
		"another's type":     {[]string{`"_type": {"_id": "DataStoreDecisionNode"}`, `"_type": {"_id": "UsernameCollectorNode"}`}, `its configuration is that of a UsernameCollectorNode`},
		"a strict property":  {[]string{`"_type": {"_id": "DataStoreDecisionNode"}`, `"requireMFA": true`}, `property requireMFA: amgate does not know this property, and a node that checks who somebody is must not ignore one`},
		"no such entry":      {[]string{`"entryNodeId": "page"`, `"entryNodeId": "gone"`}, "property entryNodeId: there is no node gone"},
		"a wire to nowhere":  {[]string{`"false": "again"`, `"false": "gone"`}, `property connections: the outcome false leads to node gone, which the tree does not have`},
		"a transaction":      {[]string{`"mustRun": true`, `"transactionalOnly": true`}, "property transactionalOnly: amgate has no transactions"},
		"a wrong setting":    {[]string{`"enabled": true`, `"enabled": "yes"`}, "journey Login: property enabled: true or false is needed"},
		"a negative timeout": {[]string{`"treeTimeout": 10`, `"treeTimeout": -1`}, "property treeTimeout: a whole number of minutes is needed"},
		"a huge timeout":     {[]string{`"treeTimeout": 10`, `"treeTimeout": 9999999999999999999999`}, "property treeTimeout: a whole number of minutes is needed"},
		"an id of ours":      {[]string{`"check"`, `"success"`}, "node success: a node cannot have this id"},
	} {
		t.Run(name, func(t *testing.T) {
			j := load(t, replaced(t, c.changes...))
			if !j.Tree.Disabled || len(j.Problems) == 0 {
				t.Fatalf("disabled %v, problems %v", j.Tree.Disabled, j.Problems)
			}
			if text := fmt.Sprint(j.Problems); !strings.Contains(text, c.want) {
				t.Errorf("got %s\nwant %s", text, c.want)
			}
		})
	}
}

// TestWarnings: what is amended is told, and the journey runs.
func TestWarnings(t *testing.T) {
	for name, c := range map[string]struct {
		changes []string
		want    string
	}{
		"an unknown property": {[]string{`"retryLimit": "5"`, `"colour": "red"`}, `node again "Again?" (RetryLimitDecisionNode): property colour: amgate does not know this property; it has no effect here`},
		"never a success":     {[]string{successID, failureID}, "journey Login: no path leads to success; wire an outcome to it"},
		"an open outcome":     {[]string{`"Reject": "` + failureID + `"`, `"reject": "` + failureID + `"`}, "property connections: the outcome Reject is not connected; it leads to failure"},
		"a stale connection":  {[]string{`"connections": {"outcome": "check"}`, `"connections": {"outcome": "check", "old": "check"}`}, "the node has no outcome old, so its connection is ignored; the outcomes are: outcome"},
		"an unreachable node": {[]string{`"false": "again"`, `"false": "` + failureID + `"`}, `node again "Again?" (RetryLimitDecisionNode): no path leads to it, so it is left out`},
		"an unreachable node that could not run": {
			[]string{`"false": "again"`, `"false": "` + failureID + `"`, `"retryLimit": "5"`, `"retryLimit": "x"`}, "no path leads to it",
		},
	} {
		t.Run(name, func(t *testing.T) {
			j := load(t, replaced(t, c.changes...))
			if j.Tree.Disabled || len(j.Problems) > 0 {
				t.Fatalf("problems %v", j.Problems)
			}
			if text := fmt.Sprint(j.Warnings); !strings.Contains(text, c.want) {
				t.Errorf("got %s\nwant %s", text, c.want)
			}
			if err := j.Tree.Check(); err != nil && !errors.Is(err, journey.ErrNoSuccess) {
				t.Error(err)
			}
		})
	}
}

// TestRefused: what is no journey at all is an error that says where.
func TestRefused(t *testing.T) {
	for name, c := range map[string]struct{ content, want string }{
		"no JSON":           {"{\n\t\"trees\": }\n}", "x.json:2:11: this is no JSON: invalid character '}'"},
		"cut off":           {`{"trees": {`, "x.json:1:11: this is no JSON: unexpected end"},
		"empty":             {"", "x.json:1:1: this is no JSON"},
		"a list":            {"[]", "x.json:1:1: a JSON object is needed"},
		"null":              {"null", "x.json:1:1: a JSON object is needed"},
		"something else":    {`{"hello": 1}`, `x.json: there is no journey in it: an export has "trees" or "tree"`},
		"a member twice":    {"{\"trees\": {\n\"a\": 1,\n\"a\": 2}}", "x.json:3:4: the member a is there twice"},
		"too deep":          {strings.Repeat(`{"a":`, 100) + "1" + strings.Repeat("}", 100), "nested more than 64 levels deep"},
		"trees of a list":   {`{"trees": []}`, "x.json: property trees: an object is needed"},
		"a tree of a text":  {`{"trees": {"A": {"tree": "x"}}}`, "x.json: journey A: property tree: an object is needed"},
		"no tree":           {`{"trees": {"A": {"nodes": {}}}}`, "x.json: journey A: property tree: it is missing"},
		"a node twice":      {`{"tree": {}, "nodes": {"a": {}}, "innerNodes": {"a": {}}}`, "node a is in nodes and in innerNodes"},
		"a name of a list":  {`{"tree": {"_id": []}, "nodes": {}}`, "property _id: a string is needed"},
		"a name that lures": {"{\"trees\": {\"a\\nb\": 1}}", "property trees: an object is needed"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := treefile.Load([]string{filepath.Join(write(t, "x.json", c.content), "x.json")}, nodes.Types{})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v; want %s", err, c.want)
			}
		})
	}
}

// TestRefusedPaths: a path that means nothing is no empty set of journeys.
func TestRefusedPaths(t *testing.T) {
	folder := write(t,
		"a/x.json", login, "b/x.json", strings.Replace(login, "Again?", "Once more?", 1),
		"twice/T.json", `{"entryNodeId": "a", "nodes": {}}`, "twice/nodes/1.json", `{"_id": "a"}`, "twice/nodes/2.json", `{"_id": "a"}`,
		"empty/readme.md", "hello",
	)
	for name, c := range map[string]struct {
		paths []string
		want  string
	}{
		"no such file":         {[]string{"none.json"}, "there is no such file; name files, folders or a pattern"},
		"nothing matches":      {[]string{"none/*.json"}, "there is no such file"},
		"no pattern":           {[]string{"[a"}, "syntax error in pattern"},
		"two of one name":      {[]string{"a", "b"}, "journey Login is another one in "},
		"a node in two files":  {[]string{"twice"}, "node a is in another file"},
		"every path is judged": {[]string{"none.json", "b", "a"}, "journey Login is another one"},
	} {
		t.Run(name, func(t *testing.T) {
			var paths []string
			for _, p := range c.paths {
				paths = append(paths, filepath.Join(folder, p))
			}
			_, err := treefile.Load(paths, nodes.Types{})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v; want %s", err, c.want)
			}
		})
	}
	if set, err := treefile.Load([]string{filepath.Join(folder, "empty")}, nodes.Types{}); err != nil || len(set.Journeys) > 0 {
		t.Errorf("a folder without journeys: %v, %v", set, err)
	}
}

func TestTemplatesAreCollected(t *testing.T) {
	other := strings.NewReplacer(`"Login"`, `"Other"`, `"Hi"`, `"Hello"`, `{"welcome"`, `{"again": {}, "welcome"`).Replace(login)
	folder := write(t, "1.json", login, "2.json", other)
	set, err := treefile.Load([]string{folder}, nodes.Types{})
	if err != nil {
		t.Fatal(err)
	}
	if len(set.Templates) != 2 || !strings.Contains(string(set.Templates["welcome"]), `"Hi"`) {
		t.Errorf("%s", set.Templates)
	}
	if text := fmt.Sprint(set.Journeys[1].Warnings); !strings.Contains(text, "the mail template welcome is another one in an earlier file") {
		t.Error(text)
	}
}

// FuzzLoad: no file makes the reader panic. A journey that is said to run has
// passed its own check, and any other is disabled and says why.
func FuzzLoad(f *testing.F) {
	for _, seed := range []string{
		login, "", "{}", `{"trees": {}}`, `{"entryNodeId": "a", "nodes": {"a": {"nodeType": "PageNode"}}}`,
		`{"tree": {"entryNodeId": "` + successID + `"}, "nodes": {}}`,
		`{"trees": {"A": {"tree": {"entryNodeId": "a", "nodes": {"a": {"nodeType": "PageNode", "connections": {"outcome": "a"}}}}, "nodes": {"a": {"nodes": [{"_id": "a", "nodeType": "PageNode"}]}}}}}`,
		strings.ReplaceAll(login, `"5"`, "1e999"), strings.ReplaceAll(login, "Login", `\ud800\u0000`),
	} {
		f.Add([]byte(seed))
	}
	path := filepath.Join(f.TempDir(), "fuzz.json")
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		set, err := treefile.Load([]string{path}, nodes.Types{})
		if err != nil {
			return
		}
		for _, j := range set.Journeys {
			switch err := j.Tree.Check(); {
			case len(j.Problems) == 0 && err != nil && !errors.Is(err, journey.ErrNoSuccess):
				t.Errorf("accepted, and is none: %v", err)
			case len(j.Problems) > 0 && !j.Tree.Disabled:
				t.Errorf("it cannot run, and is enabled: %v", j.Problems)
			}
			for _, p := range append(j.Problems, j.Warnings...) {
				if p.Text == "" || strings.ContainsAny(p.String(), "\n\x00") {
					t.Errorf("not in one line: %q", p.String())
				}
			}
		}
		set.Judge(treefile.Realm{Strict: true})
	})
}
