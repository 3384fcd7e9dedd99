package gateway

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/amgate/amgate/realm"
	"github.com/amgate/amgate/realm/realmtest"
)

// twoRealms are realms whose cookies a browser keeps side by side.
func twoRealms(t *testing.T) site {
	t.Helper()
	settings := func(path, cookie string) realm.Settings {
		return realm.Settings{
			Path: path, Users: people, Journeys: realmtest.Journeys(trusting), Cookie: realm.Cookie{Name: cookie},
		}
	}
	return site{realmtest.Open(t, settings("/", cookieName), settings("/alpha", "amAlpha"))}
}

// The attack: one host has apps of two realms. A browser sends the cookies of
// both to both, and the app of one realm, or who has broken into it, uses the
// other realm's token to act there for everybody who comes by.
func TestNoTokenOfAnotherRealmIsForwarded(t *testing.T) {
	s := twoRealms(t)
	other := s.signIn(t, "/alpha", "bjensen")
	r := get("/", "Cookie", "a=1; amAlpha="+other, "amAlpha", other, "Authorization", "Bearer "+other)
	guard(t, s.At(t, "/")).Prepare(r, s.identify(t, "/", "bjensen"))
	if text := fmt.Sprint(r.Header); strings.Contains(text, other) {
		t.Errorf("the other realm's token is forwarded: %s", text)
	}
	if got := r.Header.Get("Cookie"); got != "a=1" {
		t.Errorf("Cookie: %q, want a=1", got)
	}
}

// What one Gateway removes from a request the next one can still judge.
func TestCredentialsOutliveAnotherGateway(t *testing.T) {
	s := twoRealms(t)
	first, second := guard(t, s.At(t, "/")), guard(t, s.At(t, "/alpha"))
	for _, header := range []string{"Cookie", "amAlpha", "Authorization"} {
		tok := s.signIn(t, "/alpha", "scarter")
		value := map[string]string{"Cookie": "amAlpha=" + tok, "amAlpha": tok, "Authorization": "Bearer " + tok}[header]
		r := get("/", header, value, "X-Am-User", "evil")
		sent := first.Credentials(r.Header)
		first.Prepare(r, Identity{})
		id, err := second.Check(t.Context(), &http.Request{Header: sent})
		if err != nil || id.UserID() != "scarter" {
			t.Errorf("%s: %v, %v", header, id, err)
		}
		if len(sent) != 1 {
			t.Errorf("%s: kept %v, which is no credential", header, sent)
		}
	}
}
