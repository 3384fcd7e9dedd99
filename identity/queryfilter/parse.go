package queryfilter

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

const (
	// MaxLength is how long a filter may be, in bytes.
	MaxLength = 4096
	// MaxDepth is how deep its parentheses and negations may nest.
	MaxDepth = 32
)

// operators compare a value with a literal.
var operators = []string{"eq", "co", "sw", "lt", "le", "gt", "ge"}

// SyntaxError says where a filter is wrong and what would be right there.
type SyntaxError struct {
	// Offset is the number of bytes before the place.
	Offset int
	// Want is what would be right.
	Want string
}

func (e *SyntaxError) Error() string { return fmt.Sprintf("at byte %d: %s", e.Offset+1, e.Want) }

// Parse reads a filter. The error is a *SyntaxError.
func Parse(s string) (Filter, error) {
	p := parser{text: s}
	if len(s) > MaxLength {
		return Filter{}, p.fail("the filter is longer than %d bytes", MaxLength)
	}
	for i, r := range s {
		if r == utf8.RuneError && !strings.HasPrefix(s[i:], "\uFFFD") {
			p.at = i
			return Filter{}, p.fail("UTF-8 is needed")
		}
	}
	if err := p.next(); err != nil {
		return Filter{}, err
	}
	root, err := p.or(0)
	if err != nil {
		return Filter{}, err
	}
	if p.token.kind != end {
		return Filter{}, p.fail("and, or, or the end of the filter is needed")
	}
	return Filter{root: root}, nil
}

// kind tells the tokens of a filter apart.
type kind uint8

const (
	end    kind = iota
	mark        // "(", ")" or "!"
	word        // anything else without white space
	quoted      // a text in double quotes
)

type token struct {
	kind kind
	text string
}

// is reports whether the token is a word of the language, in any case.
func (t token) is(keyword string) bool { return t.kind == word && strings.EqualFold(t.text, keyword) }

func (t token) isMark(m string) bool { return t.kind == mark && t.text == m }

type parser struct {
	text  string
	at    int // where the token begins
	after int // and where it is over
	token token
}

func (p *parser) fail(format string, args ...any) error {
	return &SyntaxError{Offset: p.at, Want: fmt.Sprintf(format, args...)}
}

// or reads what "or" joins, which is what "and" joins.
func (p *parser) or(depth int) (expression, error) {
	parts, err := p.list("or", func() (expression, error) {
		parts, err := p.list("and", func() (expression, error) { return p.primary(depth) })
		if err != nil || len(parts) > 1 {
			return all(parts), err
		}
		return parts[0], nil
	})
	if err != nil || len(parts) > 1 {
		return some(parts), err
	}
	return parts[0], nil
}

// list reads one part or more with a word between.
func (p *parser) list(between string, part func() (expression, error)) ([]expression, error) {
	var parts []expression
	for {
		e, err := part()
		if err != nil {
			return nil, err
		}
		parts = append(parts, e)
		if !p.token.is(between) {
			return parts, nil
		}
		if err := p.next(); err != nil {
			return nil, err
		}
	}
}

// primary reads a negation, an expression in parentheses, or a condition.
func (p *parser) primary(depth int) (expression, error) {
	if depth > MaxDepth {
		return nil, p.fail("the filter is nested more than %d deep", MaxDepth)
	}
	switch {
	case p.token.isMark("!"):
		if err := p.next(); err != nil {
			return nil, err
		}
		of, err := p.primary(depth + 1)
		return not{of}, err
	case p.token.isMark("("):
		if err := p.next(); err != nil {
			return nil, err
		}
		inner, err := p.or(depth + 1)
		if err != nil {
			return nil, err
		}
		if !p.token.isMark(")") {
			return nil, p.fail("a closing parenthesis is needed")
		}
		return inner, p.next()
	case p.token.is("true"), p.token.is("false"):
		c := constant(p.token.is("true"))
		return c, p.next()
	}
	return p.condition()
}

// condition reads a pointer and what is said of it.
func (p *parser) condition() (expression, error) {
	if p.token.kind != word || p.token.is("and") || p.token.is("or") {
		return nil, p.fail("a condition is needed, for example: /mail pr")
	}
	pointer, err := p.pointer()
	if err != nil {
		return nil, err
	}
	if err := p.next(); err != nil {
		return nil, err
	}
	if p.token.is("pr") {
		return present(pointer), p.next()
	}
	operator := strings.ToLower(p.token.text)
	if p.token.kind != word || !slices.Contains(operators, operator) {
		return nil, p.fail("one of %s or pr is needed", strings.Join(operators, ", "))
	}
	if err := p.next(); err != nil {
		return nil, err
	}
	with, err := p.literal()
	if err != nil {
		return nil, err
	}
	return comparison{pointer: pointer, operator: operator, with: with}, p.next()
}

// pointer reads a JSON pointer (RFC 6901), whose first slash may be missing.
func (p *parser) pointer() (string, error) {
	pointer := strings.TrimPrefix(p.token.text, "/")
	for name := range strings.SplitSeq(pointer, "/") {
		plain := strings.ReplaceAll(name, "~0", "")
		if name == "" || strings.Contains(plain, "~") {
			return "", p.fail("a name is needed, or names with slashes between, for example: /preferences/marketing")
		}
	}
	return strings.ReplaceAll(pointer, "~0", "~"), nil
}

// literal reads what a value is compared with.
func (p *parser) literal() (literal, error) {
	switch {
	case p.token.kind == quoted:
		var t string
		if err := json.Unmarshal([]byte(p.token.text), &t); err != nil {
			return nil, p.fail("a text is needed as JSON has it")
		}
		return text(t), nil
	case p.token.is("true"), p.token.is("false"):
		return truth(p.token.is("true")), nil
	case p.token.kind == word && json.Valid([]byte(p.token.text)):
		if _, err := strconv.ParseFloat(p.token.text, 64); err == nil {
			return number(p.token.text), nil
		}
	}
	return nil, p.fail("a text in double quotes, a number, true or false is needed")
}

// next goes on to the token that follows.
func (p *parser) next() error {
	rest := strings.TrimLeft(p.text[p.after:], " \t\r\n")
	p.at = len(p.text) - len(rest)
	switch {
	case rest == "":
		p.token = token{}
	case strings.ContainsRune("()!", rune(rest[0])):
		p.token = token{mark, rest[:1]}
	case rest[0] == '"':
		length := closing(rest)
		if length == 0 {
			return p.fail("the text that begins here has no closing quote")
		}
		p.token = token{quoted, rest[:length]}
	default:
		length := strings.IndexAny(rest, " \t\r\n()")
		if length < 0 {
			length = len(rest)
		}
		p.token = token{word, rest[:length]}
	}
	p.after = p.at + len(p.token.text)
	return nil
}

// closing is the length of a text in quotes; 0 if it does not end.
func closing(s string) int {
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return 0
}
