package nodes_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/amgate/amgate/journey"
	"github.com/amgate/amgate/journey/nodes"
)

// TestDecode reads AM's JSON: right values, AM's ways to write them, and wrong
// ones, which are named.
func TestDecode(t *testing.T) {
	for name, c := range map[string]struct{ kind, json, want string }{
		"AM's id of the type":  {"RetryLimitDecisionNode", `{"retryLimit": 4, "_id": "x", "_rev": "1"}`, "&{4 true} []"},
		"our name of the type": {"retry_limit", `{"retryLimit": 4.0}`, "&{4 true} []"},
		"a number as a text":   {"retry_limit", `{"retryLimit": "7"}`, "&{7 true} []"},
		"null is the default":  {"retry_limit", `{"retryLimit": null}`, "&{3 true} []"},
		"unknown members":      {"retry_limit", `{"b": 1, "a": 2}`, "&{3 true} [a b]"},
		"all that is wrong":    {"retry_limit", `{"retryLimit": [], "incrementUserAttributeOnFailure": "yes"}`, "property retryLimit: a whole number is needed\nproperty incrementUserAttributeOnFailure: true or false is needed"},
		"a text that is none":  {"page", `{"pageHeader": "Hi"}`, `property pageHeader: an object of texts by language, for example {"en": "Hello"}, is needed`},
		"a list that is none":  {"page", `{"nodes": {"a": 1}}`, "property nodes: an array of nodes"},
		"a placeholder":        {"page", `{"stage": "&{stage}"}`, "property stage: it stands for a value that is kept elsewhere; write the value itself"},
		"no object":            {"page", `[]`, "a node must be a JSON object"},
		"null":                 {"page", `null`, "a node must be a JSON object"},
		"no such type":         {"MagicNode", `{}`, "there is no node of the type MagicNode"},
	} {
		t.Run(name, func(t *testing.T) {
			node, unknown, err := nodes.Types{}.Decode(c.kind, []byte(c.json))
			got := fmt.Sprint(node, unknown)
			if err != nil {
				got = err.Error()
			}
			if !strings.HasPrefix(got, c.want) {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
	_, _, err := nodes.Types{}.Decode("retry_limit", []byte(`{"retryLimit": "x"}`))
	if wrong, ok := errors.AsType[*journey.PropertyError](err); !ok || wrong.Property != "retryLimit" {
		t.Errorf("the error %v does not name the property", err)
	}
}

func TestProves(t *testing.T) {
	for kind, want := range map[string]string{
		"DataStoreDecisionNode": "[true] true", "data_store": "[true] true", "message": "[] true", "MagicNode": "[] false",
	} {
		outcomes, known := nodes.Types{}.Proves(kind)
		if got := fmt.Sprint(outcomes, known); got != want {
			t.Errorf("%s: %s; want %s", kind, got, want)
		}
	}
}

// TestWritten: what a node's options say of it makes the same node again.
func TestWritten(t *testing.T) {
	for _, spec := range nodes.All() {
		node := fixture(t, spec)
		lines, rest := spec.Written(node)
		if len(rest) > 0 {
			t.Errorf("%s: %v cannot be written", spec.Name, rest)
		}
		again := spec.New()
		for _, line := range lines {
			if err := spec.Set(again, line[0], line[1:]); err != nil {
				t.Errorf("%s: %v: %v", spec.Name, line, err)
			}
		}
		if more, _ := spec.Written(again); fmt.Sprint(more) != fmt.Sprint(lines) {
			t.Errorf("%s: %q became %q", spec.Name, lines, more)
		}
		if lines, rest := spec.Written(spec.New()); len(lines)+len(rest) > 0 {
			t.Errorf("%s: the defaults are written as %v, and %v not at all", spec.Name, lines, rest)
		}
	}
	collector, _ := nodes.ByName("attribute_collector")
	if _, rest := collector.Written(&nodes.AttributeCollector{Identity: "mail"}); fmt.Sprint(rest) != "[identityAttribute]" {
		t.Errorf("these cannot be written: %v", rest)
	}
}
