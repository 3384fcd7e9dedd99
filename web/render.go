package web

import (
	"bytes"
	"embed"
	"html/template"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/amgate/amgate/realm"
)

//go:embed templates/*.html
var templateFiles embed.FS

// layout draws all pages: each is a form of a journey, a message, or a page of
// the console.
var layout = template.Must(template.ParseFS(templateFiles, "templates/*.html"))

// reply is the answer to a visit: a status, headers besides those that all
// pages have, and a page, unless it is a redirect.
type reply struct {
	status  int
	header  http.Header
	form    *form
	message *message
	// console says that the page is the visit's desk.
	console bool
	// formTo is an origin besides our own that the page's form may go to.
	formTo string
	// locates says that the page's script asks where the device is.
	locates bool
}

// form is a step of a journey as a page.
type form struct {
	Heading     phrase
	Description string
	URL         string
	Notice      *notice
	Fields      []field
	Buttons     []button
	Hidden      []hidden
	// Wait is as in action.
	Wait string
	// Refresh is what a browser without script does to go on: seconds and a
	// URL, as in the header of that name; empty for nothing.
	Refresh string
}

// notice is what is to be said about a form before anything else.
type notice struct {
	Text phrase
	Tone tone
}

// message is a page that says something and offers at most two ways on.
type message struct {
	Heading, Text phrase
	Tone          tone
	Link          *link
	Form          *action
}

type link struct {
	URL  string
	Text phrase
}

// action is a button that posts.
type action struct {
	URL    string
	Button phrase
	Hidden []hidden
	// Primary says that the button is what the page is for.
	Primary bool
	// Wait is after how many milliseconds a script sends the form by itself;
	// empty for never.
	Wait string
}

// waitAttribute is a time as Wait has it; 0 is never.
func waitAttribute(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return strconv.FormatInt(d.Milliseconds(), 10)
}

// tone is how something is meant; a class of the style sheet.
type tone string

const (
	toneInfo    tone = "info"
	toneGood    tone = "good"
	toneWarning tone = "warning"
	toneError   tone = "error"
)

func toneOf(status int) tone {
	if status >= http.StatusBadRequest {
		return toneError
	}
	return toneGood
}

// messageFor is the message whose texts have ids that begin with what.
func messageFor(what string) message {
	return message{Heading: say(what + ".title"), Text: say(what + ".text"), Tone: toneInfo}
}

func show(status int, m message) reply {
	return reply{status: status, header: http.Header{}, message: &m}
}

func redirect(status int, target string) reply {
	return reply{status: status, header: http.Header{"Location": {target}}}
}

// page is what the templates see. One of Message and Form is set.
type page struct {
	texts
	Assets    string
	Realm     string
	LogoutURL string
	Message   *message
	Form      *form
}

// Title is what the browser's tab shows.
func (p page) Title() phrase {
	if p.Form != nil {
		return p.Form.Heading
	}
	return p.Message.Heading
}

// control is a field on its page, as its template sees it.
type control struct {
	page
	field
}

// Control is a field on this page.
func (p page) Control(f field) control { return control{p, f} }

// Describer is the id of the element that tells what is wrong with the
// field.
func (c control) Describer() string {
	switch {
	case len(c.Errors) > 0:
		return c.Name + "-error"
	case c.Form.Notice != nil && c.Form.Notice.Tone == toneError:
		return "notice"
	}
	return ""
}

// render draws the page of a reply; nothing for a redirect.
func (p *Pages) render(v *visit, rep reply) ([]byte, error) {
	if rep.form == nil && rep.message == nil && !rep.console {
		return nil, nil
	}
	view := page{texts: v.texts, Assets: p.front.Base + assetsPath + assetsHash + "/", Message: rep.message, Form: rep.form}
	if v.realm != nil {
		view.Realm, view.LogoutURL = realmName(v.realm.Path), p.logoutURL(v)
	}
	var b bytes.Buffer
	var err error
	if v.desk != nil {
		v.desk.page = view
		err = layout.ExecuteTemplate(&b, "console.html", v.desk)
	} else {
		err = layout.ExecuteTemplate(&b, "layout.html", view)
	}
	return b.Bytes(), err
}

// setHeaders sets what all pages have.
func setHeaders(h http.Header, rep reply) {
	formTo, geolocation := "", "()"
	if rep.formTo != "" {
		formTo = " " + rep.formTo
	}
	if rep.locates {
		geolocation = "(self)"
	}
	for name, value := range map[string]string{
		"Content-Type":  "text/html; charset=utf-8",
		"Cache-Control": "no-store",
		"Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self' data:; script-src 'self'; " +
			"form-action 'self'" + formTo + "; frame-ancestors 'none'; base-uri 'none'",
		"X-Frame-Options":              "DENY",
		"X-Content-Type-Options":       "nosniff",
		"Referrer-Policy":              "same-origin", // without a referrer the browser would hide the Origin of our own forms
		"Cross-Origin-Opener-Policy":   "same-origin",
		"Cross-Origin-Resource-Policy": "same-origin",
		"Permissions-Policy":           "camera=(), geolocation=" + geolocation + ", microphone=(), payment=(), usb=()",
	} {
		h.Set(name, value)
	}
}

// realmName is a realm's path as people read it.
func realmName(path string) string {
	if path == "/" {
		return "root"
	}
	return strings.TrimPrefix(path, "/")
}

// isOwn reports whether a URL is the login page itself.
func (p *Pages) isOwn(target string) bool { return strings.HasPrefix(target, p.front.Base+loginPath) }

func isTrue(value string) bool { return strings.EqualFold(value, "true") }

// originOf is the canonical origin of an absolute URL, or "".
func originOf(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return ""
	}
	return realm.CanonicalOrigin(u.Scheme + "://" + u.Host)
}

// noticeOf is the notice with a text of that id. Two of them only tell what
// happened; all others that something went wrong.
func noticeOf(id string) *notice {
	n := &notice{Text: say(id), Tone: toneError}
	if id == "timedOut" || id == "restarted" {
		n.Tone = toneWarning
	}
	return n
}
