package web

import (
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"

	"github.com/amgate/amgate/journey/callback"
)

// redirectOf is where a step sends the browser, if it does.
func redirectOf(list callback.List) (callback.Redirect, bool) {
	for _, item := range list {
		if c, ok := item.Callback.(callback.Redirect); ok {
			return c, true
		}
	}
	return callback.Redirect{}, false
}

var errRedirect = errors.New("a journey redirects to what is no http or https URL, or by another method than GET and POST")

// sendOn is the page of a step that sends the browser elsewhere. A GET leaves
// by itself. A POST is a form, which goes by itself where scripts run; the
// page's policy lets it go to that one origin.
func sendOn(asked question, to callback.Redirect) (reply, error) {
	u, err := url.Parse(to.URL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return reply{}, errRedirect
	}
	m := messageFor("redirect")
	if asked.Header != "" {
		m.Heading = phrase{literal: asked.Header}
	}
	rep := reply{status: http.StatusOK, header: http.Header{}, message: &m}
	switch to.Method {
	case http.MethodGet, "":
		m.Link = &link{URL: u.String(), Text: say("continue")}
		rep.header.Set("Refresh", "0; url="+u.String())
	case http.MethodPost:
		m.Form = &action{URL: u.String(), Button: say("continue"), Primary: true, Wait: "0"}
		for _, name := range slices.Sorted(maps.Keys(to.Data)) {
			m.Form.Hidden = append(m.Form.Hidden, hidden{name, to.Data[name]})
		}
		rep.formTo = u.Scheme + "://" + u.Host
	default:
		return reply{}, errRedirect
	}
	return rep, nil
}
