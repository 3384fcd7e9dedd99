package nodes

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/amgate/amgate/journey"
)

// optionsOf reads the options of a node from the tags of its fields: option
// is the word in a Caddyfile, json the member in AM's JSON, doc what it means,
// example a sensible value, values the ones that a string may have, with commas
// between, and default the value without the option where the node itself does
// not hold it.
func optionsOf(node journey.Node) []Option {
	v := reflect.ValueOf(node).Elem()
	var options []Option
	for i := range v.NumField() {
		tag := v.Type().Field(i).Tag
		name, ok := tag.Lookup("option")
		if !ok {
			continue
		}
		field, _, _ := strings.Cut(tag.Get("json"), ",")
		o := Option{
			Name: name, Field: field, Kind: kindOf(v.Field(i).Interface()),
			Default: tag.Get("default"), Example: tag.Get("example"), Doc: tag.Get("doc"), index: i,
		}
		o.Values = valuesOf(tag)
		if o.Default == "" {
			o.Default = written(v.Field(i).Interface())
		}
		options = append(options, o)
	}
	return options
}

// valuesOf are the values that a string may have; nil for any.
func valuesOf(tag reflect.StructTag) []string {
	if values := tag.Get("values"); values != "" {
		return strings.Split(values, ",")
	}
	return nil
}

// kindOf panics for a type of field that has no Kind yet.
func kindOf(value any) Kind {
	switch value.(type) {
	case Text:
		return KindText
	case string:
		return KindString
	case int, *int:
		return KindNumber
	case bool:
		return KindSwitch
	case []string:
		return KindList
	case map[string]string:
		return KindMap
	}
	panic(fmt.Sprintf("nodes: an option cannot be a %T", value))
}

// written is a value as a Caddyfile would write it; "" for none.
func written(value any) string {
	switch v := value.(type) {
	case string:
		return v
	case int:
		return strconv.Itoa(v)
	case bool:
		if v {
			return "on"
		}
		return "off"
	case []string:
		return strings.Join(v, " ")
	}
	return ""
}

func (o Option) set(node journey.Node, args []string) error {
	switch field := reflect.ValueOf(node).Elem().Field(o.index).Addr().Interface().(type) {
	case *Text:
		return field.Add(args)
	case *string:
		return setString(field, args, o.Values)
	case *int:
		return setNumber(field, args)
	case **int:
		number := new(int)
		if err := setNumber(number, args); err != nil {
			return err
		}
		*field = number
		return nil
	case *bool:
		return setSwitch(field, args)
	case *[]string:
		return addToList(field, args)
	case *map[string]string:
		return addToMap(field, args)
	}
	return fmt.Errorf("a %T has no such option", node)
}

func setString(field *string, args, values []string) error {
	if len(args) != 1 {
		return errors.New("exactly one argument is needed; put a text with spaces in quotes")
	}
	if values == nil {
		*field = args[0]
		return nil
	}
	// AM writes these in capitals.
	i := slices.IndexFunc(values, func(v string) bool { return strings.EqualFold(v, args[0]) })
	if i < 0 {
		return fmt.Errorf("%q is not one of: %s", args[0], strings.Join(values, ", "))
	}
	*field = values[i]
	return nil
}

func setNumber(field *int, args []string) error {
	if len(args) != 1 {
		return errors.New("exactly one whole number is needed")
	}
	n, err := strconv.Atoi(args[0])
	if err != nil {
		return fmt.Errorf("%q is not a whole number", args[0])
	}
	*field = n
	return nil
}

func setSwitch(field *bool, args []string) error {
	switch {
	case len(args) == 0, len(args) == 1 && args[0] == "on":
		*field = true
	case len(args) == 1 && args[0] == "off":
		*field = false
	default:
		return errors.New("write on or off, or nothing for on")
	}
	return nil
}

func addToList(field *[]string, args []string) error {
	if len(args) == 0 {
		return errors.New("at least one argument is needed")
	}
	*field = append(*field, args...)
	return nil
}

func addToMap(field *map[string]string, args []string) error {
	if len(args) != 2 {
		return errors.New("a name and a value are needed; put a value with spaces in quotes")
	}
	if _, twice := (*field)[args[0]]; twice {
		return fmt.Errorf("%s is there twice", args[0])
	}
	if *field == nil {
		*field = make(map[string]string)
	}
	(*field)[args[0]] = args[1]
	return nil
}
