package identity

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// Searcher is a Store that finds people by their attributes. A Store that
// wraps another implements it with the function ByAttribute.
type Searcher interface {
	Store
	// ByAttribute finds the users who match an attribute's value, see
	// User.Matches: at most limit of them, in no particular order. That there
	// are none is no error. The slice is the caller's. Errors: ErrUnavailable.
	ByAttribute(ctx context.Context, attribute, value string, limit int) ([]*User, error)
}

// ByAttribute is Searcher.ByAttribute for any store. One that is no Searcher
// finds people by name and by id; the error for other attributes is
// errors.ErrUnsupported.
func ByAttribute(ctx context.Context, s Store, attribute, value string, limit int) ([]*User, error) {
	if searcher, ok := s.(Searcher); ok {
		return searcher.ByAttribute(ctx, attribute, value, limit)
	}
	var u *User
	var err error
	switch strings.TrimPrefix(attribute, "/") {
	case AttributeID:
		u, err = s.ByID(ctx, value)
	case AttributeUserName, "uid":
		u, err = s.ByName(ctx, value)
	default:
		return nil, fmt.Errorf("identity: this store does not find people by the attribute %s: %w", attribute, errors.ErrUnsupported)
	}
	switch {
	case errors.Is(err, ErrNotFound):
		return nil, nil
	case err != nil:
		return nil, err
	}
	return []*User{u}[:min(1, limit)], nil
}

// One finds the only user who matches an attribute's value. Errors:
// ErrNotFound if there is none or more than one, ErrUnavailable,
// errors.ErrUnsupported as ByAttribute.
func One(ctx context.Context, s Store, attribute, value string) (*User, error) {
	found, err := ByAttribute(ctx, s, attribute, value, 2)
	switch {
	case err != nil:
		return nil, err
	case len(found) != 1:
		return nil, ErrNotFound
	}
	return found[0], nil
}
