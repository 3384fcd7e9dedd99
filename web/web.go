// Package web serves the pages for people: signing in, signing out, and what
// is to be said in between; and the console, the pages for administrators.
//
// The pages drive journeys as any client does, through realm.Authenticate.
// The server keeps nothing about a page: each form carries the question that
// it asks and the authId that answers it, sealed together (csrf.go), and the
// query of each URL says which realm, journey and goto it is about. A form
// can therefore be shown again, by any node, when the store did not answer.
//
// They work without script; what script there is adds comfort alone. Nothing
// is written before a page is complete, so an error never comes with half of
// a success, its cookies least of all.
package web

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/amgate/amgate/realm"
)

// Pages is the handler. It holds no state of its own.
type Pages struct {
	front   realm.Front
	origins *http.CrossOriginProtection
}

var _ http.Handler = (*Pages)(nil)

// New returns the handler for {Base}/XUI/, {Base}/UI/Login and
// {Base}/UI/Logout (AM 8.1, "Authenticate from a browser"). Other paths are
// answered with 404.
func New(f realm.Front) *Pages {
	p := &Pages{front: f, origins: http.NewCrossOriginProtection()}
	if own := realm.CanonicalOrigin(f.BaseURL); own != "" {
		// It cannot fail: a canonical origin is what it wants.
		_ = p.origins.AddTrustedOrigin(own)
	}
	return p
}

// visit is one request on its way to its page.
type visit struct {
	*http.Request
	// realm is nil until it is found.
	realm *realm.Realm
	// params are those parameters of the URL that the pages pass on.
	params url.Values
	texts  texts
	secure bool
	// origin is the scheme and host that the browser speaks to.
	origin string
	// fresh is a secret for a browser that has none; "" if it needs none.
	fresh string
	// again is where to try again after an error; "" is the realm's login.
	again string
	// desk is what is around the page of an administrator; nil around others.
	desk *desk
}

// route is a page and the methods that it answers.
type route struct {
	methods []string
	serve   func(*Pages, http.ResponseWriter, *visit) (reply, error)
}

// The paths of the pages below Base.
const (
	loginPath  = "/XUI/"
	logoutPath = "/UI/Logout"
	assetsPath = "/XUI/assets/"
)

var routes = map[string]route{
	loginPath:         {[]string{http.MethodGet, http.MethodHead, http.MethodPost}, (*Pages).login},
	"/XUI/index.html": {[]string{http.MethodGet, http.MethodHead, http.MethodPost}, (*Pages).login},
	logoutPath:        {[]string{http.MethodGet, http.MethodPost}, (*Pages).logout},
	"/UI/Login":       {[]string{http.MethodGet, http.MethodHead}, (*Pages).toLogin},
	"/XUI":            {[]string{http.MethodGet, http.MethodHead}, (*Pages).toLogin},
	"/":               {[]string{http.MethodGet, http.MethodHead}, (*Pages).toLogin},
}

// ServeHTTP implements http.Handler.
func (p *Pages) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if name, ok := strings.CutPrefix(r.URL.Path, p.front.Base+assetsPath); ok {
		serveAsset(w, r, name)
		return
	}
	v := p.visit(r)
	rep, err := p.answer(w, v)
	p.send(w, v, rep, err)
}

// send writes the reply to a visit, or the page of an error.
func (p *Pages) send(w http.ResponseWriter, v *visit, rep reply, err error) {
	var body []byte
	if err == nil {
		body, err = p.render(v, rep)
	}
	if err != nil {
		rep = p.refuse(v, err)
		body, _ = p.render(v, rep) // a tested page of constant texts
	}
	h := w.Header()
	setHeaders(h, rep)
	if err == nil && v.fresh != "" {
		v.realm.Cookie.SetSecret(h, v.fresh, v.secure)
	}
	for name, values := range rep.header {
		h[name] = append(h[name], values...)
	}
	w.WriteHeader(rep.status)
	_, _ = w.Write(body) // html/template drew it; a client that is gone is not our trouble
}

func (p *Pages) visit(r *http.Request) *visit {
	v := &visit{Request: r, secure: p.front.Secure(r), origin: p.front.Origin(r)}
	v.texts = textsFor(realm.Languages(r.Header.Get("Accept-Language")))
	return v
}

// answer finds the page and what it says. A panic on the way is an error like
// any other unexpected one: the listener, and what else is on the connection,
// lives on.
func (p *Pages) answer(w http.ResponseWriter, v *visit) (rep reply, err error) {
	defer realm.Recover(&err)
	path, _ := strings.CutPrefix(v.URL.Path, p.front.Base)
	page, ok := routes[path]
	if !ok {
		return reply{}, refusal{status: http.StatusNotFound, what: "notFound"}
	}
	if !slices.Contains(page.methods, v.Method) {
		return reply{}, refusal{status: http.StatusMethodNotAllowed, what: "notAllowed", allow: page.methods}
	}
	if err := p.locate(v); err != nil {
		return reply{}, err
	}
	return page.serve(p, w, v)
}

// maxQuery bounds the query before it is parsed. It has room for two gotos of
// the greatest length, escaped twice.
const maxQuery = 16 << 10

// passedOn are the parameters of a login URL that its links and forms repeat.
var passedOn = []string{
	"realm", "service", "authIndexType", "authIndexValue", "goto", "gotoOnFail", "ForceAuth", "noSession", "arg", "locale",
}

// locate finds the realm and reads the parameters. A goto that may not be
// followed is dropped here, so that no page can show it.
func (p *Pages) locate(v *visit) error {
	if len(v.URL.RawQuery) > maxQuery {
		return refusal{status: http.StatusRequestURITooLong, what: "tooLong"}
	}
	query, err := url.ParseQuery(v.URL.RawQuery)
	if err != nil {
		return refusal{status: http.StatusBadRequest, what: "badQuery"}
	}
	if locale := query.Get("locale"); locale != "" {
		v.texts = textsFor(append(realm.Languages(locale), v.texts.lang))
	}
	found, ok := p.front.Realms.Named(query.Get("realm"), v.Host)
	if !ok {
		return refusal{status: http.StatusNotFound, what: "noRealm"}
	}
	v.realm, v.params = found, url.Values{}
	for _, name := range passedOn {
		if value := query.Get(name); value != "" {
			v.params.Set(name, value)
		}
	}
	v.params.Set("realm", found.Path)
	for _, name := range []string{"goto", "gotoOnFail"} {
		if _, ok := found.Goto(v.params.Get(name), v.origin); !ok {
			v.params.Del(name)
		}
	}
	return nil
}

// loginURL is this login from its beginning.
func (p *Pages) loginURL(v *visit) string {
	return p.front.Base + loginPath + "?" + v.params.Encode()
}

// logoutURL ends the session of the visit's realm.
func (p *Pages) logoutURL(v *visit) string {
	params := url.Values{}
	for _, name := range []string{"realm", "goto", "locale"} {
		if value := v.params.Get(name); value != "" {
			params.Set(name, value)
		}
	}
	return p.front.Base + logoutPath + "?" + params.Encode()
}

// toLogin sends the older addresses of the login page to the present one.
func (p *Pages) toLogin(_ http.ResponseWriter, v *visit) (reply, error) {
	return redirect(http.StatusFound, p.loginURL(v)), nil
}
