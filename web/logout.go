package web

import (
	"errors"
	"net/http"
	"slices"

	"github.com/amgate/amgate/realm"
	"github.com/amgate/amgate/session"
)

// logout ends the session. AM's agents and apps send browsers here by a link,
// so a GET is enough if the browser says that a page of ours, or of an app
// that the realm trusts, did it; any other GET changes nothing and asks. The
// form of that page, and of the signed-in page, ends the session always.
func (p *Pages) logout(w http.ResponseWriter, v *visit) (reply, error) {
	if v.Method == http.MethodPost {
		if err := readForm(w, v.Request); err != nil {
			return reply{}, err
		}
		if err := p.checkForm(v, purposeLogout); err != nil {
			return reply{}, err
		}
	} else if !v.isWished() {
		return p.confirmLogout(v)
	}
	tokens := v.realm.Cookie.Tokens(v.Header)
	if _, err := p.front.Realms.Logout(v.Context(), tokens); err != nil {
		return reply{}, err
	}
	rep := p.signedOut(v)
	v.realm.Cookie.Clear(rep.header, v.secure)
	v.realm.ClearPersistent(rep.header, v.Header, v.secure)
	return rep, nil
}

// confirmParam makes a GET ask, whoever sent it.
const confirmParam = "confirm"

// isWished reports whether a GET can only come from a person who wants to
// sign out: a page was opened (no picture, frame, script or prefetch), and
// what led here was the address bar, a page of our own origin or one that
// goto_allow names. Browsers tell by Sec-Fetch-Site and Referer, neither of
// which a page can forge. Silence is no proof.
func (v *visit) isWished() bool {
	h := v.Header
	if v.URL.Query().Has(confirmParam) || h.Get("Sec-Purpose") != "" || h.Get("Purpose") != "" {
		return false
	}
	if dest := h.Get("Sec-Fetch-Dest"); dest != "" && dest != "document" {
		return false
	}
	if mode := h.Get("Sec-Fetch-Mode"); mode != "" && mode != "navigate" {
		return false
	}
	switch h.Get("Sec-Fetch-Site") {
	case "same-origin", "none":
		return true
	}
	return v.isTrusted(originOf(h.Get("Referer")))
}

// isTrusted reports whether an origin is ours or one of the realm's apps.
func (v *visit) isTrusted(origin string) bool {
	return origin != "" && slices.ContainsFunc(append([]string{v.origin}, v.realm.GotoAllow...), func(known string) bool {
		return realm.CanonicalOrigin(known) == origin
	})
}

// confirmLogout asks before a session is ended. Without one there is nothing
// to ask, and nothing to change.
func (p *Pages) confirmLogout(v *visit) (reply, error) {
	s, err := p.front.Realms.Session(v.Context(), v.realm.Cookie.Tokens(v.Header), session.Peek)
	switch {
	case errors.Is(err, session.ErrInvalid), errors.Is(err, session.ErrEnded):
		return p.signedOut(v), nil
	case err != nil:
		return reply{}, err
	}
	m := messageFor("confirm")
	m.Text = say("signedInAs", s.Username(), realmName(s.Realm()))
	rep := show(http.StatusOK, m)
	rep.message.Form = p.logoutForm(v)
	rep.message.Form.Primary = true
	return rep, nil
}

// signedOut is the end: a goto that may be followed, else a page.
func (p *Pages) signedOut(v *visit) reply {
	if target := v.params.Get("goto"); target != "" {
		return p.leave(v, http.StatusOK, target, "signedOut")
	}
	m := messageFor("signedOut")
	m.Tone = toneGood
	m.Link = &link{URL: p.loginURL(v), Text: say("signInAgain")}
	return show(http.StatusOK, m)
}

// logoutForm is a button that ends the session.
func (p *Pages) logoutForm(v *visit) *action {
	return &action{
		URL: p.logoutURL(v), Button: say("signOut"), Hidden: []hidden{{sealField, v.seal(purposeLogout)}},
	}
}
