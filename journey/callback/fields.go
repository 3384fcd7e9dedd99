package callback

import (
	"encoding/json"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// layout is how the fields of one type of callback appear on the wire.
type layout struct {
	goType          reflect.Type
	outputs, inputs []slot
	// plain says that a callback comes back from its JSON as it was.
	plain bool
}

// slot is one field of a callback: its name on the wire (for an input the
// suffix after IDTokenN) and its place in the struct.
type slot struct {
	name  string
	index []int
	// text prints a number as a string.
	text bool
	// unit is what the number of a duration counts.
	unit time.Duration
	// optional leaves an output out that has its zero value.
	optional bool
}

// catalogue has the layouts of all types.
type catalogue struct {
	byName map[string]*layout
	byType map[reflect.Type]*layout
}

func describe(callbacks ...Callback) catalogue {
	c := catalogue{byName: map[string]*layout{}, byType: map[reflect.Type]*layout{}}
	for _, cb := range callbacks {
		l := &layout{goType: reflect.TypeOf(cb)}
		for _, f := range reflect.VisibleFields(l.goType) {
			if tag, ok := f.Tag.Lookup("out"); ok {
				l.outputs = append(l.outputs, newSlot(tag, f.Index))
			}
			if tag, ok := f.Tag.Lookup("in"); ok {
				l.inputs = append(l.inputs, newSlot(tag, f.Index))
			}
		}
		c.byName[cb.Type()], c.byType[l.goType] = l, l
	}
	return c
}

func newSlot(tag string, index []int) slot {
	name, options, _ := strings.Cut(tag, ",")
	s := slot{name: name, index: index}
	for option := range strings.SplitSeq(options, ",") {
		switch option {
		case "text":
			s.text = true
		case "optional":
			s.optional = true
		case "ms":
			s.unit = time.Millisecond
		case "s":
			s.unit = time.Second
		}
	}
	return s
}

func (c catalogue) empty() []Callback {
	all := make([]Callback, 0, len(c.byType))
	for t := range c.byType {
		all = append(all, reflect.Zero(t).Interface().(Callback))
	}
	slices.SortFunc(all, func(a, b Callback) int { return strings.Compare(a.Type(), b.Type()) })
	return all
}

// layoutOf is nil for a type that is not in the catalogue.
func layoutOf(c Callback) *layout { return types.byType[reflect.TypeOf(c)] }

func outputs(c Callback) []Field { return fields(c, layoutOf(c).outputs) }
func inputs(c Callback) []Field  { return fields(c, layoutOf(c).inputs) }

func fields(c Callback, slots []slot) []Field {
	v := reflect.ValueOf(c)
	list := make([]Field, 0, len(slots))
	for _, s := range slots {
		if f := v.FieldByIndex(s.index); !s.optional || !f.IsZero() {
			list = append(list, Field{Name: s.name, Value: s.wire(f)})
		}
	}
	return list
}

// wire is a field's value as JSON shows it: AM has no null where a list or an
// object is expected. A Secret is never shown.
func (s slot) wire(v reflect.Value) any {
	switch value := v.Interface().(type) {
	case Secret:
		return ""
	case json.Number:
		if value == "" {
			return nil
		}
	case time.Duration:
		return s.number(int64(value / s.unit))
	}
	switch v.Kind() {
	case reflect.Slice:
		if v.IsNil() {
			return reflect.MakeSlice(v.Type(), 0, 0).Interface()
		}
	case reflect.Map:
		if v.IsNil() {
			return reflect.MakeMap(v.Type()).Interface()
		}
	case reflect.Int:
		return s.number(v.Int())
	}
	return v.Interface()
}

func (s slot) number(n int64) any {
	if s.text {
		return strconv.FormatInt(n, 10)
	}
	return int(n)
}

// inputError tells what would be right for an input. It has nothing of what
// the client sent.
type inputError struct{ suffix, why string }

func (e inputError) Error() string {
	if e.suffix == "" {
		return e.why
	}
	return e.suffix + ": " + e.why
}

// fill is Callback.Fill for the types of this package: a copy of c with the
// inputs set, and checked if the type has a method check.
func fill(c Callback, given map[string]any) (Callback, error) {
	l := layoutOf(c)
	v := reflect.New(l.goType).Elem()
	v.Set(reflect.ValueOf(c))
	if err := set(v, l.inputs, func(name string) (any, bool) {
		value, ok := given[name]
		return value, ok
	}); err != nil {
		return nil, err
	}
	filled := v.Interface().(Callback)
	if ch, ok := filled.(interface{ check() error }); ok {
		if err := ch.check(); err != nil {
			return nil, err
		}
	}
	return filled, nil
}

// rebuild makes a callback of its outputs and inputs.
func (l *layout) rebuild(outputs, inputs wireFields) (Callback, error) {
	empty := reflect.Zero(l.goType).Interface().(Callback)
	if own, ok := empty.(interface {
		rebuild(outputs []wireField) (Callback, error)
	}); ok {
		return own.rebuild(outputs.list)
	}
	v := reflect.New(l.goType).Elem()
	if err := set(v, l.outputs, outputs.value); err != nil {
		return nil, err
	}
	if err := set(v, l.inputs, inputs.value); err != nil {
		return nil, err
	}
	return v.Interface().(Callback), nil
}

// set sets fields of a callback to the values that there are.
func set(v reflect.Value, slots []slot, find func(name string) (any, bool)) error {
	for _, s := range slots {
		value, ok := find(s.name)
		if !ok {
			continue
		}
		if why := s.assign(v.FieldByIndex(s.index), value); why != "" {
			return inputError{suffix: s.name, why: why}
		}
	}
	return nil
}

// assign sets a field to what JSON decoded and returns what would have been
// right if it cannot. Clients send numbers as strings and strings as numbers;
// both are taken. Null keeps what is there, except in a number that may be
// null.
func (s slot) assign(field reflect.Value, value any) (why string) {
	switch to := field.Addr().Interface().(type) {
	case *json.Number:
		n, ok := asNumber(value)
		if !ok {
			return "a number is needed"
		}
		*to = n
		return ""
	case *time.Duration:
		n, ok := asInt(value)
		if !ok {
			return "a whole number is needed"
		}
		*to = time.Duration(n) * s.unit
		return ""
	case *[]string:
		text, encoded := value.(jsontext.Value)
		if encoded && jsonv2.Unmarshal(text, to, tolerant) == nil {
			return ""
		}
	}
	if value == nil {
		return ""
	}
	return assign(field, value)
}

func assign(field reflect.Value, value any) (why string) {
	switch field.Kind() {
	case reflect.String:
		text, ok := asText(value)
		if !ok {
			return "a string is needed"
		}
		field.SetString(text)
	case reflect.Int:
		n, ok := asInt(value)
		if !ok {
			return "a whole number is needed"
		}
		field.SetInt(n)
	case reflect.Bool:
		b, ok := asBool(value)
		if !ok {
			return "true or false is needed"
		}
		field.SetBool(b)
	default:
		if !asJSON(value, field) {
			return "a value of another form is needed"
		}
	}
	return ""
}

func asText(value any) (string, bool) {
	switch v := value.(type) {
	case string:
		return v, true
	case json.Number:
		return v.String(), true
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), true
	case int: // of callers in Go
		return strconv.Itoa(v), true
	}
	return "", false
}

// asInt takes whole numbers that fit into 32 bits, as Java's int.
func asInt(value any) (int64, bool) {
	text, ok := asText(value)
	if !ok {
		return 0, false
	}
	if n, err := strconv.ParseInt(text, 10, 32); err == nil {
		return n, true
	}
	f, err := strconv.ParseFloat(text, 64) // 1e0, 1.0
	if err != nil || f != math.Trunc(f) || math.Abs(f) > math.MaxInt32 {
		return 0, false
	}
	return int64(f), true
}

// asNumber takes what JSON calls a number, if a float64 can come near it, and
// nothing as null.
func asNumber(value any) (json.Number, bool) {
	if value == nil || value == "" {
		return "", true
	}
	text, ok := asText(value)
	if !ok || !json.Valid([]byte(text)) || strings.Trim(text, "-+.eE0123456789") != "" {
		return "", false
	}
	_, err := strconv.ParseFloat(text, 64)
	return json.Number(text), err == nil
}

func asBool(value any) (is, ok bool) {
	switch value {
	case true, "true":
		return true, true
	case false, "false":
		return false, true
	}
	return false, false
}

// asJSON sets a list or an object, of whose form encoding/json knows more.
func asJSON(value any, field reflect.Value) bool {
	text, encoded := value.(jsontext.Value)
	if !encoded {
		var err error
		if text, err = encode(value); err != nil {
			return false
		}
	}
	into := reflect.New(field.Type())
	if err := decode(text, into.Interface()); err != nil {
		return false
	}
	field.Set(into.Elem())
	return true
}
