package nodes_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/amgate/amgate/journey"
	"github.com/amgate/amgate/journey/nodes"
)

// shared has recordings of AM, and journeys that were exported from it, beside
// the checked-out repository.
const shared = "../../../shared/"

// recorded reads a file of one JSON value a line into values that each gets.
// The test is skipped where there are no recordings.
func recorded[T any](t *testing.T, file string, each func(T)) {
	t.Helper()
	content, err := os.ReadFile(shared + "recordings/" + file)
	if err != nil {
		t.Skipf("there are no recordings of AM: %v", err)
	}
	lines := bufio.NewScanner(bytes.NewReader(content))
	lines.Buffer(nil, len(content)+1)
	for lines.Scan() {
		var value T
		if err := json.Unmarshal(lines.Bytes(), &value); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		each(value)
	}
}

// The ids and display names of all types are those that AM lists.
func TestTypesAreAMs(t *testing.T) {
	names := map[string]string{}
	recorded(t, "node-types.jsonl", func(listed struct {
		ID   string `json:"_id"`
		Name string `json:"name"`
	}) {
		names[listed.ID] = listed.Name
	})
	for _, spec := range nodes.All() {
		if got, ok := names[spec.Type]; !ok || got != spec.Title {
			t.Errorf("%s: AM calls %s %q, not %q", spec.Name, spec.Type, got, spec.Title)
		}
	}
}

// property is one in the table of types: its name, and its default unless
// there is none.
var property = regexp.MustCompile("`(\\w+)`(?:\\(secret\\))?=(.*?)(?:, `|$)")

// inherited are properties that the table leaves out, since AM's class has them
// from another one. Exports have them.
var inherited = map[string][]string{
	"OneTimePasswordSmtpSenderNode": {
		"hostName", "hostPort", "username", "password", "fromEmailAddress", "sslOption", "smsGatewayImplementationClass",
	},
}

// The properties, defaults and outcomes of all types are those that AM's source
// declares, in the table that was made of it.
func TestPropertiesAreAMs(t *testing.T) {
	content, err := os.ReadFile(shared + "am-nodes.md")
	if err != nil {
		t.Skipf("there is no table of AM's types: %v", err)
	}
	rows := map[string][]string{}
	for line := range strings.Lines(string(content)) {
		if columns := strings.Split(line, " | "); len(columns) == 7 {
			rows[strings.Trim(columns[0], "| `")] = columns
		}
	}
	for _, spec := range nodes.All() {
		row, ok := rows[spec.Type]
		if !ok {
			t.Errorf("%s: the table has no %s", spec.Name, spec.Type)
			continue
		}
		checkProperties(t, spec, row[3])
		if outcomes := plainOutcomes(row[4]); outcomes != nil && !slices.Equal(spec.New().Outcomes(), outcomes) {
			t.Errorf("%s: outcomes %v; want %v", spec.Name, spec.New().Outcomes(), outcomes)
		}
	}
}

// checkProperties compares a node as New makes it with the table.
func checkProperties(t *testing.T, spec nodes.Spec, column string) {
	t.Helper()
	written, err := json.Marshal(spec.New())
	if err != nil {
		t.Fatal(err)
	}
	var values map[string]any
	if err := json.Unmarshal(written, &values); err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, field := range reflect.VisibleFields(reflect.TypeOf(spec.New()).Elem()) {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		known[name] = true
	}
	// Each match ends where the next one begins.
	for column != "" {
		match := property.FindStringSubmatchIndex(column)
		if match == nil {
			break
		}
		name, want := column[match[2]:match[3]], column[match[4]:match[5]]
		column = column[match[5]:]
		switch ignored := slices.Contains(notTaken[spec.Type], name); {
		case ignored:
		case !known[name]:
			t.Errorf("%s: there is no property %s", spec.Name, name)
		case !isDefault(values[name], want):
			t.Errorf("%s: property %s is %v; want %s", spec.Name, name, values[name], want)
		}
		delete(known, name)
	}
	for name := range known {
		if slices.Contains(inherited[spec.Type], name) {
			continue
		}
		t.Errorf("%s: AM has no property %s", spec.Name, name)
	}
}

// isDefault compares a value with a default of the table: JSON, a word for the
// value of an enumeration, or a sign that there is none.
func isDefault(got any, want string) bool {
	want, _ = strings.CutSuffix(want, " h")
	var value any
	switch {
	case want == "–" || want == "req":
		return got == nil || isEmpty(got) || got == false || got == 0.0
	case strings.Contains(want, "…"):
		return true // the table has it shortened; it is a text of the node's own
	case json.Unmarshal([]byte(want), &value) != nil:
		value = want[strings.LastIndex(want, ".")+1:]
	}
	return reflect.DeepEqual(got, value) || isEmpty(value) && got == nil
}

// plainOutcomes are the outcomes in the table that a node always has; nil for
// those that depend on more than switches.
func plainOutcomes(column string) []string {
	var outcomes []string
	for outcome := range strings.SplitSeq(column, ", ") {
		name, condition, _ := strings.Cut(outcome, " ")
		if strings.HasPrefix(condition, "(") {
			continue
		}
		if condition != "" {
			return nil
		}
		outcomes = append(outcomes, name)
	}
	return outcomes
}

// notTaken are properties of AM that a node does not know, by type: whoever
// loads a journey is told.
var notTaken = map[string][]string{}

// Configurations of real servers decode, pass the check, have the outcomes
// that AM computed, and mean the same when they are written again.
func TestRecordedConfigurations(t *testing.T) {
	seen := 0
	recorded(t, "nodes.jsonl", func(recording struct {
		Example struct {
			Config json.RawMessage `json:"config"`
		} `json:"example"`
	}) {
		if checkConfiguration(t, recording.Example.Config) {
			seen++
		}
	})
	if seen == 0 {
		t.Error("no recording is of a type that is known here")
	}
}

// The same for the nodes of exported journeys.
func TestExportedConfigurations(t *testing.T) {
	files, err := filepath.Glob(shared + "journeys/*.json")
	if err != nil || len(files) == 0 {
		t.Skipf("there are no exported journeys of AM: %v", err)
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(filepath.Base(file), func(t *testing.T) {
			for _, config := range configurations(content) {
				checkConfiguration(t, config)
			}
		})
	}
}

// configurations are all node objects in a JSON value, in whatever depth.
func configurations(raw json.RawMessage) []json.RawMessage {
	var found []json.RawMessage
	var members map[string]json.RawMessage
	var elements []json.RawMessage
	switch {
	case json.Unmarshal(raw, &members) == nil:
		if _, ok := members["_outcomes"]; ok {
			found = append(found, raw)
		}
		elements = slices.Collect(maps.Values(members))
	case json.Unmarshal(raw, &elements) != nil:
		return nil
	}
	for _, element := range elements {
		found = append(found, configurations(element)...)
	}
	return found
}

// checkConfiguration judges a node object, if its type is known.
func checkConfiguration(t *testing.T, config json.RawMessage) (known bool) {
	t.Helper()
	var am struct {
		Type struct {
			ID string `json:"_id"`
		} `json:"_type"`
		Outcomes []struct {
			ID string `json:"id"`
		} `json:"_outcomes"`
	}
	if err := json.Unmarshal(config, &am); err != nil {
		t.Fatal(err)
	}
	spec, known := nodes.ByType(am.Type.ID)
	if !known {
		return false
	}
	node, unknown, err := spec.Decode(config)
	if err != nil || !slices.Equal(unknown, notTaken[spec.Type]) {
		t.Errorf("%s: error %v, unknown members %v; want %v\n%s", spec.Type, err, unknown, notTaken[spec.Type], config)
		return true
	}
	if lost := lost(t, config, node); len(lost) > 0 {
		t.Errorf("%s: written again it has not the same %v\n%s", spec.Type, lost, config)
	}
	if _, ok := node.(nodes.Parent); ok {
		return true // its children are elsewhere
	}
	var outcomes []string
	for _, o := range am.Outcomes {
		outcomes = append(outcomes, o.ID)
	}
	if got := node.Outcomes(); !slices.Equal(slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(outcomes))) {
		t.Errorf("%s: outcomes %v; want %v", spec.Type, got, outcomes)
	}
	if ch, ok := node.(journey.Checker); ok {
		if err := ch.Check(); err != nil {
			t.Errorf("%s: %v\n%s", spec.Type, err, config)
		}
	}
	return true
}

// lost are the members of a node object that are not the same when the node is
// written again; what stands for a default does not count.
func lost(t *testing.T, config json.RawMessage, node journey.Node) []string {
	t.Helper()
	written, err := json.Marshal(node)
	if err != nil {
		t.Fatal(err)
	}
	var before, after map[string]any
	if err := json.Unmarshal(config, &before); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(written, &after); err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(slices.Sorted(maps.Keys(before)), func(name string) bool {
		_, kept := after[name]
		return strings.HasPrefix(name, "_") || before[name] == nil || reflect.DeepEqual(before[name], after[name]) ||
			!kept && isEmpty(before[name]) || slices.Contains(notTaken[typeOf(before)], name)
	})
}

// isEmpty reports whether a JSON value says nothing.
func isEmpty(value any) bool {
	switch v := value.(type) {
	case string:
		return v == ""
	case []any:
		return len(v) == 0
	case map[string]any:
		return len(v) == 0
	}
	return false
}

// typeOf is the type of a node object.
func typeOf(config map[string]any) string {
	typ, _ := config["_type"].(map[string]any)
	id, _ := typ["_id"].(string)
	return id
}
