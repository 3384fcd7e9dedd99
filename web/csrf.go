package web

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"net/http"
	"strings"

	"github.com/amgate/amgate/realm"
)

// A form is accepted only from the page that we gave to this browser. Two
// things must hold, each enough by itself in today's browsers:
//
//   - the browser says that the form comes from our own origin
//     (Sec-Fetch-Site, else Origin; http.CrossOriginProtection);
//   - the form carries a seal: a MAC over what it is about, under a random
//     secret that only this browser has, in a cookie of its own. The secret
//     is not the session, and outlives it; neither is ever logged.
//
// On TLS the cookie is __Host-, so no other host can plant it. Where one can,
// on plain HTTP, whoever planted it could make the seal, and the first rule
// is what refuses them.
const (
	hostCookie  = realm.FormCookieTLS
	plainCookie = realm.FormCookie
	// maxSecrets bounds how many cookies of the name are looked at.
	maxSecrets = 4
	// secretLen is the length of what crypto/rand.Text returns.
	secretLen = 26

	sealField = "seal"
)

// What a form is for. A seal for one purpose is none for another.
const (
	purposeLogin  = "login"
	purposeLogout = "logout"
)

func secretCookie(secure bool) string {
	if secure {
		return hostCookie
	}
	return plainCookie
}

// secrets are the well-formed secrets that the browser sent. There are
// several when another host planted one.
func (v *visit) secrets() []string {
	var found []string
	for value := range realm.CookieValues(v.Header, secretCookie(v.secure)) {
		if len(value) == secretLen && strings.Trim(value, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") == "" {
			found = append(found, value)
		}
		if len(found) == maxSecrets {
			break
		}
	}
	return found
}

// seal returns the seal for a form. A browser that has no secret yet is
// given one by a cookie in h.
func (v *visit) seal(h http.Header, purpose string, about ...string) string {
	known := v.secrets()
	if len(known) == 0 {
		known = []string{rand.Text()}
		h.Add("Set-Cookie", (&http.Cookie{ //nolint:gosec // Secure whenever there is TLS
			Name: secretCookie(v.secure), Value: known[0], Path: "/",
			Secure: v.secure, HttpOnly: true, SameSite: http.SameSiteLaxMode,
		}).String())
	}
	return base64.RawURLEncoding.EncodeToString(v.mac(known[0], purpose, about))
}

// mac binds a form to the browser, the realm, the purpose and the fields that
// it is about. Each part is preceded by its length, so that no two lists of
// parts look alike.
func (v *visit) mac(secret, purpose string, about []string) []byte {
	m := hmac.New(sha256.New, []byte(secret))
	for _, part := range append([]string{purpose, v.realm.Path}, about...) {
		var size [8]byte
		binary.BigEndian.PutUint64(size[:], uint64(len(part)))
		m.Write(size[:])
		m.Write([]byte(part))
	}
	return m.Sum(nil)
}

// errForeignForm refuses a form that is not ours, or not this browser's.
var errForeignForm = refusal{status: http.StatusForbidden, what: "foreignForm"}

// checkForm decides whether a posted form is one that we gave to this
// browser for this purpose. v.PostForm must have been read.
func (p *Pages) checkForm(v *visit, purpose string, about ...string) error {
	if p.origins.Check(v.Request) != nil {
		return errForeignForm
	}
	sent, err := base64.RawURLEncoding.DecodeString(v.PostForm.Get(sealField))
	if err != nil {
		return errForeignForm
	}
	for _, secret := range v.secrets() {
		if hmac.Equal(sent, v.mac(secret, purpose, about)) {
			return nil
		}
	}
	return errForeignForm
}
