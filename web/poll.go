package web

import (
	"crypto/hmac"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/amgate/amgate/realm"
)

// A step that only waits goes on by itself, also in a browser that runs no
// script. Such a browser can be told to open a URL after a while, but not to
// post a form. So what the form has goes into a cookie, sealed to this browser
// as the form is, and the URL says no more than that the time has come.
//
// The cookie is Strict: no other site can make the browser answer too early,
// which some journeys count. It is kept to the login page, and a step that
// would not fit into a cookie has its button alone.
const (
	// waitParam says in a login URL that a wait is over.
	waitParam = "wait"
	// maxWaitCookie is what browsers surely keep.
	maxWaitCookie = 3800
	// waitGrace is how long a cookie outlives its wait.
	waitGrace = time.Minute

	purposeWait = "wait"
)

// pollLater makes a page that waits come back by itself.
func (p *Pages) pollLater(v *visit, rep *reply, wait time.Duration, authID, packed string) {
	value := strings.Join([]string{authID, packed, v.seal(purposeWait, authID, packed)}, "~")
	if wait == 0 || len(value) > maxWaitCookie {
		return
	}
	rep.header.Add("Set-Cookie", (&http.Cookie{ //nolint:gosec // Secure whenever there is TLS
		Name: realm.WaitCookie, Value: value, Path: p.front.Base + loginPath, MaxAge: int((wait + waitGrace).Seconds()),
		Secure: v.secure, HttpOnly: true, SameSite: http.SameSiteStrictMode,
	}).String())
	seconds := int((wait + time.Second - 1) / time.Second)
	rep.form.Refresh = fmt.Sprintf("%d; url=%s&%s=1", seconds, p.loginURL(v), waitParam)
}

// poll answers the step that the browser has waited for. Without one, the
// login begins again.
func (p *Pages) poll(v *visit) (reply, error) {
	for value := range realm.CookieValues(v.Header, realm.WaitCookie) {
		authID, packed, ok := v.waited(value)
		if !ok {
			continue
		}
		asked, err := unpack(packed)
		if err != nil {
			return reply{}, err
		}
		v.PostForm = url.Values{} // nothing was typed
		return p.answerStep(v, asked, authID)
	}
	return redirect(http.StatusSeeOther, p.loginURL(v)), nil
}

// waited takes the cookie of a wait apart, if it was made for this browser.
func (v *visit) waited(value string) (authID, packed string, ok bool) {
	parts := strings.Split(value, "~")
	if len(parts) != 3 {
		return "", "", false
	}
	sent, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil {
		return "", "", false
	}
	for _, secret := range v.secrets() {
		ok = ok || hmac.Equal(sent, v.mac(secret, purposeWait, parts[:2]))
	}
	return parts[0], parts[1], ok
}
