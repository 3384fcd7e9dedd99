package callback

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// inputPrefix begins the names of all inputs; the callback's number follows.
const inputPrefix = "IDToken"

// wireCallback is a callback in AM's JSON, as it is read.
type wireCallback struct {
	Type   string      `json:"type"`
	Output []wireField `json:"output"`
	Input  []wireField `json:"input"`
	ID     *int        `json:"_id"`
}

type wireField struct {
	Name  string    `json:"name"`
	Value wireValue `json:"value"`
}

// wireValue is what JSON stands for, with numbers as they were written and
// lists and objects left as they are.
type wireValue struct{ any }

var _ jsonv2.UnmarshalerFrom = (*wireValue)(nil)

// UnmarshalJSONFrom takes any value.
func (v *wireValue) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	raw, err := dec.ReadValue()
	if err != nil {
		return err
	}
	switch raw.Kind() {
	case '"':
		text, _ := jsontext.AppendUnquote(nil, raw) // it tells that it has replaced something
		v.any = string(text)
	case '0':
		v.any = json.Number(raw)
	case 't', 'f':
		v.any = raw.Kind() == 't'
	case '[', '{':
		v.any = raw.Clone()
	default:
		v.any = nil
	}
	return nil
}

// InputName is the name of an input of the n-th callback of a step, counted
// from 1.
func InputName(n int, suffix string) string { return inputPrefix + strconv.Itoa(n) + suffix }

// MarshalJSON is AppendJSON.
func (l List) MarshalJSON() ([]byte, error) {
	return l.AppendJSON(make([]byte, 0, 256*len(l))) // about what they take
}

// AppendJSON appends AM's JSON: an array of callbacks whose inputs are numbered
// over all callbacks from 1, the read-only ones included. It does not escape
// HTML.
func (l List) AppendJSON(text []byte) (_ []byte, err error) {
	text = append(text, '[')
	for i, item := range l {
		if i > 0 {
			text = append(text, ',')
		}
		text = AppendText(append(text, `{"type":`...), item.Callback.Type())
		if text, err = appendFields(text, `,"output":[`, item.Callback.Outputs(), ""); err != nil {
			return nil, err
		}
		if text, err = appendFields(text, `,"input":[`, item.Callback.Inputs(), InputName(i+1, "")); err != nil {
			return nil, err
		}
		if item.ID != nil {
			text = strconv.AppendInt(append(text, `,"_id":`...), int64(*item.ID), 10)
		}
		text = append(text, '}')
	}
	return append(text, ']'), nil
}

// appendFields appends a list of fields, unless there are none.
func appendFields(text []byte, opening string, fields []Field, prefix string) (_ []byte, err error) {
	if len(fields) == 0 {
		return text, nil
	}
	for _, f := range fields {
		text = AppendText(append(append(text, opening...), `{"name":`...), prefix+f.Name)
		if text, err = appendValue(append(text, `,"value":`...), f.Value); err != nil {
			return nil, err
		}
		text, opening = append(text, '}'), ","
	}
	return append(text, ']'), nil
}

func appendValue(text []byte, value any) ([]byte, error) {
	switch v := value.(type) {
	case string:
		return AppendText(text, v), nil
	case bool:
		return strconv.AppendBool(text, v), nil
	case int:
		return strconv.AppendInt(text, int64(v), 10), nil
	case []string:
		text = append(text, '[')
		for i, one := range v {
			if i > 0 {
				text = append(text, ',')
			}
			text = AppendText(text, one)
		}
		return append(text, ']'), nil
	}
	encoded, err := encode(value)
	return append(text, encoded...), err
}

// AppendText appends a JSON string. What is not UTF-8 becomes U+FFFD.
func AppendText(text []byte, s string) []byte {
	text, _ = jsontext.AppendQuote(text, s) // it tells that it has replaced something
	return text
}

// UnmarshalJSON rebuilds the callbacks that MarshalJSON wrote. It is for data
// of our own; what a client sends goes through Answer.
func (l *List) UnmarshalJSON(data []byte) error {
	var wire []wireCallback
	if err := jsonv2.Unmarshal(data, &wire, tolerant); err != nil {
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
		c, err := layout.rebuild(wireFields{w.Output, ""}, wireFields{w.Input, InputName(i+1, "")})
		if err != nil {
			return fmt.Errorf("callback: %s: %w", w.Type, err)
		}
		list[i] = Item{Callback: c, ID: w.ID}
	}
	*l = list
	return nil
}

// wireFields are fields whose names have a prefix.
type wireFields struct {
	list   []wireField
	prefix string
}

// value finds a field by its name without the prefix; the first of several
// counts.
func (f wireFields) value(name string) (any, bool) {
	for _, one := range f.list {
		if rest, ok := strings.CutPrefix(one.Name, f.prefix); ok && rest == name {
			return one.Value.any, true
		}
	}
	return nil, false
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
