package nodes

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/amgate/amgate/journey"
)

// Types are the types of nodes that amgate ships, for whoever reads journeys.
type Types struct{}

// Decode makes a node of a type, which is AM's id or the name in a Caddyfile,
// as Spec.Decode does.
func (Types) Decode(kind string, raw json.RawMessage) (node journey.Node, unknown []string, err error) {
	spec, ok := Lookup(kind)
	if !ok {
		return nil, nil, fmt.Errorf("there is no node of the type %s", kind)
	}
	return spec.Decode(raw)
}

// Proves lists the outcomes that vouch for something the client had to know,
// have or be. known is false for a type that amgate does not ship.
func (Types) Proves(kind string) (outcomes []string, known bool) {
	spec, ok := Lookup(kind)
	return spec.Proves, ok
}

// Decode makes the node that an object of AM's JSON describes. Members that
// begin with "_" are AM's bookkeeping; null stands for AM's default. unknown
// are the members that amgate does not know, sorted; the node is made without
// them. Errors are *journey.PropertyError, several of them joined by
// errors.Join.
func (s Spec) Decode(raw json.RawMessage) (node journey.Node, unknown []string, err error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(raw, &members); err != nil || members == nil {
		return nil, nil, errors.New("a node must be a JSON object")
	}
	node = s.New()
	var errs []error
	v := reflect.ValueOf(node).Elem()
	for i := range v.NumField() {
		tag := v.Type().Field(i).Tag
		name, _, _ := strings.Cut(tag.Get("json"), ",")
		member, ok := members[name]
		if !ok || name == "" || name == "-" {
			continue
		}
		delete(members, name)
		if err := decodeMember(member, v.Field(i).Addr().Interface(), valuesOf(tag)); err != nil {
			errs = append(errs, &journey.PropertyError{Property: name, Err: err})
		}
	}
	if len(errs) > 0 {
		return nil, nil, errors.Join(errs...)
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		if !strings.HasPrefix(name, "_") {
			unknown = append(unknown, name)
		}
	}
	return node, unknown, nil
}

// decodeMember reads the value of a property into a field.
func decodeMember(member json.RawMessage, field any, values []string) error {
	if bytes.Equal(bytes.TrimSpace(member), []byte("null")) {
		return nil
	}
	switch field.(type) {
	case *any, *dropped: // has no effect, so a placeholder has none
		return json.Unmarshal(member, field)
	}
	if isPlaceholder(member) {
		return errors.New("it stands for a value that is kept elsewhere; write the value itself")
	}
	switch field := field.(type) {
	case *int:
		return decodeNumber(member, field)
	case **int:
		number := new(int)
		if err := decodeNumber(member, number); err != nil {
			return err
		}
		*field = number
		return nil
	case *string:
		var text string
		if err := json.Unmarshal(member, &text); err != nil {
			return wanted(field)
		}
		return setString(field, []string{text}, values)
	}
	if err := json.Unmarshal(member, field); err != nil {
		return wanted(field)
	}
	return nil
}

// decodeNumber reads a whole number, which AM also writes as "3" and 3.0.
func decodeNumber(member json.RawMessage, field *int) error {
	var number json.Number
	if err := json.Unmarshal(member, &number); err != nil {
		return wanted(field)
	}
	whole, _ := strings.CutSuffix(number.String(), ".0")
	n, err := strconv.Atoi(whole)
	if err != nil {
		return wanted(field)
	}
	*field = n
	return nil
}

// isPlaceholder reports whether a value is AM's property substitution:
// {"$int": "&{retries}"} or a text with &{…} in it.
func isPlaceholder(member json.RawMessage) bool {
	var object map[string]json.RawMessage
	if json.Unmarshal(member, &object) == nil {
		for name := range object {
			if strings.HasPrefix(name, "$") {
				return true
			}
		}
	}
	return strings.Contains(string(member), "&{") || strings.Contains(string(member), `\u0026{`)
}

// wanted says in JSON's words what a field holds.
func wanted(field any) error {
	what := "another type of value"
	switch field.(type) {
	case *Text:
		what = `an object of texts by language, for example {"en": "Hello"},`
	case *string:
		what = "a string"
	case *int, **int:
		what = "a whole number"
	case *bool:
		what = "true or false"
	case *[]string:
		what = "an array of strings"
	case *map[string]string:
		what = "an object of strings"
	case *[]Child:
		what = `an array of nodes, for example [{"_id": "…", "nodeType": "UsernameCollectorNode", "displayName": "Name"}],`
	}
	return errors.New(what + " is needed")
}
