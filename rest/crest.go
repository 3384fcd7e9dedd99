package rest

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// The parameters that Common REST has for the replies of all its resources
// (AM 8.1, "About ForgeRock Common REST"; OpenAM's commons, HttpAdapter and
// Resources).
const (
	paramFields      = "_fields"
	paramPrettyPrint = "_prettyPrint"
)

// maxFields bounds how often a reply is searched.
const maxFields = 100

// isCREST reports whether Common REST has the say about the reply: of all
// resources below /json/ but authenticate, and of what is none.
func (c *call) isCREST() bool {
	if c.route == nil {
		return true
	}
	return c.route.kind == kindCREST || c.route.kind == kindServerInfo || c.route.kind == kindUsers
}

// single is the value of a parameter that has one, "" if it is not there. Of
// two, what is in front of us may have looked at the other.
func (c *call) single(name string) (string, error) {
	switch values := c.query[name]; len(values) {
	case 0:
		return "", nil
	case 1:
		return values[0], nil
	}
	return "", refuse(http.StatusBadRequest, "Multiple values provided for the single-valued request parameter '"+name+"'")
}

// number is the value of a parameter that is a count, 0 if it is not there.
func (c *call) number(name string) (int, error) {
	value, err := c.single(name)
	if value == "" || err != nil {
		return 0, err
	}
	n, err := strconv.Atoi(value)
	if err != nil || n < 0 {
		return 0, refuse(http.StatusBadRequest, "The value '"+printable(value)+"' for parameter '"+name+"' is not a number of 0 or more")
	}
	return n, nil
}

// picked is the body of a success with only the members that the request's
// _fields names: of a list, those of each result.
func (c *call) picked(rep reply, body []byte) ([]byte, error) {
	fields, err := parseFields(c.query[paramFields])
	if err != nil || fields == nil || body == nil {
		return body, err
	}
	list, isList := rep.body.(listBody)
	if !isList {
		return pick(body, fields)
	}
	for i, result := range list.Result {
		all, err := encode(result)
		if err != nil {
			return nil, err
		}
		some, err := pick(all, fields)
		if err != nil {
			return nil, err
		}
		list.Result[i] = json.RawMessage(some)
	}
	return encode(list)
}

// parseFields reads _fields: JSON pointers with a comma between them, each
// with or without the slash in front. It is nil if all fields are wanted.
func parseFields(values []string) (fields [][]string, err error) {
	for _, value := range values {
		for field := range strings.SplitSeq(value, ",") {
			if len(fields) == maxFields {
				return nil, refuse(http.StatusBadRequest, "The parameter '_fields' may name "+strconv.Itoa(maxFields)+" fields at most")
			}
			field = strings.TrimPrefix(field, "/")
			if field == "" {
				return nil, nil
			}
			pointer := strings.Split(field, "/")
			for i, part := range pointer {
				pointer[i] = strings.NewReplacer("~1", "/", "~0", "~").Replace(part)
			}
			fields = append(fields, pointer)
		}
	}
	return fields, nil
}

// pick is a body with the members that are pointed at, in the order of the
// pointers, each under the last part of its pointer. What is not there is left
// out; _id and _rev stay in any case, and in front.
func pick(body []byte, fields [][]string) ([]byte, error) {
	var all map[string]jsontext.Value
	if err := jsonv2.Unmarshal(body, &all, tolerant); err != nil {
		return nil, err
	}
	var some object
	for _, pointer := range slices.Concat([][]string{{"_id"}, {"_rev"}}, fields) {
		value, ok := follow(all[pointer[0]], pointer[1:])
		if !ok {
			continue
		}
		leaf := pointer[len(pointer)-1]
		if i := slices.IndexFunc(some, func(m member) bool { return m.name == leaf }); i >= 0 {
			some[i].value = value
			continue
		}
		some = append(some, member{leaf, value})
	}
	return encode(some)
}

// follow is what a pointer leads to from a value, through objects and lists.
func follow(value jsontext.Value, pointer []string) (jsontext.Value, bool) {
	for _, part := range pointer {
		switch value.Kind() {
		case '{':
			var members map[string]jsontext.Value
			if jsonv2.Unmarshal(value, &members, tolerant) != nil {
				return nil, false
			}
			value = members[part]
		case '[':
			var items []jsontext.Value
			i, err := strconv.Atoi(part)
			if err != nil || jsonv2.Unmarshal(value, &items) != nil || i < 0 || i >= len(items) {
				return nil, false
			}
			value = items[i]
		default:
			return nil, false
		}
	}
	return value, value != nil
}

// printed is a body as the request's _prettyPrint wants it.
func (c *call) printed(body []byte) []byte {
	if body == nil || !isTrue(c.query.Get(paramPrettyPrint)) {
		return body
	}
	var b bytes.Buffer
	if json.Indent(&b, body, "", "  ") != nil {
		return body // it is no JSON
	}
	return b.Bytes()
}
