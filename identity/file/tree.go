package file

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// problem is a mistake that keeps the file from being read at all.
type problem struct {
	line int
	what string
}

// readTree reads JSON or YAML into one kind of tree, in which every node
// knows its line. YAML's reader alone would not do for JSON: it knows neither
// \/ nor surrogates, and PHP writes every hash with the former.
func readTree(text []byte) (*yaml.Node, *problem) {
	if at := firstInvalid(text); at >= 0 {
		return nil, &problem{lineAt(text, at), "the file is not UTF-8 from here on"}
	}
	if trimmed := bytes.TrimLeft(text, " \t\r\n"); len(trimmed) > 0 && trimmed[0] == '{' {
		return readJSON(text)
	}
	return readYAML(text)
}

func firstInvalid(text []byte) int {
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		if r == utf8.RuneError && size == 1 {
			return i
		}
		i += size
	}
	return -1
}

func lineAt(text []byte, offset int) int { return 1 + bytes.Count(text[:offset], []byte{'\n'}) }

func readYAML(text []byte) (*yaml.Node, *problem) {
	dec := yaml.NewDecoder(bytes.NewReader(text))
	var doc, next yaml.Node
	switch err := dec.Decode(&doc); {
	case errors.Is(err, io.EOF):
		return nil, &problem{1, `the file is empty; a realm without people has "users: []"`}
	case err != nil:
		return nil, yamlProblem(text, err)
	}
	if err := dec.Decode(&next); err == nil {
		return nil, &problem{next.Line, "a second document begins; only one is read"}
	} else if !errors.Is(err, io.EOF) {
		return nil, yamlProblem(text, err)
	}
	return doc.Content[0], nil
}

var (
	yamlLine   = regexp.MustCompile(`line (\d+): `)
	yamlAnchor = regexp.MustCompile(`unknown anchor '(.*)' referenced`)
)

// yamlProblem takes the line out of an error of the YAML reader. The one
// error that repeats a piece of the file does not get through: the piece may
// be a password written where its hash belongs.
func yamlProblem(text []byte, err error) *problem {
	message := err.Error()
	if anchor := yamlAnchor.FindStringSubmatch(message); anchor != nil {
		at := max(0, bytes.Index(text, []byte("*"+anchor[1])))
		return &problem{lineAt(text, at), "a value that begins with * must be put in quotes; aliases are not allowed"}
	}
	line := 1
	if found := yamlLine.FindStringSubmatch(message); found != nil {
		line, _ = strconv.Atoi(found[1]) // digits, by the pattern
	}
	message = yamlLine.ReplaceAllString(strings.TrimPrefix(message, "yaml: "), "")
	return &problem{line, "not YAML: " + message}
}

// maxDepth bounds the nesting of a JSON file; users need five levels.
const maxDepth = 32

// jsonReader builds a tree from the tokens of a JSON text.
type jsonReader struct {
	text []byte
	dec  *json.Decoder
	at   int // offset up to which lines are counted
	line int
}

func readJSON(text []byte) (*yaml.Node, *problem) {
	r := &jsonReader{text: text, dec: json.NewDecoder(bytes.NewReader(text)), line: 1}
	r.dec.UseNumber()
	root, err := r.value(maxDepth)
	if err == nil {
		if _, end := r.dec.Token(); !errors.Is(end, io.EOF) {
			err = errors.New("something follows the closing brace")
		}
	}
	if err == nil {
		return root, nil
	}
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return nil, &problem{lineAt(text, min(int(syntax.Offset), len(text))), "not JSON: " + syntax.Error()}
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, &problem{lineAt(text, len(text)), "not JSON: the file ends too early"}
	}
	return nil, &problem{r.here(), "not JSON: " + err.Error()}
}

// here is the line of the token read last.
func (r *jsonReader) here() int {
	end := int(r.dec.InputOffset())
	r.line += bytes.Count(r.text[r.at:end], []byte{'\n'})
	r.at = end
	return r.line
}

func (r *jsonReader) value(depth int) (*yaml.Node, error) {
	token, err := r.dec.Token()
	if err != nil {
		return nil, err
	}
	n := &yaml.Node{Kind: yaml.ScalarNode, Line: r.here()}
	switch v := token.(type) {
	case string:
		n.Tag, n.Value = "!!str", v
	case json.Number:
		n.Tag, n.Value = "!!float", v.String()
	case bool:
		n.Tag, n.Value = "!!bool", strconv.FormatBool(v)
	case nil:
		n.Tag = "!!null"
	case json.Delim:
		n.Kind, n.Tag = yaml.SequenceNode, "!!seq"
		if v == '{' {
			n.Kind, n.Tag = yaml.MappingNode, "!!map"
		}
		return n, r.children(n, depth-1)
	}
	return n, nil
}

// children reads up to the closing bracket. The members of an object are its
// keys and values in turn, as YAML's tree has them.
func (r *jsonReader) children(n *yaml.Node, depth int) error {
	if depth == 0 {
		return errors.New("nested too deeply")
	}
	for r.dec.More() {
		child, err := r.value(depth)
		if err != nil {
			return err
		}
		n.Content = append(n.Content, child)
	}
	_, err := r.dec.Token() // the closing bracket, which the decoder checks
	return err
}

// memberOf returns the value of a mapping's member, or nil.
func memberOf(n *yaml.Node, name string) *yaml.Node {
	for i := 0; n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == name {
			return n.Content[i+1]
		}
	}
	return nil
}

// kindOf says what a node is, without what it holds.
func kindOf(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "an object"
	case yaml.SequenceNode:
		return "a list"
	case yaml.AliasNode:
		return "an alias, which is not allowed"
	}
	switch n.ShortTag() {
	case "!!str":
		return "a text"
	case "!!int", "!!float":
		return "a number"
	case "!!bool":
		return "true or false"
	case "!!timestamp":
		return "a date"
	case "!!null":
		return "empty"
	}
	return "of an unknown type"
}

// shown is a member's name, as far as it can be shown.
func shown(key *yaml.Node) string {
	if key.Kind != yaml.ScalarNode || len(key.Value) > 40 {
		return "that is no short text"
	}
	return strconv.Quote(key.Value)
}

func list[V any](known map[string]V) string {
	return strings.Join(slices.Sorted(maps.Keys(known)), ", ")
}
