package nodes

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/amgate/amgate/journey"
)

// Decode makes the node that an object of AM's JSON describes. Members that
// begin with "_" are AM's bookkeeping; null stands for AM's default. unknown
// are the members that amgate does not know, sorted; the node is made without
// them. An error names the member and says what would be right.
func (s Spec) Decode(raw json.RawMessage) (node journey.Node, unknown []string, err error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(raw, &members); err != nil {
		return nil, nil, errors.New("a node must be a JSON object")
	}
	node = s.New()
	v := reflect.ValueOf(node).Elem()
	for i := range v.NumField() {
		name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
		member, ok := members[name]
		if !ok {
			continue
		}
		delete(members, name)
		if bytes.Equal(member, []byte("null")) {
			continue
		}
		if err := json.Unmarshal(member, v.Field(i).Addr().Interface()); err != nil {
			return nil, nil, fmt.Errorf("property %s: %s is needed", name, wanted(v.Field(i).Interface()))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		if !strings.HasPrefix(name, "_") {
			unknown = append(unknown, name)
		}
	}
	return node, unknown, nil
}

// wanted says in JSON's words what a field holds.
func wanted(field any) string {
	switch field.(type) {
	case Text:
		return `an object of texts by language, for example {"en": "Hello"}`
	case string:
		return "a string"
	case int:
		return "a whole number"
	case bool:
		return "true or false"
	case []string:
		return "an array of strings"
	case map[string]string:
		return "an object of strings"
	}
	return "another type of value"
}
