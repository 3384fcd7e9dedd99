package journeytest

import (
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/amgate/amgate/journey/callback"
)

// wire is a callback as a client may send it, right or wrong.
type wire struct {
	Type   string  `json:"type,omitempty"`
	Output []field `json:"output,omitempty"`
	Input  any     `json:"input,omitempty"`
}

type field struct {
	Name  string `json:"name"`
	Value any    `json:"value"`
}

// Hostile yields answers that no honest client would give to what was asked,
// each with a name: none at all, other things than an array, callbacks that
// are missing, added, reordered or retyped, those of other nodes, and inputs
// that are empty, huge or of the wrong type. A nil answer is one that is not
// there. It covers every type of package callback, also those to come.
func Hostile(asked callback.List) iter.Seq2[string, json.RawMessage] {
	return func(yield func(string, json.RawMessage) bool) {
		for _, raw := range []string{"", "null", "{}", "[]", "[{}]", "[null]", "[[]]", "0", `"x"`, "true", "[", strings.Repeat("[", 100_000)} {
			if !yield("callbacks "+raw[:min(len(raw), 8)], json.RawMessage(raw)) {
				return
			}
		}
		for name, callbacks := range structures(asked) {
			if !yield(name, marshal(callbacks)) {
				return
			}
		}
		for name, value := range values() {
			if !yield("every input is "+name, marshal(answer(asked, value))) {
				return
			}
		}
	}
}

// structures yields answers whose callbacks are not those that were asked.
func structures(asked callback.List) iter.Seq2[string, []wire] {
	honest := func() []wire { return answer(asked, "x") }
	return func(yield func(string, []wire) bool) {
		for i := range asked {
			if !yield(fmt.Sprintf("callback %d is missing", i+1), slices.Delete(honest(), i, i+1)) {
				return
			}
			noInput := honest()
			noInput[i].Input = []field{}
			if !yield(fmt.Sprintf("callback %d has no input", i+1), noInput) {
				return
			}
			odd := honest()
			odd[i].Input = map[string]any{"IDToken1": "x"}
			if !yield(fmt.Sprintf("the input of callback %d is an object", i+1), odd) {
				return
			}
			for _, other := range callback.Types() {
				retyped := honest()
				retyped[i].Type = other.Type()
				if !yield(fmt.Sprintf("callback %d is a %s", i+1, other.Type()), retyped) {
					return
				}
			}
		}
		reversed := honest()
		slices.Reverse(reversed)
		if !yield("reordered", reversed) || !yield("twice", append(honest(), honest()...)) {
			return
		}
		for _, other := range callback.Types() {
			foreign := answer(callback.List{{Callback: other}}, "x")
			if !yield("only a "+other.Type(), foreign) || !yield("also a "+other.Type(), append(honest(), foreign...)) {
				return
			}
		}
		truth := []wire{{Type: "MetadataCallback", Output: []field{{"outcome", "true"}, {"success", true}}, Input: []field{
			{"outcome", "true"}, {"success", true}, {"username", "demo"}, {"nodeState", map[string]any{"success": true}},
		}}}
		yield("claims of success", append(truth, honest()...))
	}
}

// values yields values for inputs.
func values() iter.Seq2[string, any] {
	return func(yield func(string, any) bool) {
		deep := any("x")
		for range 20 {
			deep = []any{deep}
		}
		for _, v := range []struct {
			name  string
			value any
		}{
			{"empty", ""}, {"null", nil}, {"a space", " "}, {"NUL", "\x00"}, {"true", true}, {"false", false},
			{"0", 0}, {"-1", -1}, {"1", 1}, {"100", 100}, {"1e300", 1e300}, {"0.5", 0.5}, {"2^31", 1 << 31},
			{"a numeric string", "0"}, {"a list", []any{"x"}}, {"an object", map[string]any{"$ne": ""}},
			{"deep", deep}, {"huge", strings.Repeat("x", 100_000)}, {"a pattern", "*"}, {"a filter", "*)(uid=*"},
			{"SQL", "' OR '1'='1"}, {"invalid text", "\xff\xfe"}, {"a template", "${jndi:ldap://x}{{7*7}}"},
		} {
			if !yield(v.name, v.value) {
				return
			}
		}
	}
}

// answer is what a client sends back that gives every input one value.
func answer(asked callback.List, value any) []wire {
	callbacks := make([]wire, len(asked))
	for i, item := range asked {
		w := wire{Type: item.Callback.Type()}
		for _, out := range item.Callback.Outputs() {
			w.Output = append(w.Output, field(out))
		}
		var inputs []field
		for _, in := range item.Callback.Inputs() {
			inputs = append(inputs, field{callback.InputName(i+1, in.Name), value})
		}
		if inputs != nil {
			w.Input = inputs
		}
		callbacks[i] = w
	}
	return callbacks
}

// Answers is the callbacks array of a client that answers what it was asked,
// with one value for the first input of each callback that has any, in their
// order. What has no value is sent back as it came.
func Answers(asked callback.List, inputs ...any) json.RawMessage {
	callbacks := answer(asked, "")
	for i, item := range asked {
		in, ok := callbacks[i].Input.([]field)
		if !ok {
			continue
		}
		for j, present := range item.Callback.Inputs() {
			in[j].Value = present.Value
		}
		if len(inputs) > 0 {
			in[0].Value, inputs = inputs[0], inputs[1:]
		}
	}
	return marshal(callbacks)
}

func marshal(v any) json.RawMessage {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err) // the values above are all ones that JSON can hold
	}
	return raw
}
