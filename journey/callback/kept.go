package callback

import (
	"encoding/json"
	"fmt"
	"reflect"
)

func init() {
	for _, l := range types.byType {
		l.plain = l.isPlain()
	}
}

// Kept is the list as MarshalJSON and UnmarshalJSON would give it back, for a
// journey that rests without being encoded: what a callback tells nobody, such
// as a password, is gone. size is about how many bytes of text it holds. An
// error says that a callback is none of this package, or cannot be encoded.
func (l List) Kept() (kept List, size int, err error) {
	kept = make(List, len(l))
	for i, item := range l {
		c, n, err := keep(item.Callback)
		if err != nil {
			return nil, 0, err
		}
		kept[i], size = Item{Callback: c, ID: item.ID}, size+n
	}
	return kept, size, nil
}

func keep(c Callback) (Callback, int, error) {
	l := layoutOf(c)
	switch own, ok := c.(interface{ kept() (Callback, int) }); {
	case l == nil:
		return nil, 0, fmt.Errorf("callback: a %T cannot be kept", c)
	case l.plain:
		return c, l.textSize(c), nil
	case ok:
		kept, size := own.kept()
		return kept, size, nil
	}
	text, err := List{{Callback: c}}.MarshalJSON()
	if err != nil {
		return nil, 0, err
	}
	var one List
	if err := json.Unmarshal(text, &one); err != nil {
		return nil, 0, err
	}
	return one[0].Callback, len(text), nil
}

// isPlain reports whether a callback of this layout comes back from its JSON as
// it was: all that it holds is simple, and all of it is told. It tries it.
func (l *layout) isPlain() bool {
	sample := reflect.New(l.goType).Elem()
	for _, f := range reflect.VisibleFields(l.goType) {
		if f.Anonymous {
			continue
		}
		switch to := sample.FieldByIndex(f.Index); to.Interface().(type) {
		case string:
			to.SetString("x")
		case bool:
			to.SetBool(true)
		case int:
			to.SetInt(1)
		case []string:
			to.Set(reflect.ValueOf([]string{"x"}))
		default:
			if to.Kind() != reflect.Int {
				return false
			}
			to.SetInt(1)
		}
	}
	c := sample.Interface().(Callback)
	var outputs, inputs wireFields
	for _, f := range c.Outputs() {
		outputs.list = append(outputs.list, wireField{f.Name, wireValue{f.Value}})
	}
	for _, f := range c.Inputs() {
		inputs.list = append(inputs.list, wireField{f.Name, wireValue{f.Value}})
	}
	again, err := l.rebuild(outputs, inputs)
	return err == nil && reflect.DeepEqual(again, c)
}

// textSize is how many bytes of text a plain callback holds.
func (l *layout) textSize(c Callback) (n int) {
	v := reflect.ValueOf(c)
	for _, slots := range [][]slot{l.outputs, l.inputs} {
		for _, s := range slots {
			switch f := v.FieldByIndex(s.index); f.Kind() {
			case reflect.String:
				n += f.Len()
			case reflect.Slice:
				for i := range f.Len() {
					n += f.Index(i).Len()
				}
			}
		}
	}
	return n
}
