package realm_test

import (
	"bytes"
	"log/slog"
	"net/http"
	"slices"
	"testing"

	"github.com/amgate/amgate/realm"
	"github.com/amgate/amgate/realm/realmtest"
	"github.com/amgate/amgate/session"
)

// TestDeniedLogin: AM's error 115, which ends the journey; whoever logs out
// makes room.
func TestDeniedLogin(t *testing.T) {
	for _, scheme := range schemes {
		t.Run(string(scheme), func(t *testing.T) {
			s := climbing(scheme, realm.SessionsServer)
			s.Quota.Quota = session.Quota{Max: 1, Action: session.DenyAccess}
			site := realmtest.Open(t, s)
			r := site.At(t, "/")
			tok := login(t, r, request()).Token
			step := begin(t, r, request(), "alice")
			reply := answer(t, r, step, "wonder land")
			if f := reply.Failure; f == nil || f.Message != "You have reached your session limit." || f.ErrorCode != "115" {
				t.Errorf("%+v, %+v", reply.Success, f)
			}
			if again := answer(t, r, step, "wonder land"); again.Failure == nil || again.Failure.ErrorCode != "110" {
				t.Errorf("the journey goes on: %+v", again)
			}
			if !site.Lives(t, tok) {
				t.Error("the session that was there has ended")
			}
			logout(t, site, tok)
			login(t, r, request())
		})
	}
}

// TestSessionThatMakesRoom: its end is audited and its webhooks are called, as
// of one that an administrator destroys.
func TestSessionThatMakesRoom(t *testing.T) {
	at, calls := hearing(t)
	hook := realm.Webhook{Name: "hook", URL: at, Method: http.MethodPost, Body: "${WebhookEventType} ${AMCtxId}"}
	var written bytes.Buffer
	settings := hookSettings(hook)
	settings.Quota.Quota = session.Quota{Max: 2, Action: session.DestroyOldest}
	s := realmtest.New(t, realmtest.NewStore(t), realm.Config{
		Realms: realmtest.Complete(settings), Base: realmtest.Base, BaseURL: realmtest.Origin,
		Audit: slog.New(slog.NewJSONHandler(&written, nil)),
	})
	if err := s.Start(t.Context(), s.Backend); err != nil {
		t.Fatal(err)
	}
	r := s.At(t, "/")
	first := login(t, r, request()).Token
	was, err := s.Session(t.Context(), []string{first}, session.Peek)
	if err != nil {
		t.Fatal(err)
	}
	login(t, r, request())
	login(t, r, request())
	if s.Lives(t, first) {
		t.Error("the oldest session lives")
	}
	if c := next(t, calls); c.body != "DESTROY "+was.ContextID() {
		t.Errorf("the webhook says %q", c.body)
	}
	s.Backend.Outbox.Close()
	told := slices.DeleteFunc(events(t, &written), func(e event) bool { return e.Msg != "AM-SESSION-DESTROYED" })
	if len(told) != 1 || told[0].TrackingIDs[0] != was.ContextID() || told[0].UserID != "id=4711,ou=user,ou=am-config" || told[0].ID == "" {
		t.Errorf("the audit log has %+v", told)
	}
}

// TestQuotaNeedsSomebodyWhoCounts: nobody counts client-side sessions that are not tracked.
func TestQuotaNeedsSomebodyWhoCounts(t *testing.T) {
	s := realmtest.Complete(climbing(realm.JourneysServer, realm.SessionsClient))[0]
	s.Quota = realm.Quota{Quota: session.Quota{Max: 5, Action: session.DenyAccess}, Source: "Caddyfile:7"}
	const want = "realm /: Caddyfile:7: session_quota: nobody counts sessions that their clients carry; add track to authenticated_sessions client, or use server"
	if err := s.Check(); err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	s.Track = true
	if err := s.Check(); err != nil {
		t.Errorf("tracked: %v", err)
	}
	s.AuthenticatedSessions, s.Track = realm.SessionsServer, false
	if err := s.Check(); err != nil {
		t.Error(err)
	}
}
