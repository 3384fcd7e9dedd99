package nodes

import (
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/amgate/amgate/journey"
)

// Written are the options of a node as Set takes them, an option's name and its
// arguments in each line. Those that have AM's default are left out. rest are
// AM's properties that differ from it and that no option can express.
func (s Spec) Written(node journey.Node) (lines [][]string, rest []string) {
	again := s.New()
	v, w := reflect.ValueOf(node).Elem(), reflect.ValueOf(again).Elem()
	for _, o := range s.Options {
		if same(v.Field(o.index), w.Field(o.index)) {
			continue
		}
		args := arguments(v.Field(o.index).Interface())
		for _, line := range args {
			if err := o.set(again, line); err != nil {
				break
			}
		}
		if !same(v.Field(o.index), w.Field(o.index)) {
			rest = append(rest, o.Field)
			continue
		}
		for _, line := range args {
			lines = append(lines, append([]string{o.Name}, line...))
		}
	}
	for i := range v.NumField() {
		field, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
		_, optional := v.Type().Field(i).Tag.Lookup("option")
		_, children := reflect.TypeAssert[[]Child](v.Field(i))
		if field != "" && field != "-" && !optional && !children && !same(v.Field(i), w.Field(i)) {
			rest = append(rest, field)
		}
	}
	return lines, rest
}

// same compares the values of two fields; empty and missing ones are the same.
func same(a, b reflect.Value) bool {
	switch a.Kind() {
	case reflect.Map, reflect.Slice:
		if a.Len() == 0 && b.Len() == 0 {
			return true
		}
	}
	return reflect.DeepEqual(a.Interface(), b.Interface())
}

// arguments are those that set a value, one list for each line.
func arguments(value any) (lines [][]string) {
	switch v := value.(type) {
	case Text:
		for _, language := range slices.Sorted(maps.Keys(v)) {
			if language == DefaultLanguage {
				lines = append(lines, []string{v[language]})
			} else {
				lines = append(lines, []string{language, v[language]})
			}
		}
	case map[string]string:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			lines = append(lines, []string{name, v[name]})
		}
	case []string:
		if len(v) > 0 {
			lines = append(lines, v)
		}
	case *int:
		if v != nil {
			lines = append(lines, []string{strconv.Itoa(*v)})
		}
	default:
		lines = append(lines, []string{written(v)})
	}
	return lines
}
