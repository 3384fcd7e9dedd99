package callback

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// ErrAnswer says that a client's answer does not fit what it was asked. The
// error that wraps it names the input and says what would be right; nothing
// of what the client sent is in it.
var ErrAnswer = errors.New("callback: the answer does not fit")

// Bounds on a client's answer.
const (
	// MaxAnswerBytes is the greatest size of a callbacks array.
	MaxAnswerBytes = 1 << 20
	// MaxAnswerDepth is how deep its values may be nested.
	MaxAnswerDepth = 32
	// MaxAnswerCallbacks is how many elements it may have.
	MaxAnswerCallbacks = 256
)

// Answer fills a client's answer into the callbacks that were asked and
// returns them: the same types, in the same order, with the same outputs. raw
// is the callbacks array as the client sent it; nil or null if it sent none.
//
// Clients differ in what they send back, so an answer is found by the name of
// its input, and else by its place among the callbacks of its type that were
// not found by name, whatever number it bears. Outputs, unknown members and
// unknown callbacks are ignored, read-only callbacks may be missing, a type
// may be missing, and of several answers to one callback the first counts.
// What a client cannot do is add, retype or skip a callback: each one that has
// inputs must come back with at least one of them. All errors wrap ErrAnswer.
func (l List) Answer(raw json.RawMessage) (List, error) {
	given, err := parseAnswer(raw)
	if err != nil {
		return nil, err
	}
	claimed, err := l.claim(given)
	if err != nil {
		return nil, err
	}
	filled := make(List, len(l))
	for i, item := range l {
		filled[i] = item
		inputs := item.Callback.Inputs()
		if len(inputs) == 0 {
			continue
		}
		values, ok := claimed[i].inputsFor(inputs, i+1)
		if !ok {
			return nil, answerError(i+1, inputs[0].Name, "is missing; send the step back with it filled in")
		}
		if filled[i].Callback, err = item.Callback.Fill(values); err != nil {
			return nil, fillError(i+1, err)
		}
	}
	return filled, nil
}

// claim finds the answer to each callback with inputs: first by name, then by
// order within the type. The answer to a read-only one, or to one that is not
// answered, is nil.
func (l List) claim(given []answer) ([]*answer, error) {
	byInput := make(map[string]*answer, len(given))
	for i := range given {
		for name := range given[i].inputs {
			if _, twice := byInput[name]; !twice {
				byInput[name] = &given[i]
			}
		}
	}
	claimed := make([]*answer, len(l))
	for i, item := range l {
		for _, in := range item.Callback.Inputs() {
			name := InputName(i+1, in.Name)
			a := byInput[name]
			if a == nil {
				continue
			}
			if a.kind != "" && a.kind != item.Callback.Type() {
				return nil, answerError(i+1, in.Name, "belongs to a "+item.Callback.Type())
			}
			a.claimed, claimed[i] = true, a
			break
		}
	}
	for i, item := range l {
		if claimed[i] != nil || len(item.Callback.Inputs()) == 0 {
			continue
		}
		for j := range given {
			if a := &given[j]; !a.claimed && a.kind == item.Callback.Type() {
				a.claimed, claimed[i] = true, a
				break
			}
		}
	}
	return claimed, nil
}

// answer is one element of what a client sent.
type answer struct {
	kind    string
	inputs  map[string]any // by full name
	claimed bool
}

// inputsFor returns the values for the inputs of the n-th callback, keyed by
// suffix, and whether there is one at all. An answer that was not found by
// name gives its only value to an only input, whatever its name, and those of
// one number to several inputs.
func (a *answer) inputsFor(inputs []Field, n int) (map[string]any, bool) {
	if a == nil {
		return nil, false
	}
	values := a.numbered(inputs, n)
	if len(values) == 0 && len(inputs) == 1 && len(a.inputs) == 1 {
		for _, v := range a.inputs {
			values[inputs[0].Name] = v
		}
	}
	if len(values) == 0 && len(inputs) > 1 {
		values = a.numbered(inputs, a.number(inputs))
	}
	return values, len(values) > 0
}

// numbered are the values whose names have the number n, keyed by suffix.
func (a *answer) numbered(inputs []Field, n int) map[string]any {
	values := make(map[string]any, len(inputs))
	for _, in := range inputs {
		if v, ok := a.inputs[InputName(n, in.Name)]; ok {
			values[in.Name] = v
		}
	}
	return values
}

// number is the lowest number that the names of these inputs have in an
// answer; 0 if none has.
func (a *answer) number(inputs []Field) int {
	lowest := 0
	for name := range a.inputs {
		rest, ok := strings.CutPrefix(name, inputPrefix)
		if !ok {
			continue
		}
		for _, in := range inputs {
			digits, ok := strings.CutSuffix(rest, in.Name)
			if n, err := strconv.Atoi(digits); ok && err == nil && n > 0 && (lowest == 0 || n < lowest) {
				lowest = n
			}
		}
	}
	return lowest
}

// parseAnswer reads a callbacks array within its bounds.
func parseAnswer(raw json.RawMessage) ([]answer, error) {
	switch {
	case len(raw) == 0:
		return nil, nil
	case len(raw) > MaxAnswerBytes:
		return nil, fmt.Errorf("%w: the callbacks are larger than %d bytes", ErrAnswer, MaxAnswerBytes)
	case deeper(raw, MaxAnswerDepth):
		return nil, fmt.Errorf("%w: the callbacks are nested deeper than %d levels", ErrAnswer, MaxAnswerDepth)
	}
	var wire []struct {
		Type  string      `json:"type"`
		Input []wireField `json:"input"`
	}
	if err := jsonv2.Unmarshal(raw, &wire, tolerant); err != nil {
		return nil, fmt.Errorf("%w: callbacks must be an array of objects with type and input", ErrAnswer)
	}
	if len(wire) > MaxAnswerCallbacks {
		return nil, fmt.Errorf("%w: there are more than %d callbacks", ErrAnswer, MaxAnswerCallbacks)
	}
	given := make([]answer, len(wire))
	for i, w := range wire {
		given[i] = answer{kind: w.Type, inputs: make(map[string]any, len(w.Input))}
		for _, in := range w.Input {
			if _, twice := given[i].inputs[in.Name]; !twice {
				given[i].inputs[in.Name] = in.Value.decoded()
			}
		}
	}
	return given, nil
}

// tolerant reads what AM's parser reads: the last of several members of one
// name counts.
var tolerant = jsonv2.JoinOptions(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))

// decoded is the value with lists and objects decoded, too: whoever wrote a
// Fill of their own expects them so.
func (v *wireValue) decoded() any {
	if text, ok := v.any.(jsontext.Value); ok {
		_ = decode(text, &v.any) // it is valid
	}
	return v.any
}

// deeper reports whether JSON text is nested deeper than limit. It may be
// wrong about text that is not JSON.
func deeper(text []byte, limit int) bool {
	depth, quoted := 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '[' || c == '{':
			if depth++; depth > limit {
				return true
			}
		case c == ']' || c == '}':
			depth--
		}
	}
	return false
}

func answerError(n int, suffix, what string) error {
	return fmt.Errorf("%w: input %s %s", ErrAnswer, InputName(n, suffix), what)
}

func fillError(n int, err error) error {
	if e, ok := errors.AsType[inputError](err); ok {
		return answerError(n, e.suffix, "is not right: "+e.why)
	}
	return fmt.Errorf("%w: input %s is not right: %w", ErrAnswer, InputName(n, ""), err)
}
