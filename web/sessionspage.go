package web

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/amgate/amgate/identity"
	"github.com/amgate/amgate/session"
)

// Parameters of the Sessions page.
const (
	userParam  = "user"  // whose sessions
	afterParam = "after" // which page of them
	endParam   = "end"   // the handle of the one that is to be ended, or endAll
	endedParam = "ended" // what was ended, see ended
	markParam  = "mark"  // that we said so
)

// endAll are all sessions of the user.
const endAll = "all"

const (
	// sessionsShown is how many sessions are on a page.
	sessionsShown = 25
	// maxNamed bounds what a person may type to name somebody.
	maxNamed = 1024
)

// sessionsView is the search, and what it found.
type sessionsView struct {
	// User is what was typed.
	User string
	// Untracked says that the realm's sessions are not listed, see
	// realm.Realm.Untracked.
	Untracked bool
	// Of says whose sessions these are; nil before anybody was named.
	Of    *ofUser
	Lines []sessionLine
	// EndAll asks whether to end all; "" for not.
	EndAll string
	Pages  around
}

// ofUser is the user who was searched for.
type ofUser struct {
	Name phrase
	ID   string
	// Profile is the address of the user's profile; "" if the realm knows
	// nobody of that name or id.
	Profile string
}

// sessionLine is a session in a list. It has nothing that opens anything.
type sessionLine struct {
	Handle            string
	Level             int
	Journey           string
	Created, Accessed moment
	Idle, Max         string // what is left
	// End asks whether to end it; "" for the administrator's own.
	End string
}

// endingView asks whether to end sessions: one, or all of the user.
type endingView struct {
	Text phrase
	Of   *ofUser
	Line *sessionLine
	Form action
	Back string
}

// moment is a time as people read it and as programs do.
type moment struct{ time.Time }

// Machine is for the attribute datetime.
func (m moment) Machine() string { return m.UTC().Format(time.RFC3339) }

func (m moment) String() string { return m.UTC().Format(time.DateTime) }

// left is how long it is until then, in the two largest units.
func left(d time.Duration) string {
	d = max(0, d.Truncate(time.Second))
	days, hours, minutes := int(d/(24*time.Hour)), int(d/time.Hour)%24, int(d/time.Minute)%60
	switch {
	case days > 0:
		return strconv.Itoa(days) + " d " + strconv.Itoa(hours) + " h"
	case hours > 0:
		return strconv.Itoa(hours) + " h " + strconv.Itoa(minutes) + " min"
	}
	return strconv.Itoa(minutes) + " min " + strconv.Itoa(int(d/time.Second)%60) + " s"
}

// sessions is the Sessions page of a realm: it finds the sessions of a user
// and, asked twice, ends them.
func (c *Console) sessions(w http.ResponseWriter, v *visit, who session.Session) (reply, error) {
	if v.Method == http.MethodPost {
		if err := readForm(w, v.Request); err != nil {
			return reply{}, err
		}
		return c.end(v, who)
	}
	query, err := url.ParseQuery(v.URL.RawQuery)
	if err != nil {
		return reply{}, refusal{status: http.StatusBadRequest, what: "badQuery"}
	}
	v.desk.Heading = say("console.sessions")
	user := strings.TrimSpace(query.Get(userParam))
	if len(user) > maxNamed {
		return reply{}, refusal{status: http.StatusBadRequest, what: "badQuery"}
	}
	if user == "" {
		v.desk.Sessions = &sessionsView{Untracked: v.realm.Untracked()}
		return c.show(), nil
	}
	of, err := c.userCalled(v, user)
	if err != nil {
		return reply{}, err
	}
	if handle := query.Get(endParam); handle != "" {
		return c.askEnd(v, who, of, user, handle)
	}
	v.desk.Notice = v.endedNotice(who, user, query)
	return c.list(v, who, of, user, query.Get(afterParam))
}

// userCalled finds the user whom a text names, see realm.Realm.UserID.
func (c *Console) userCalled(v *visit, text string) (*ofUser, error) {
	id, err := v.realm.UserID(v.Context(), text)
	if err != nil {
		return nil, err
	}
	u, err := v.realm.Users.ByID(v.Context(), id)
	switch {
	case errors.Is(err, identity.ErrNotFound):
		return &ofUser{Name: say("console.unknown", text), ID: id}, nil
	case err != nil:
		return nil, err
	}
	return &ofUser{Name: phrase{literal: u.Username}, ID: u.ID, Profile: c.address(v.realm, identitiesPage, idParam, u.ID)}, nil
}

// list shows a page of a user's sessions. It is read from the user's index in
// the store as it is now: what ended before, on whatever node, is not on it.
func (c *Console) list(v *visit, who session.Session, of *ofUser, user, after string) (reply, error) {
	found, next, err := v.realm.Sessions(v.Context(), of.ID, session.Page{After: after, Limit: sessionsShown})
	switch {
	case errors.Is(err, session.ErrInvalid):
		return reply{}, refusal{status: http.StatusBadRequest, what: "badQuery"}
	case err != nil:
		return reply{}, err
	}
	view := &sessionsView{User: user, Untracked: v.realm.Untracked(), Of: of}
	for _, s := range found {
		view.Lines = append(view.Lines, c.line(v, who, user, s))
	}
	if next != "" {
		view.Pages.Next = c.address(v.realm, sessionsPage, userParam, user, afterParam, next)
	}
	if after != "" {
		view.Pages.First = c.address(v.realm, sessionsPage, userParam, user)
	}
	if len(found) > 0 || view.Untracked {
		view.EndAll = c.address(v.realm, sessionsPage, userParam, user, endParam, endAll)
	}
	v.desk.Sessions = view
	return c.show(), nil
}

func (c *Console) line(v *visit, who session.Session, user string, s session.Listed) sessionLine {
	now := time.Now()
	line := sessionLine{
		Handle: s.Handle(), Level: s.AuthLevel(), Journey: s.Journey(),
		Created: moment{s.Created()}, Accessed: moment{s.Accessed},
		Idle: left(s.Accessed.Add(s.IdleTime()).Sub(now)), Max: left(s.MaxExpires().Sub(now)),
	}
	if line.Handle != who.Handle() {
		line.End = c.address(v.realm, sessionsPage, userParam, user, endParam, line.Handle)
	}
	return line
}

// isSelf reports whether the administrator is the user.
func (v *visit) isSelf(who session.Session, id string) bool {
	return who.Realm() == v.realm.Path && who.UserID() == id
}

// askEnd asks before sessions are ended.
func (c *Console) askEnd(v *visit, who session.Session, of *ofUser, user, handle string) (reply, error) {
	view := &endingView{Of: of, Back: c.address(v.realm, sessionsPage, userParam, user)}
	switch {
	case handle != endAll:
		s, err := c.byHandle(v, handle)
		if isGone(err) {
			return c.ended(v, who, user, endedGone), nil
		}
		if err != nil {
			return reply{}, err
		}
		line := c.line(v, who, user, s)
		view.Line, view.Text = &line, say("console.endOne")
	case v.isSelf(who, of.ID):
		view.Text = say("console.endOthers")
	default:
		view.Text = say("console.endAll")
	}
	view.Form = action{
		URL: c.address(v.realm, sessionsPage), Button: say("console.end"), Primary: true,
		Hidden: []hidden{
			{userParam, user}, {endParam, handle}, {sealField, v.seal(purposeEnd, who.Handle(), user, handle)},
		},
	}
	v.desk.Heading, v.desk.Ending = say("console.endTitle"), view
	return c.show(), nil
}

// isGone tells a session that is over, or not one of the realm, from one that
// could not be read.
func isGone(err error) bool {
	return errors.Is(err, session.ErrInvalid) || errors.Is(err, session.ErrEnded)
}

// byHandle finds a live session of the realm. Errors as of Set.ByHandle.
func (c *Console) byHandle(v *visit, handle string) (session.Listed, error) {
	s, err := c.pages.front.Realms.ByHandle(v.Context(), handle)
	if err == nil && s.Realm() != v.realm.Path {
		err = session.ErrInvalid
	}
	if err != nil {
		return session.Listed{}, err
	}
	accessed, err := c.pages.front.Realms.LastAccess(v.Context(), s)
	return session.Listed{Session: s, Accessed: accessed}, err
}

// end ends what the form of askEnd is about.
func (c *Console) end(v *visit, who session.Session) (reply, error) {
	user, handle := v.PostForm.Get(userParam), v.PostForm.Get(endParam)
	if err := c.pages.checkForm(v, purposeEnd, who.Handle(), user, handle); err != nil {
		return reply{}, err
	}
	if handle == endAll {
		return c.endUser(v, who, user)
	}
	s, err := c.byHandle(v, handle)
	if err == nil {
		err = c.pages.front.Realms.Destroy(v.Context(), s.Session, who.UniversalID())
	}
	switch {
	case isGone(err):
		return c.ended(v, who, user, endedGone), nil
	case err != nil:
		return reply{}, err
	}
	return c.ended(v, who, user, endedOne), nil
}

// endUser ends all sessions of a user; of the administrator's own all but the
// one that asks.
func (c *Console) endUser(v *visit, who session.Session, user string) (reply, error) {
	id, err := v.realm.UserID(v.Context(), user)
	if err != nil {
		return reply{}, err
	}
	var except *session.Session
	if v.isSelf(who, id) {
		except = &who
	}
	n, err := v.realm.EndUser(v.Context(), id, who.UniversalID(), except)
	switch {
	case err != nil:
		return reply{}, err
	case v.realm.Untracked():
		return c.ended(v, who, user, endedUntracked), nil
	}
	return c.ended(v, who, user, strconv.Itoa(n)), nil
}

// What was ended, besides a number of sessions.
const (
	endedOne       = "one"
	endedGone      = "gone"
	endedUntracked = "untracked"
)

// ended leads to the list, which says what was ended. It is sealed, so that no
// link makes the page say it.
func (c *Console) ended(v *visit, who session.Session, user, what string) reply {
	return redirect(http.StatusSeeOther, c.address(v.realm, sessionsPage, userParam, user, endedParam, what,
		markParam, v.seal(purposeEnded, who.Handle(), user, what)))
}

// endedNotice is what ended has to say, nil if that was not called.
func (v *visit) endedNotice(who session.Session, user string, query url.Values) *notice {
	what := query.Get(endedParam)
	if what == "" || !v.sealed(query.Get(markParam), purposeEnded, who.Handle(), user, what) {
		return nil
	}
	switch what {
	case endedOne, endedGone, endedUntracked:
		return &notice{Text: say("console.ended." + what), Tone: toneInfo}
	}
	return &notice{Text: say("console.ended.all", what), Tone: toneInfo}
}
