package callback

import (
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// layout is how the fields of one type of callback appear on the wire.
type layout struct {
	goType          reflect.Type
	outputs, inputs []slot
}

// slot is one field of a callback: its name on the wire (for an input the
// suffix after IDTokenN) and its place in the struct.
type slot struct {
	name  string
	index int
	// text prints a number as a string.
	text bool
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
		for i := range l.goType.NumField() {
			tag := l.goType.Field(i).Tag
			if name, ok := tag.Lookup("out"); ok {
				l.outputs = append(l.outputs, newSlot(name, i))
			}
			if name, ok := tag.Lookup("in"); ok {
				l.inputs = append(l.inputs, newSlot(name, i))
			}
		}
		c.byName[cb.Type()], c.byType[l.goType] = l, l
	}
	return c
}

func newSlot(tag string, index int) slot {
	name, option, _ := strings.Cut(tag, ",")
	return slot{name: name, index: index, text: option == "text"}
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
	list := make([]Field, len(slots))
	for i, s := range slots {
		list[i] = Field{Name: s.name, Value: s.wire(v.Field(s.index))}
	}
	return list
}

// wire is a field's value as JSON shows it: AM has no null where a list or an
// object is expected.
func (s slot) wire(v reflect.Value) any {
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
		if s.text {
			return strconv.FormatInt(v.Int(), 10)
		}
		return int(v.Int())
	}
	return v.Interface()
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
	filled, err := layoutOf(c).set(c, layoutOf(c).inputs, given)
	if err != nil {
		return nil, err
	}
	if ch, ok := filled.(interface{ check() error }); ok {
		if err := ch.check(); err != nil {
			return nil, err
		}
	}
	return filled, nil
}

// rebuild makes a callback of its outputs and inputs.
func (l *layout) rebuild(outputs, inputs map[string]any) (Callback, error) {
	c, err := l.set(reflect.Zero(l.goType).Interface().(Callback), l.outputs, outputs)
	if err != nil {
		return nil, err
	}
	return l.set(c, l.inputs, inputs)
}

func (l *layout) set(c Callback, slots []slot, values map[string]any) (Callback, error) {
	v := reflect.New(l.goType).Elem()
	v.Set(reflect.ValueOf(c))
	for _, s := range slots {
		value, ok := values[s.name]
		if !ok || value == nil {
			continue
		}
		if why := assign(v.Field(s.index), value); why != "" {
			return nil, inputError{suffix: s.name, why: why}
		}
	}
	return v.Interface().(Callback), nil
}

// assign sets a field to what JSON decoded and returns what would have been
// right if it cannot. Clients send numbers as strings and strings as numbers;
// both are taken.
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
	case reflect.Slice:
		list, ok := asTexts(value)
		if !ok {
			return "a list of strings is needed"
		}
		field.Set(reflect.ValueOf(list))
	case reflect.Map:
		object, ok := value.(map[string]any)
		if !ok {
			return "an object is needed"
		}
		field.Set(reflect.ValueOf(object))
	default:
		return fmt.Sprintf("a field of kind %s cannot be filled in", field.Kind())
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

func asTexts(value any) ([]string, bool) {
	values, ok := value.([]any)
	if !ok {
		return nil, false
	}
	texts := make([]string, len(values))
	for i, v := range values {
		if texts[i], ok = v.(string); !ok {
			return nil, false
		}
	}
	return texts, true
}
