package realm

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"strings"

	"github.com/amgate/amgate/journey"
)

// A browser that signs in has a secret in a cookie of its own. It seals the
// forms of the login page, and a journey that a browser began is bound to it:
// whoever else gets hold of an authId cannot answer it. The secret is not the
// session, and outlives it; neither is ever logged.
//
// On TLS the cookie is __Host-, so no other host can plant it.

// Bounds on the secrets of a browser.
const (
	// maxSecrets bounds how many cookies of the name are looked at.
	maxSecrets = 4
	// secretLen is the length of what crypto/rand.Text returns.
	secretLen      = 26
	secretAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
)

// Browser is what a request tells of the browser that sent it; the zero
// Browser is none.
type Browser struct {
	// Keeps says that a browser sent the request and will send our cookies
	// back, so that a journey can be bound to it.
	Keeps bool
	// MayKeep says that it is given a secret, but not known to keep it.
	MayKeep bool
	// Secrets are those that it sent, see BrowserSecrets.
	Secrets []string
}

// NewBrowserSecret returns a secret for a browser that has none.
func NewBrowserSecret() string { return rand.Text() }

// BrowserSecrets are the well-formed secrets that a request brings along.
// There are several when another host planted one.
func BrowserSecrets(h http.Header, secure bool) []string {
	var found []string
	for value := range CookieValues(h, formCookie(secure)) {
		if len(value) == secretLen && strings.Trim(value, secretAlphabet) == "" {
			found = append(found, value)
		}
		if len(found) == maxSecrets {
			break
		}
	}
	return found
}

// SetSecret adds the Set-Cookie line that gives a browser its secret. It is
// Lax where AM's cookie is Strict: a link to the login page must not make the
// browser forget what its other windows are about.
func (c Cookie) SetSecret(h http.Header, secret string, secure bool) {
	c.Name, c.Domain = formCookie(secure), ""
	if c.SameSite == SameSiteStrict {
		c.SameSite = SameSiteLax
	}
	h.Add("Set-Cookie", c.line(secret, secure))
}

func formCookie(secure bool) string {
	if secure {
		return FormCookieTLS
	}
	return FormCookie
}

// Browser judges by the headers that no page can forge whether a browser sent
// a request to the API, and whether it would send our cookies back: not from a
// page of another site, unless the realm's cookies are SameSite=None; and even
// then many browsers do not, so that such a one must have done it once. Node's
// fetch sends Sec-Fetch-Mode, and is no browser.
func (f Front) Browser(r *Realm, req *http.Request) Browser {
	secure := f.Secure(req)
	b := Browser{Secrets: BrowserSecrets(req.Header, secure)}
	switch site, origin := req.Header.Get("Sec-Fetch-Site"), req.Header.Get("Origin"); {
	case site == "" && origin == "":
		return b
	case site != "":
		b.Keeps = site != "cross-site"
	default: // an older browser, or one on plain HTTP
		b.Keeps = hostOf(origin) != "" && hostOf(origin) == hostOf(f.Origin(req))
	}
	if !b.Keeps && r.Cookie.SameSite == SameSiteNone && secure {
		b.Keeps, b.MayKeep = len(b.Secrets) > 0, true
	}
	return b
}

// hostOf is the host of an origin, without its port; "" for what is none.
func hostOf(origin string) string {
	_, host, ok := strings.Cut(CanonicalOrigin(origin), "://")
	if !ok {
		return ""
	}
	host, _ = splitPort(host)
	return host
}

// errForeign refuses an answer from another browser than the journey's.
var errForeign = errors.New("realm: the journey belongs to another browser")

// bind ties the journey to the browser of the request, and to none if it was
// sent by something else. The reply hands a new secret to a browser that has
// none.
func (c *call) bind(snap *journey.Snapshot) {
	b := &c.req.Browser
	if len(b.Secrets) == 0 && (b.Keeps || b.MayKeep) {
		c.reply.BrowserSecret = NewBrowserSecret()
		b.Secrets = []string{c.reply.BrowserSecret}
	}
	snap.Binding = ""
	if b.Keeps {
		snap.Binding = binding(snap.ID, b.Secrets[0])
	}
}

// isBrowserOf reports whether the request may answer the journey: it is bound
// to nobody, or to this browser.
func (b Browser) isBrowserOf(snap *journey.Snapshot) bool {
	if snap.Binding == "" {
		return true
	}
	for _, secret := range b.Secrets {
		if hmac.Equal([]byte(snap.Binding), []byte(binding(snap.ID, secret))) {
			return true
		}
	}
	return false
}

// binding is what a journey keeps of a secret. It differs from journey to
// journey, so that those of one browser cannot be told by it.
func binding(id journey.ID, secret string) string {
	m := hmac.New(sha256.New, []byte(secret))
	m.Write([]byte("amgate binding\x00"))
	m.Write(id[:])
	return base64.RawURLEncoding.EncodeToString(m.Sum(nil))
}
