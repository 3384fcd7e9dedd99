package callback

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// inputPrefix begins the names of all inputs; the callback's number follows.
const inputPrefix = "IDToken"

// wireCallback is a callback in AM's JSON, its members in AM's order.
type wireCallback struct {
	Type   string      `json:"type"`
	Output []wireField `json:"output,omitempty"`
	Input  []wireField `json:"input,omitempty"`
	ID     *int        `json:"_id,omitempty"`
}

type wireField struct {
	Name  string `json:"name"`
	Value any    `json:"value"`
}

// InputName is the name of an input of the n-th callback of a step, counted
// from 1.
func InputName(n int, suffix string) string { return inputPrefix + strconv.Itoa(n) + suffix }

// MarshalJSON is AM's JSON: an array of callbacks whose inputs are numbered
// over all callbacks from 1, the read-only ones included. It does not escape
// HTML.
func (l List) MarshalJSON() ([]byte, error) {
	wire := make([]wireCallback, len(l))
	for i, item := range l {
		wire[i] = wireCallback{
			Type:   item.Callback.Type(),
			Output: wireFields(item.Callback.Outputs(), ""),
			Input:  wireFields(item.Callback.Inputs(), InputName(i+1, "")),
			ID:     item.ID,
		}
	}
	return encode(wire)
}

func wireFields(fields []Field, prefix string) []wireField {
	wire := make([]wireField, len(fields))
	for i, f := range fields {
		wire[i] = wireField{Name: prefix + f.Name, Value: f.Value}
	}
	return wire
}

// UnmarshalJSON rebuilds the callbacks that MarshalJSON wrote. It is for data
// of our own; what a client sends goes through Answer.
func (l *List) UnmarshalJSON(data []byte) error {
	var wire []wireCallback
	if err := decode(data, &wire); err != nil {
		return fmt.Errorf("callback: %w", err)
	}
	if wire == nil {
		*l = nil
		return nil
	}
	list := make(List, len(wire))
	for i, w := range wire {
		layout, ok := types.byName[w.Type]
		if !ok {
			return fmt.Errorf("callback: there is no type %q", w.Type)
		}
		c, err := layout.rebuild(values(w.Output, ""), values(w.Input, InputName(i+1, "")))
		if err != nil {
			return fmt.Errorf("callback: %s: %w", w.Type, err)
		}
		list[i] = Item{Callback: c, ID: w.ID}
	}
	*l = list
	return nil
}

// values maps the names of fields, without the prefix, to their values; the
// first of several counts.
func values(fields []wireField, prefix string) map[string]any {
	m := make(map[string]any, len(fields))
	for _, f := range fields {
		name, ok := strings.CutPrefix(f.Name, prefix)
		if _, twice := m[name]; ok && !twice {
			m[name] = f.Value
		}
	}
	return m
}

// encode is json.Marshal without HTML escapes, which AM does not make.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// decode is json.Unmarshal with numbers kept exactly as they were written.
func decode(data []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	return dec.Decode(v)
}
