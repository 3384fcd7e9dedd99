package identity

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Page selects a part of a List.
type Page struct {
	// After is the next of the page before, "" for the first one.
	After string
	// Limit is how many people the page may hold, at least 1.
	Limit int
}

// Lister is a Store that lists its people. A Store that wraps another
// implements it with the function List.
type Lister interface {
	Store
	// List reads a page of the people in whose name, id or mail address there
	// is a text, all of them in the form of Canonical: everybody if the text
	// is empty, nobody if only its form is. They are in the order of their
	// names' forms, so nobody who stays is missed or told twice while others
	// come and go. next is the After of the following page, "" if this was the
	// last one. The slice is the caller's. Errors: ErrUnavailable.
	List(ctx context.Context, text string, page Page) (found []*User, next string, err error)
}

// List is Lister.List for any store. The error for one that is no Lister is
// errors.ErrUnsupported.
func List(ctx context.Context, s Store, text string, page Page) (found []*User, next string, err error) {
	if lister, ok := s.(Lister); ok {
		return lister.List(ctx, text, page)
	}
	return nil, "", fmt.Errorf("identity: this store does not list its people: %w", errors.ErrUnsupported)
}

// Roll is the list of people who are all at hand, for the Listers that have
// them in memory. It is immutable.
type Roll struct {
	lines []rollLine // by name
}

type rollLine struct {
	name string // in the form of Canonical
	// sought is name, id and mail addresses in that form, a line each: no form
	// has a line end, so none is found across two of them.
	sought string
	user   *User
}

// NewRoll returns the roll of these people.
func NewRoll(people []*User) *Roll {
	r := &Roll{lines: make([]rollLine, 0, len(people))}
	for _, u := range people {
		line := rollLine{name: Canonical(u.Username), user: u}
		forms := []string{line.name, Canonical(u.ID)}
		for _, mail := range u.Values(AttributeMail) {
			forms = append(forms, Canonical(mail))
		}
		line.sought = strings.Join(forms, "\n")
		r.lines = append(r.lines, line)
	}
	slices.SortFunc(r.lines, func(a, b rollLine) int { return cmp.Compare(a.name, b.name) })
	return r
}

// List is Lister.List.
func (r *Roll) List(text string, page Page) (found []*User, next string) {
	form := Canonical(text)
	if form == "" && text != "" {
		return nil, ""
	}
	lines := r.lines
	if page.After != "" {
		after := Canonical(page.After)
		first, _ := slices.BinarySearchFunc(lines, after, func(l rollLine, name string) int { return cmp.Compare(l.name, name) })
		for first < len(lines) && lines[first].name == after {
			first++
		}
		lines = lines[first:]
	}
	for _, line := range lines {
		if !strings.Contains(line.sought, form) {
			continue
		}
		if len(found) == page.Limit {
			return found, found[len(found)-1].Username
		}
		found = append(found, line.user)
	}
	return found, ""
}
