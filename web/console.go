package web

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/amgate/amgate/realm"
	"github.com/amgate/amgate/session"
)

// Console is the handler of the pages for administrators, see NewConsole. It
// holds no state of its own.
//
// Its pages are for the users of live sessions who administer the realm that
// a page is about. They change something by forms alone, each sealed for the
// browser, the administrator's session, and what it is about; no script runs
// on them.
type Console struct{ pages *Pages }

var _ http.Handler = (*Console)(nil)

// NewConsole returns the handler for {Base}/console, the list of realms, and
// {Base}/console/realms/<realm>/sessions and …/identities, where <realm> is
// the realm's path without the first slash, "root" for the root realm.
func NewConsole(f realm.Front) *Console { return &Console{New(f)} }

const consolePath = "/console"

// The pages of a realm.
const (
	sessionsPage   = "sessions"
	identitiesPage = "identities"
)

// desk is what is around a page of the console, and what is on it.
type desk struct {
	page
	// Heading is the page's, unless it is a message.
	Heading phrase
	// Who is the administrator, of the realm WhoRealm.
	Who, WhoRealm string
	SignOut       *action
	Home          string
	Tabs          []tab
	// Notice says what happened before the page.
	Notice *notice

	// One of these is what the page is about, unless it is a message.
	Realms     []realmLine
	Sessions   *sessionsView
	Ending     *endingView
	Identities *identitiesView
	Identity   *identityView
}

// Title is what the browser's tab shows.
func (d *desk) Title() phrase {
	if d.Message != nil {
		return d.Message.Heading
	}
	return d.Heading
}

// part is a thing on the desk, as a template for such things sees it.
type part struct {
	texts
	Part any
}

// About is a part of this desk.
func (d *desk) About(thing any) part { return part{d.texts, thing} }

// around are the addresses of other pages of a list; "" for none.
type around struct{ First, Next string }

// tab is a link to a page of the realm.
type tab struct {
	URL     string
	Text    phrase
	Current bool
}

// realmLine is a realm in the list of realms.
type realmLine struct {
	Name, Sessions, Identities string
	// Kind says where its sessions are.
	Kind phrase
}

// ServeHTTP implements http.Handler.
func (c *Console) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	v := c.pages.visit(r)
	v.again = r.URL.RequestURI()
	v.realm, _ = c.pages.front.Realms.Realm("/")
	rep, err := c.answer(w, v)
	if err != nil {
		rep = c.refuse(v, err)
	}
	c.pages.send(w, v, rep, nil)
}

// answer finds the page and what it says.
func (c *Console) answer(w http.ResponseWriter, v *visit) (rep reply, err error) {
	defer realm.Recover(&err)
	path, name, err := c.locate(v)
	if err != nil {
		return reply{}, err
	}
	who, admin, err := c.enter(v, path)
	switch {
	case err != nil:
		return reply{}, err
	case who == (session.Session{}):
		return c.toLogin(v), nil
	case !admin:
		return c.notAdmin(v, who, path), nil
	}
	if path != "" {
		found, ok := c.pages.front.Realms.Realm(path)
		if !ok {
			c.sit(v, who, "")
			return reply{}, refusal{status: http.StatusNotFound, what: "noRealm"}
		}
		v.realm = found
	}
	c.sit(v, who, name)
	switch name {
	case sessionsPage:
		return c.sessions(w, v, who)
	case identitiesPage:
		return c.identities(v)
	}
	return c.home(v, who)
}

// locate reads the address: the path of a realm and a page of it, both empty
// for the list of realms. That there is such a realm it does not say.
func (c *Console) locate(v *visit) (path, name string, err error) {
	if len(v.URL.RawQuery) > maxQuery {
		return "", "", refusal{status: http.StatusRequestURITooLong, what: "tooLong"}
	}
	below, _ := strings.CutPrefix(v.URL.Path, c.pages.front.Base+consolePath)
	methods := []string{http.MethodGet, http.MethodHead}
	if below = strings.Trim(below, "/"); below != "" {
		at := strings.LastIndexByte(below, '/')
		names, ok := strings.CutPrefix(below[:max(at, 0)], "realms/")
		name = below[at+1:]
		if !ok || names == "" || name != sessionsPage && name != identitiesPage {
			return "", "", refusal{status: http.StatusNotFound, what: "notFound"}
		}
		if names == rootName {
			names = ""
		}
		path = "/" + strings.TrimPrefix(names, rootName+"/")
	}
	if name == sessionsPage {
		methods = append(methods, http.MethodPost)
	}
	if !slices.Contains(methods, v.Method) {
		return "", "", refusal{status: http.StatusMethodNotAllowed, what: "notAllowed", allow: methods}
	}
	return path, name, nil
}

// rootName stands for the root realm in an address. A realm that itself is
// called so, or lies below one, has it twice.
const rootName = "root"

// address is a page of a realm, with names and values of its query in turn.
func (c *Console) address(r *realm.Realm, page string, query ...string) string {
	names := r.Path[1:]
	if first, _, _ := strings.Cut(names, "/"); first == rootName || first == "" {
		names = strings.TrimSuffix(rootName+"/"+names, "/")
	}
	values := url.Values{}
	for pair := range slices.Chunk(query, 2) {
		values.Set(pair[0], pair[1])
	}
	address := c.pages.front.Base + consolePath + "/realms/" + names + "/" + page
	if len(values) > 0 {
		address += "?" + values.Encode()
	}
	return address
}

// enter finds out whose browser it is: who administers the realm of the path,
// or any if that is empty, else who has a live session, else nobody. Sessions
// of all realms count, each realm's in its own cookie.
func (c *Console) enter(v *visit, path string) (who session.Session, admin bool, err error) {
	set := c.pages.front.Realms
	tokens := v.realm.Cookie.Tokens(v.Header)
	for _, name := range v.realm.CookieNames() {
		if name != v.realm.Cookie.Name {
			tokens = append(tokens, realm.Cookie{Name: name}.Tokens(v.Header)...)
		}
	}
	for _, tok := range tokens {
		s, err := set.Session(v.Context(), []string{tok}, session.Touch)
		switch {
		case errors.Is(err, session.ErrInvalid), errors.Is(err, session.ErrEnded):
			continue
		case err != nil:
			return session.Session{}, false, err
		}
		about := path
		if about == "" {
			about = s.Realm()
		}
		if admin, err := set.Administers(v.Context(), s, about); err != nil || admin {
			return s, admin, err
		}
		if who == (session.Session{}) {
			who = s
		}
	}
	return who, false, nil
}

// toLogin sends who is not signed in through a journey of the root realm and
// back. Of a form that was posted the page is shown again that it is on.
func (c *Console) toLogin(v *visit) reply {
	back := v.again
	if v.Method == http.MethodPost || len(back) > realm.MaxGoto {
		back = v.URL.EscapedPath()
	}
	return redirect(http.StatusSeeOther, c.pages.front.Base+loginPath+"?"+url.Values{"realm": {"/"}, "goto": {back}}.Encode())
}

// notAdmin tells who is signed in but may not see the page, and offers to sign
// out, which leads through toLogin back to it. It says the same whether or not
// there is such a realm.
func (c *Console) notAdmin(v *visit, who session.Session, path string) reply {
	m := messageFor("notAdmin")
	m.Tone = toneError
	m.Text = say("notAdmin.any", who.Username(), realmName(who.Realm()))
	if path != "" {
		m.Text = say("notAdmin.text", who.Username(), realmName(who.Realm()), realmName(path))
	}
	if m.Form = c.signOut(v, who, v.again); m.Form != nil {
		m.Form.Primary = true
	}
	return show(http.StatusForbidden, m)
}

// signOut is the button that ends the session of who, and leads to the goto
// then, unless that is empty. Without a realm any more there is none.
func (c *Console) signOut(v *visit, who session.Session, to string) *action {
	home, ok := c.pages.front.Realms.Realm(who.Realm())
	if !ok {
		return nil
	}
	v.secrets() // so that both visits have the same
	there := *v
	there.realm, there.params = home, url.Values{"realm": {home.Path}}
	if to != "" {
		there.params.Set("goto", to)
	}
	return c.pages.logoutForm(&there)
}

// sit makes what is around the page.
func (c *Console) sit(v *visit, who session.Session, page string) {
	v.desk = &desk{
		Who: who.Username(), WhoRealm: realmName(who.Realm()), SignOut: c.signOut(v, who, ""),
		Home: c.pages.front.Base + consolePath,
	}
	if page == "" {
		return
	}
	for _, name := range []string{sessionsPage, identitiesPage} {
		v.desk.Tabs = append(v.desk.Tabs, tab{c.address(v.realm, name), say("console." + name), name == page})
	}
}

// home lists the realms that the administrator may look at.
func (c *Console) home(v *visit, who session.Session) (reply, error) {
	v.desk.Heading = say("console.realms")
	for _, r := range c.pages.front.Realms.All() {
		admin, err := c.pages.front.Realms.Administers(v.Context(), who, r.Path)
		if err != nil {
			return reply{}, err
		}
		if admin {
			v.desk.Realms = append(v.desk.Realms, realmLine{
				realmName(r.Path), c.address(r, sessionsPage), c.address(r, identitiesPage), kindOf(r),
			})
		}
	}
	return c.show(), nil
}

// kindOf says where a realm's sessions are.
func kindOf(r *realm.Realm) phrase {
	switch {
	case r.Untracked():
		return say("console.kindClient")
	case r.AuthenticatedSessions == realm.SessionsClient:
		return say("console.kindTracked")
	}
	return say("console.kindServer")
}

// show is the page of the visit's desk.
func (*Console) show() reply {
	return reply{status: http.StatusOK, header: http.Header{}, console: true}
}

// refuse turns an error into its page. One about an outage says what it means
// for this one: that nothing is shown does not mean that nothing is there.
func (c *Console) refuse(v *visit, err error) reply {
	if v.Method == http.MethodPost {
		v.again = v.URL.EscapedPath()
	}
	if v.desk == nil {
		v.realm, _ = c.pages.front.Realms.Realm("/")
	}
	rep := c.pages.refuse(v, err)
	switch {
	case rep.status == http.StatusServiceUnavailable && v.Method == http.MethodPost:
		rep.message.Text = say("console.undecided")
	case rep.status == http.StatusServiceUnavailable:
		rep.message.Text = say("console.unavailable")
	case rep.status == http.StatusNotFound:
		rep.message.Link = &link{URL: c.pages.front.Base + consolePath, Text: say("console.realms")}
	}
	return rep
}
