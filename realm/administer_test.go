package realm_test

import (
	"bytes"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/amgate/amgate/realm"
	"github.com/amgate/amgate/realm/realmtest"
	"github.com/amgate/amgate/session"
)

// Sessions that somebody ends who need not have their tokens are in the audit
// log: each by its name, those that clients carry all at once; with whose they
// were and who did it, and without anything that opens one.
func TestDestroyedSessionsAreAudited(t *testing.T) {
	written := new(bytes.Buffer)
	list := settings(realm.JourneysServer, people)
	list[1].AuthenticatedSessions = realm.SessionsClient
	s := realmtest.New(t, realmtest.NewStore(t), realm.Config{Realms: list, Audit: slog.New(slog.NewJSONHandler(written, nil))})
	if err := s.Start(t.Context(), s.Backend); err != nil {
		t.Fatal(err)
	}
	root, carried := s.At(t, "/"), s.At(t, "/alpha")
	tokens := []string{login(t, root, request()).Token, login(t, root, request()).Token, login(t, root, request()).Token}
	var names []string
	for _, tok := range tokens {
		one, err := s.Session(t.Context(), []string{tok}, session.Peek)
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, one.ContextID())
	}
	kept, err := s.Session(t.Context(), tokens[2:], session.Peek)
	if err != nil {
		t.Fatal(err)
	}
	browsers := login(t, carried, request()).Token
	written.Reset()

	one, err := s.Session(t.Context(), tokens[:1], session.Peek)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Destroy(t.Context(), one, "id=boss,ou=user,ou=am-config"); err != nil {
		t.Fatal(err)
	}
	if n, err := root.EndUser(t.Context(), kept.UserID(), realm.AdminAPI, &kept); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	if n, err := carried.EndUser(t.Context(), kept.UserID(), realm.AdminAPI, nil); n != 0 || err != nil {
		t.Fatal(n, err)
	}
	if s.Lives(t, tokens[0]) || s.Lives(t, tokens[1]) || !s.Lives(t, tokens[2]) || s.Lives(t, browsers) {
		t.Error("not those have ended that were to")
	}
	for _, tok := range append(tokens, browsers) {
		if strings.Contains(written.String(), tok) {
			t.Error("the audit log has a token")
		}
	}
	all := events(t, written)
	if len(all) != 3 {
		t.Fatalf("%d events: %s", len(all), written)
	}
	for i, want := range []event{
		{Realm: "/", UserID: kept.UniversalID(), TrackingIDs: names[:1], RunAs: "id=boss,ou=user,ou=am-config"},
		{Realm: "/", UserID: kept.UniversalID(), TrackingIDs: names[1:2], RunAs: realm.AdminAPI},
		{Realm: "/alpha", UserID: carried.UniversalID(kept.UserID()), RunAs: realm.AdminAPI},
	} {
		got := all[i]
		if got.Msg != "AM-SESSION-DESTROYED" || got.Component != "Session" || got.Result != "SUCCESSFUL" || got.TransactionID == "" ||
			got.Realm != want.Realm || got.UserID != want.UserID || got.RunAs != want.RunAs || !slices.Equal(got.TrackingIDs, want.TrackingIDs) {
			t.Errorf("event %d is %+v, want %+v", i, got, want)
		}
	}
}
