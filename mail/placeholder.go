package mail

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"golang.org/x/net/html"
)

// text is a text with placeholders, in pieces.
type text []piece

// piece is literal text or, if path is set, a placeholder.
type piece struct {
	literal string
	path    []string
	// link says that the value is the beginning of a link's address.
	link bool
}

// parseText reads a text with placeholders as IDM's templates have them,
// {{object.givenName}}: a path of names, nothing else of handlebars. Values in
// three braces are escaped as all others.
func parseText(s string) (text, error) {
	var t text
	for {
		literal, rest, found := strings.Cut(s, "{{")
		if strings.Contains(literal, "&{") {
			return nil, errors.New("it has a configuration expression &{…} in it; write its value instead")
		}
		if literal != "" {
			t = append(t, piece{literal: literal})
		}
		if !found {
			return t, nil
		}
		open, shut := "{{", "}}"
		if strings.HasPrefix(rest, "{") {
			open, shut, rest = "{{{", "}}}", rest[1:]
		}
		inside, after, found := strings.Cut(rest, shut)
		if !found {
			return nil, fmt.Errorf("a placeholder is not closed: %s%.30s", open, rest)
		}
		path := strings.Split(strings.TrimSpace(inside), ".")
		for _, name := range path {
			if !isName(name) {
				return nil, fmt.Errorf("%s%.60s%s is not a placeholder; write for example {{object.givenName}} or {{resumeURI}}", open, inside, shut)
			}
		}
		t = append(t, piece{path: path})
		s = after
	}
}

func isName(s string) bool {
	return s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == ""
}

// parseHTML is parseText for HTML. A placeholder may stand where an escaped
// value cannot become markup: in text and in quoted attributes; not in a
// script or a style sheet.
func parseHTML(s string) (text, error) {
	t, err := parseText(s)
	if err != nil {
		return nil, err
	}
	// The HTML is read twice, with values that differ by a space: an attribute
	// without quotes would end there, and the two be unlike.
	var one, other strings.Builder
	for i, p := range t {
		one.WriteString(p.literal)
		other.WriteString(p.literal)
		if p.path != nil {
			one.WriteString(mark(i))
			other.WriteString(mark(i) + " " + mark(i))
		}
	}
	a, b := html.NewTokenizer(strings.NewReader(one.String())), html.NewTokenizer(strings.NewReader(other.String()))
	for element := ""; a.Next() != html.ErrorToken; {
		b.Next()
		tok := a.Token()
		if len(tok.Attr) != len(b.Token().Attr) {
			return nil, errors.New(`a placeholder stands in an attribute without quotes; write for example href="{{resumeURI}}"`)
		}
		switch tok.Type {
		case html.StartTagToken, html.SelfClosingTagToken:
			element = tok.Data
			if err := t.place(tok); err != nil {
				return nil, err
			}
		case html.TextToken:
			if (element == "script" || element == "style") && strings.Contains(tok.Data, marker) {
				return nil, fmt.Errorf("a placeholder stands in a <%s>; write it in the text", element)
			}
		case html.EndTagToken:
			element = ""
		}
	}
	return t, nil
}

// place notes which placeholders of a tag begin links, and refuses those that
// would be read as more than a value.
func (t text) place(tag html.Token) error {
	if strings.Contains(tag.Data, marker) {
		return errors.New("a placeholder stands in the name of an element")
	}
	for _, a := range tag.Attr {
		switch {
		case strings.Contains(a.Key, marker):
			return errors.New("a placeholder stands in the name of an attribute")
		case !strings.Contains(a.Val, marker):
		case a.Key == "style", strings.HasPrefix(a.Key, "on"):
			return fmt.Errorf("a placeholder stands in a %s attribute; write it in the text", a.Key)
		case a.Key == "href", a.Key == "src", a.Key == "action":
			for i := range t {
				t[i].link = t[i].link || strings.HasPrefix(strings.TrimSpace(a.Val), mark(i))
			}
		}
	}
	return nil
}

// mark stands for the placeholder t[i] while the HTML around it is read.
func mark(i int) string { return fmt.Sprintf("%s%dx", marker, i) }

const marker = "amgateplaceholder"

// fill returns the text with values in the place of its placeholders, each
// passed through escape.
func (t text) fill(values map[string]any, escape func(piece, string) string) string {
	var b strings.Builder
	for _, p := range t {
		if p.path == nil {
			b.WriteString(p.literal)
		} else {
			b.WriteString(escape(p, lookup(values, p.path)))
		}
	}
	return b.String()
}

// asText leaves a value as it is.
func asText(_ piece, value string) string { return value }

// asHTML escapes a value for where it stands. A link leads to the web or
// nowhere: an attribute of the user must not become a script.
func asHTML(p piece, value string) string {
	if p.link {
		if u, err := url.Parse(value); err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
			return "#"
		}
	}
	return html.EscapeString(value)
}

// lookup finds the value of a path, "" if there is none. IDM's templates name
// everything below "object", the link too; what the node itself gives goes
// before an attribute of the user that has the same name.
func lookup(values map[string]any, path []string) string {
	if len(path) > 1 && path[0] == "object" {
		if v, ok := values[path[1]]; ok && path[1] != "object" {
			return find(v, path[2:])
		}
	}
	return find(values, path)
}

// find follows a path into v.
func find(v any, path []string) string {
	for _, name := range path {
		switch m := v.(type) {
		case map[string]any:
			v = m[name]
		case map[string][]string:
			v = m[name]
		case map[string]string:
			v = m[name]
		default:
			return ""
		}
	}
	return format(v)
}

// format writes a value; several are separated by commas.
func format(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case []string:
		return strings.Join(v, ", ")
	case []any:
		texts := make([]string, len(v))
		for i, one := range v {
			texts[i] = format(one)
		}
		return strings.Join(texts, ", ")
	case bool, int, int64, float64, fmt.Stringer:
		return fmt.Sprint(v)
	}
	return ""
}
