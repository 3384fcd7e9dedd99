package web

import (
	"cmp"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/amgate/amgate/identity"
)

// Parameters of the Identities page, besides afterParam.
const (
	idParam     = "id"     // whose profile
	searchParam = "search" // what a name, an id or an address has in it
)

// identitiesShown is how many people are on a page.
const identitiesShown = 25

// identitiesView is the search, and whom it found.
type identitiesView struct {
	Search string
	// Unsupported says that the realm's people cannot be listed.
	Unsupported bool
	Lines       []identityLine
	Pages       around
}

// identityLine is a person in a list.
type identityLine struct {
	Username, ID, Mail string
	Active             bool
	Profile, Sessions  string
}

// identityView is a profile. Nothing with which one could sign in is in it.
type identityView struct {
	identityLine
	UniversalID string
	Roles       []string
	Attributes  []profileLine
	Back        string
}

type profileLine struct {
	Name   string
	Values []string
}

// identities is the Identities page of a realm, which changes nothing: a list
// of its people, or the profile of one.
func (c *Console) identities(v *visit) (reply, error) {
	query, err := url.ParseQuery(v.URL.RawQuery)
	if err != nil || len(query.Get(searchParam)) > maxNamed || len(query.Get(afterParam)) > maxNamed {
		return reply{}, refusal{status: http.StatusBadRequest, what: "badQuery"}
	}
	if id := query.Get(idParam); id != "" {
		return c.profile(v, id)
	}
	v.desk.Heading = say("console.identities")
	view := &identitiesView{Search: strings.TrimSpace(query.Get(searchParam))}
	v.desk.Identities = view
	after := query.Get(afterParam)
	found, next, err := identity.List(v.Context(), v.realm.Users, view.Search, identity.Page{After: after, Limit: identitiesShown})
	switch {
	case errors.Is(err, errors.ErrUnsupported):
		return c.search(v, view)
	case err != nil:
		return reply{}, err
	}
	for _, u := range found {
		view.Lines = append(view.Lines, c.identityLine(v, u))
	}
	if next != "" {
		view.Pages.Next = c.address(v.realm, identitiesPage, searchParam, view.Search, afterParam, next)
	}
	if after != "" {
		view.Pages.First = c.address(v.realm, identitiesPage, searchParam, view.Search)
	}
	return c.show(), nil
}

// search finds the one person who has what was typed as name or id, in a store
// that does not list its people.
func (c *Console) search(v *visit, view *identitiesView) (reply, error) {
	view.Unsupported = true
	if view.Search == "" {
		return c.show(), nil
	}
	id, err := v.realm.UserID(v.Context(), view.Search)
	if err != nil {
		return reply{}, err
	}
	u, err := v.realm.Users.ByID(v.Context(), id)
	switch {
	case errors.Is(err, identity.ErrNotFound):
	case err != nil:
		return reply{}, err
	default:
		view.Lines = append(view.Lines, c.identityLine(v, u))
	}
	return c.show(), nil
}

func (c *Console) identityLine(v *visit, u *identity.User) identityLine {
	line := identityLine{
		Username: u.Username, ID: u.ID, Active: u.Active,
		Profile: c.address(v.realm, identitiesPage, idParam, u.ID),
		// The universal id is the one name that cannot be another's, too.
		Sessions: c.address(v.realm, sessionsPage, userParam, v.realm.UniversalID(u.ID)),
	}
	if mails := u.Values(identity.AttributeMail); len(mails) > 0 {
		line.Mail = mails[0]
	}
	return line
}

// profile shows a person, the user identifier first.
func (c *Console) profile(v *visit, id string) (reply, error) {
	u, err := v.realm.Users.ByID(v.Context(), id)
	switch {
	case errors.Is(err, identity.ErrNotFound):
		return reply{}, refusal{status: http.StatusNotFound, what: "noUser"}
	case err != nil:
		return reply{}, err
	}
	view := &identityView{
		identityLine: c.identityLine(v, u), UniversalID: v.realm.UniversalID(u.ID), Roles: u.Roles,
		Back: c.address(v.realm, identitiesPage),
	}
	for name, values := range u.Attributes {
		if !identity.IsSecret(name) {
			view.Attributes = append(view.Attributes, profileLine{name, values})
		}
	}
	slices.SortFunc(view.Attributes, func(a, b profileLine) int { return cmp.Compare(a.Name, b.Name) })
	v.desk.Heading, v.desk.Identity = phrase{literal: u.Username}, view
	return c.show(), nil
}
