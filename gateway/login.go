package gateway

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/amgate/amgate/realm"
)

// maxGoto is how long a goto may be: what AM accepts (maxUrlLength).
const maxGoto = 2000

// loginPage is where browsers are sent to sign in.
type loginPage struct {
	plain    string // the whole URL, without a goto
	withGoto string // the URL up to and with "goto="
	fragment string // "#login" or ""
	sameHost bool   // the URL names no host, so a goto needs none either
}

// newLoginPage takes a login URL apart. It names the realm in it, if it is
// not the root realm and the URL does not say another.
func newLoginPage(raw, realmPath string) loginPage {
	page, fragment, hasFragment := strings.Cut(raw, "#")
	if hasFragment {
		fragment = "#" + fragment
	}
	_, query, _ := strings.Cut(page, "?")
	if params, err := url.ParseQuery(query); realmPath != "/" && err == nil && !params.Has("realm") {
		page += separator(page) + "realm=" + realmPath
	}
	return loginPage{
		plain:    page + fragment,
		withGoto: page + separator(page) + "goto=",
		fragment: fragment,
		sameHost: strings.HasPrefix(page, "/"),
	}
}

// separator is what stands between a URL and a further parameter.
func separator(page string) string {
	switch {
	case !strings.Contains(page, "?"):
		return "?"
	case strings.HasSuffix(page, "?"), strings.HasSuffix(page, "&"):
		return ""
	}
	return "&"
}

func (p loginPage) location(target string) string {
	if target == "" {
		return p.plain
	}
	return p.withGoto + url.QueryEscape(target) + p.fragment
}

// checkLoginURL tells what is wrong with a configured login URL.
func checkLoginURL(raw string) error {
	if raw == "" {
		return nil
	}
	bad := func(why string) error {
		return fmt.Errorf("login %q: %s; write a path, or a URL such as https://login.example.com/am/XUI/?realm=/alpha", raw, why)
	}
	u, err := url.Parse(raw)
	if err != nil {
		return bad(errors.Unwrap(err).Error())
	}
	params, err := url.ParseQuery(u.RawQuery)
	switch {
	case percentEncode(raw, standsInURL) != raw:
		return bad("white space, backslashes and characters outside ASCII must be percent-encoded")
	case err != nil:
		return bad("its query is malformed")
	case params.Has("goto"):
		return bad("goto is added to it for each request")
	case strings.HasPrefix(raw, "/") && !strings.HasPrefix(raw, "//"):
		return nil
	case u.User != nil || realm.CheckOrigin(u.Scheme+"://"+u.Host) != nil:
		return bad("it does not begin with http:// or https:// and a host")
	}
	return nil
}

// target is the URL to come back to after the login: a path when the login
// page is on the same host, else with scheme and host. It is "" when there is
// none that a login page would accept.
func (g *Gateway) target(r *http.Request) string {
	target := percentEncode(r.URL.RequestURI(), standsInTarget)
	if !strings.HasPrefix(target, "/") {
		return ""
	}
	if g.login.sameHost {
		if strings.HasPrefix(target, "//") {
			return "" // would name a host
		}
	} else {
		origin := g.front.Scheme(r) + r.Host
		if realm.CheckOrigin(origin) != nil {
			return ""
		}
		target = origin + target
	}
	if len(target) > maxGoto {
		return ""
	}
	return target
}

// standsInTarget is false for # as well: a request has no fragment, and a
// goto must not gain one.
func standsInTarget(c byte) bool { return c != '#' && standsInURL(c) }
