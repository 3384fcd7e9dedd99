package web

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"net/http"

	"github.com/amgate/amgate/realm"
)

// A form is accepted only from the page that we gave to this browser. Two
// things must hold, each enough by itself in today's browsers:
//
//   - the browser says that the form comes from our own origin
//     (Sec-Fetch-Site, else Origin; http.CrossOriginProtection);
//   - the form carries a seal: a MAC over what it is about, under the secret
//     of this browser, see realm.Browser.
//
// Where another host can plant the secret's cookie, on plain HTTP, whoever
// planted it could make the seal, and the first rule is what refuses them.
const sealField = "seal"

// What a form is for. A seal for one purpose is none for another.
const (
	purposeLogin  = "login"
	purposeLogout = "logout"
	purposeResume = "resume"
	purposeEnd    = "end"
	purposeEnded  = "ended" // no form: what the console says happened
)

// secrets are those that the browser sent, else a fresh one that the reply
// will hand to it.
func (v *visit) secrets() []string {
	sent := realm.BrowserSecrets(v.Header, v.secure)
	if len(sent) > 0 {
		return sent
	}
	if v.fresh == "" {
		v.fresh = realm.NewBrowserSecret()
	}
	return []string{v.fresh}
}

// browser is who is visiting. A page of ours that it opens comes back as a
// form from our own site, so that it sends our cookies along wherever the
// visit came from.
func (v *visit) browser() realm.Browser {
	return realm.Browser{Keeps: true, Secrets: v.secrets()}
}

// seal returns the seal for a form.
func (v *visit) seal(purpose string, about ...string) string {
	return base64.RawURLEncoding.EncodeToString(v.mac(v.secrets()[0], purpose, about))
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
	if p.origins.Check(v.Request) != nil || !v.sealed(v.PostForm.Get(sealField), purpose, about...) {
		return errForeignForm
	}
	return nil
}

// sealed reports whether text is a seal that we gave to this browser.
func (v *visit) sealed(text, purpose string, about ...string) bool {
	sent, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return false
	}
	for _, secret := range v.secrets() {
		if hmac.Equal(sent, v.mac(secret, purpose, about)) {
			return true
		}
	}
	return false
}
