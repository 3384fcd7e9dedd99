package realm_test

import (
	"errors"
	"testing"

	"github.com/amgate/amgate/journey"
	"github.com/amgate/amgate/realm"
	"github.com/amgate/amgate/realm/realmtest"
	"github.com/amgate/amgate/session"
	"github.com/amgate/amgate/token"
)

// What one installation or realm hands out, an authId, a link or a session, is
// nothing in another, even under the same secret and the same names (SECURITY
// 5, 10).
func TestNothingIsGoodElsewhere(t *testing.T) {
	for _, scheme := range schemes {
		outboxes := map[string]*realmtest.Outbox{}
		open := func(name string) *realmtest.Site {
			o := realmtest.NewOutbox()
			outboxes[name] = o
			same := realm.Settings{Users: people, JourneySessions: scheme, SigningKeys: []token.Secret{realmtest.Secret(t, 's')}}
			top, alpha := same, same
			top.Path, alpha.Path = "/", "/alpha"
			top.Journeys, alpha.Journeys = mail(o, 0), mail(o, 0)
			top.Journeys["Plain"], alpha.Journeys["Plain"] = named("Plain", 0), named("Plain", 0)
			return realmtest.Open(t, top, alpha)
		}
		one, other := open("one"), open("other")
		home := one.At(t, "/alpha")
		plain := request()
		plain.IndexType, plain.IndexValue = "service", "Plain"
		step := begin(t, home, plain, "alice")
		begin(t, home, request(), "alice")
		id := outboxes["one"].Link(t).Query().Get("suspendedId")
		tok := login(t, home, plain).Token

		for place, r := range map[string]*realm.Realm{
			"another realm": one.At(t, "/"), "another installation": other.At(t, "/alpha"),
		} {
			req := request()
			req.AuthID, req.Callbacks = step.AuthID, answers(t, step.Callbacks, "wonder land")
			if reply, err := r.Authenticate(t.Context(), req); !errors.Is(err, journey.ErrSignature) {
				t.Errorf("%s: an authId in %s: %+v, %v", scheme, place, reply, err)
			}
			if reply, err := follow(t, r, realm.Browser{}, id); !errors.Is(err, journey.ErrNotSuspended) {
				t.Errorf("%s: a link in %s: %+v, %v", scheme, place, reply, err)
			}
			if _, err := r.Session(t.Context(), []string{tok}, session.Touch); !errors.Is(err, session.ErrInvalid) {
				t.Errorf("%s: a session in %s: %v", scheme, place, err)
			}
		}
		if reply, err := follow(t, home, realm.Browser{}, id); err != nil || reply.Step == nil {
			t.Errorf("%s: the link at home: %+v, %v", scheme, reply, err)
		}
		if answer(t, home, step, "wonder land").Success == nil || !one.Lives(t, tok) {
			t.Errorf("%s: at home they are not good either", scheme)
		}
	}
}
