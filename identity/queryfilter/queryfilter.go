// Package queryfilter has CREST's query filters, such as
//
//	!(/preferences pr) or /preferences/marketing eq false
//
// as AM's nodes are configured with (Common REST, "Query": Filter expressions).
package queryfilter

import (
	"cmp"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
)

// Object is what a filter looks at. A *identity.User is one. Pointers are names
// with slashes between, and none in front.
type Object interface {
	// Values are the values that a pointer leads to.
	Values(pointer string) []string
	// Has reports whether there is something at a pointer, or below it.
	Has(pointer string) bool
}

// Filter is a filter that was parsed. It is immutable; the zero value matches
// nothing.
type Filter struct{ root expression }

// Matches reports whether the filter is true of an object. Values are compared
// as the filter writes what it compares them with: as texts, without regard to
// case, as numbers, or as true and false. A value that is none of these does
// not match, and of several values one is enough.
func (f Filter) Matches(o Object) bool { return f.root != nil && f.root.matches(o) }

// Equalities are the texts that a filter wants values to be equal to, by their
// pointers. It is not ok for a filter that asks for anything else than that, or
// twice for one pointer.
func (f Filter) Equalities() (texts map[string]string, ok bool) {
	parts, joined := f.root.(all)
	if !joined {
		parts = all{f.root}
	}
	texts = make(map[string]string, len(parts))
	for _, e := range parts {
		c, ok := e.(comparison)
		if !ok || c.operator != "eq" {
			return nil, false
		}
		with, isText := c.with.(text)
		if _, twice := texts[c.pointer]; !isText || twice {
			return nil, false
		}
		texts[c.pointer] = string(with)
	}
	return texts, true
}

// String is the filter in a form that Parse reads back.
func (f Filter) String() string {
	if f.root == nil {
		return "false"
	}
	return f.root.String()
}

// expression is a part of a filter.
type expression interface {
	matches(o Object) bool
	String() string
}

type (
	constant bool
	not      struct{ of expression }
	all      []expression // and
	some     []expression // or
	present  string       // pointer
)

// comparison holds if a value at the pointer compares so with a literal.
type comparison struct {
	pointer, operator string
	with              literal
}

// literal is a text, number or truth value as the filter has it.
type literal interface {
	// against compares a value with the literal: order is as cmp.Compare has
	// it. ok is false for a value of another type.
	against(value string) (order int, ok bool)
	String() string
}

type (
	text   string
	number json.Number
	truth  bool
)

func (c constant) matches(Object) bool  { return bool(c) }
func (n not) matches(o Object) bool     { return !n.of.matches(o) }
func (p present) matches(o Object) bool { return o.Has(string(p)) }

func (a all) matches(o Object) bool {
	return !slices.ContainsFunc(a, func(e expression) bool { return !e.matches(o) })
}

func (s some) matches(o Object) bool {
	return slices.ContainsFunc(s, func(e expression) bool { return e.matches(o) })
}

func (c comparison) matches(o Object) bool {
	return slices.ContainsFunc(o.Values(c.pointer), c.holds)
}

// holds reports whether one value compares as the operator says. Only texts
// contain each other or begin with one another; for the others that is to be
// equal.
func (c comparison) holds(value string) bool {
	if t, ok := c.with.(text); ok {
		switch c.operator {
		case "co":
			return strings.Contains(strings.ToLower(value), strings.ToLower(string(t)))
		case "sw":
			return strings.HasPrefix(strings.ToLower(value), strings.ToLower(string(t)))
		}
	}
	order, ok := c.with.against(value)
	if !ok {
		return false
	}
	switch c.operator {
	case "lt":
		return order < 0
	case "le":
		return order <= 0
	case "gt":
		return order > 0
	case "ge":
		return order >= 0
	}
	return order == 0
}

func (t text) against(value string) (order int, ok bool) {
	return cmp.Compare(strings.ToLower(value), strings.ToLower(string(t))), true
}

func (n number) against(value string) (order int, ok bool) {
	is, err := strconv.ParseFloat(value, 64)
	if err != nil || !json.Valid([]byte(value)) { // NaN, 0x1
		return 0, false
	}
	want, err := json.Number(n).Float64()
	return cmp.Compare(is, want), err == nil
}

func (t truth) against(value string) (order int, ok bool) {
	switch value {
	case "true", "false":
		return cmp.Compare(rank(value == "true"), rank(bool(t))), true
	}
	return 0, false
}

func rank(is bool) int {
	if is {
		return 1
	}
	return 0
}

func (c constant) String() string { return strconv.FormatBool(bool(c)) }
func (n not) String() string      { return "!(" + n.of.String() + ")" }
func (p present) String() string  { return written(string(p)) + " pr" }
func (a all) String() string      { return joined(a, " and ") }
func (s some) String() string     { return joined(s, " or ") }
func (c comparison) String() string {
	return written(c.pointer) + " " + c.operator + " " + c.with.String()
}

func (n number) String() string { return string(n) }
func (t truth) String() string  { return strconv.FormatBool(bool(t)) }

func (t text) String() string {
	quoted, err := json.Marshal(string(t))
	if err != nil {
		panic(err) // a string can be written
	}
	return string(quoted)
}

// joined writes each part in parentheses, so that none is read otherwise.
func joined(parts []expression, between string) string {
	words := make([]string, len(parts))
	for i, e := range parts {
		words[i] = "(" + e.String() + ")"
	}
	return strings.Join(words, between)
}

// written is a pointer as JSON pointers are written.
func written(pointer string) string { return "/" + strings.ReplaceAll(pointer, "~", "~0") }
