package treefile

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/amgate/amgate/journey"
)

// maxDepth bounds how deep the JSON of a file may be nested; exports need
// about ten levels.
const maxDepth = 64

// object is a JSON object whose members are not read yet. Names are compared
// exactly, other than encoding/json does for structs.
type object map[string]json.RawMessage

// read reads a member. One that is absent or null leaves into as it is.
func (o object) read(name string, into any) error {
	raw, ok := o[name]
	if !ok {
		return nil
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return &journey.PropertyError{Property: name, Err: fmt.Errorf("%s is needed", wanted(into))}
	}
	return nil
}

// wanted says in JSON's words what a value must be.
func wanted(into any) string {
	switch into.(type) {
	case *string:
		return "a string"
	case *bool:
		return "true or false"
	case *json.Number:
		return "a number"
	case *object, *map[string]object, *map[string]string, *map[string]json.RawMessage:
		return "an object"
	}
	return "another type of value"
}

// parse reads the JSON object of a file. What a later member of the same name
// would hide is an error: two readers of one file could understand it in two
// ways. Errors begin with the place, "file:line:column".
func parse(file string, data []byte) (object, error) {
	at := func(offset int64, format string, args ...any) error {
		before := data[:max(0, min(int(offset), len(data)))]
		line := 1 + bytes.Count(before, []byte("\n"))
		column := len(before) - bytes.LastIndexByte(before, '\n')
		return fmt.Errorf("%s:%d:%d: "+format, append([]any{file, line, column}, args...)...)
	}
	var whole json.RawMessage
	if err := json.Unmarshal(data, &whole); err != nil {
		if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
			return nil, at(syntax.Offset-1, "this is no JSON: %w", err)
		}
		return nil, at(0, "this is no JSON: %w", err)
	}
	if offset, err := scan(data); err != nil {
		return nil, at(offset, "%w", err)
	}
	var o object
	if err := json.Unmarshal(whole, &o); err != nil || o == nil {
		return nil, at(0, "a JSON object is needed: %s", forms)
	}
	return o, nil
}

// level is an object or array that is being read. names is nil for an array.
type level struct {
	names map[string]bool
	name  bool // the next token is a member's name
}

// scan looks for what encoding/json tolerates: members of the same name, and
// depth. It returns the offset at which it found some.
func scan(data []byte) (offset int64, err error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	var levels []level
	for {
		token, err := dec.Token()
		if err != nil {
			return dec.InputOffset(), nil //nolint:nilerr // The end: data is JSON.
		}
		top := len(levels) - 1
		if top >= 0 && levels[top].name {
			if name, ok := token.(string); ok {
				if levels[top].names[name] {
					return dec.InputOffset(), fmt.Errorf("the member %s is there twice", printable(name))
				}
				levels[top].names[name], levels[top].name = true, false
				continue
			}
		}
		switch token {
		case json.Delim('{'):
			levels = append(levels, level{names: make(map[string]bool), name: true})
		case json.Delim('['):
			levels = append(levels, level{})
		case json.Delim('}'), json.Delim(']'):
			levels = levels[:top]
			top--
			fallthrough
		default:
			if top >= 0 && levels[top].names != nil {
				levels[top].name = true
			}
		}
		if len(levels) > maxDepth {
			return dec.InputOffset(), fmt.Errorf("it is nested more than %d levels deep", maxDepth)
		}
	}
}

// text reads a text that AM writes as the string "null" where there is none.
func text(s string) string {
	if s == "null" {
		return ""
	}
	return strings.TrimSpace(s)
}
