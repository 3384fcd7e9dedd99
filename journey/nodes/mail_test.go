package nodes_test

import (
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/amgate/amgate/identity"
	"github.com/amgate/amgate/journey"
	"github.com/amgate/amgate/journey/journeytest"
	"github.com/amgate/amgate/journey/nodes"
)

const link = "https://sso.example.com/am/XUI/?suspendedId=secret"

// suspender is an Email Suspend node whose realm keeps what it sends.
func suspender(t *testing.T, change func(*nodes.EmailSuspend)) (*journeytest.NodeTest, *journeytest.Realm) {
	t.Helper()
	r := &journeytest.Realm{Templates: []string{"registration"}}
	return journeytest.Given(t, newNode(t, "email_suspend", change)).
		WithServices(r.Services()).WithUsers(mailbox(username, password)), r
}

func lookup(n *nodes.EmailSuspend) { n.Lookup = true }

// follow sends the link of a suspension, if it is sent at all.
func follow(t *testing.T, nt *journeytest.NodeTest) {
	t.Helper()
	_, send, ok := nt.Action().Suspends()
	if !ok {
		t.Fatal("the journey is not suspended")
	}
	if send == nil {
		return
	}
	if err := send(t.Context(), link); err != nil {
		t.Fatal(err)
	}
}

func TestEmailSuspendMailsTheLinkToTheUser(t *testing.T) {
	nt, r := suspender(t, lookup)
	nt.WithShared("username", username).WithLanguages("de").Arrive().WantSuspended()
	follow(t, nt)
	mails := r.Mails()
	if len(mails) != 1 {
		t.Fatalf("%d mails", len(mails))
	}
	m := mails[0]
	object, _ := m.Values["object"].(map[string]any)
	if m.To != "demo@example.com" || m.Template != "registration" || m.Values["resumeURI"] != link ||
		object["mail"] != "demo@example.com" || object["userName"] != username || m.Languages[0] != "de" || m.Attempt == "" {
		t.Errorf("%+v", m)
	}
	resumed := nt.Resume().WantOutcome("outcome")
	if got := resumed.Action().Subject(); got == nil || got.ID != username {
		t.Errorf("identified %+v", got)
	}
}

func TestEmailSuspendMailsTheLinkToSomebodyNew(t *testing.T) {
	nt, r := suspender(t, nil)
	collected := map[string]any{"mail": "new@example.com", "givenName": "Neu"}
	nt.WithShared("objectAttributes", collected).WithTransient("objectAttributes", map[string]any{"password": "secret"}).
		Arrive().WantSuspended()
	before := maps.Clone(collected)
	follow(t, nt)
	m := r.Mails()[0]
	object, _ := m.Values["object"].(map[string]any)
	if _, told := object["password"]; told || m.To != "new@example.com" || object["givenName"] != "Neu" || m.Values["resumeURI"] != link {
		t.Errorf("%+v", m)
	}
	if !maps.Equal(collected, before) {
		t.Errorf("the journey's state has become %v", collected)
	}
	if got := nt.Resume().WantOutcome("outcome").Action().Subject(); got != nil {
		t.Errorf("identified %+v", got)
	}
}

// Who has no account, or no address, sees what all see.
func TestEmailSuspendTellsNobodyApart(t *testing.T) {
	text := nodes.Text{"en": "Look into your mailbox.", "de": "Sehen Sie in Ihre Post."}
	var shown []string
	for what, given := range map[string]func(*journeytest.NodeTest){
		"a user":  func(nt *journeytest.NodeTest) { nt.WithShared("username", username) },
		"unknown": func(nt *journeytest.NodeTest) { nt.WithShared("username", "nobody") },
		"no name": func(*journeytest.NodeTest) {},
		"no address": func(nt *journeytest.NodeTest) {
			nt.WithShared("username", username).WithUsers(journeytest.Demo(username, "x"))
		},
	} {
		nt, r := suspender(t, func(n *nodes.EmailSuspend) { n.Lookup, n.Message, n.Minutes = true, text, 15 })
		given(nt)
		nt.WithLanguages("de-CH").Arrive().WantSuspended()
		follow(t, nt)
		if want := what == "a user"; (len(r.Mails()) == 1) != want {
			t.Errorf("%s: %d mails", what, len(r.Mails()))
		}
		d, _, _ := nt.Action().Suspends()
		shown = append(shown, fmt.Sprint(d, nt.Action().Callbacks()[0].Callback))
	}
	for _, other := range shown {
		if other != shown[0] || !strings.Contains(other, text["de"]) || !strings.HasPrefix(other, "15m") {
			t.Errorf("one client sees %s, another %s", shown[0], other)
		}
	}
}

// SECURITY 3: a mail's step was passed without following its link (Keycloak
// CVE-2026-18963). Only a journey that was resumed leaves the node, whatever
// else is answered, and it suspends again.
func TestEmailSuspendIsPassedByItsLinkAlone(t *testing.T) {
	nt, _ := suspender(t, lookup)
	nt.WithShared("username", username)
	for range 3 {
		nt.Arrive().WantSuspended()
	}
	nt.Resume().WantOutcome("outcome")
	nt.Arrive().WantSuspended() // the link was for that one visit
}

// SECURITY 4: a proof of a mailbox was good for another account (Keycloak
// CVE-2026-9087). The link vouches for the user whom it was mailed to, at the
// node that mailed it.
func TestEmailSuspendVouchesForTheUserItMailedTo(t *testing.T) {
	users := append(mailbox(username, password), mailbox("other", password)...)
	nt, _ := suspender(t, lookup)
	nt.WithUsers(users).WithShared("username", username).Arrive().WantSuspended()
	if got := nt.WithShared("username", "other").Resume().WantOutcome("outcome").Action().Subject(); got == nil || got.ID != username {
		t.Errorf("the link of %s identified %+v", username, got)
	}

	nt, _ = suspender(t, lookup)
	nt.WithUsers(users).WithShared("elsewhere.mailedTo", "other").WithShared("username", "nobody").Arrive().WantSuspended()
	if got := nt.Resume().WantOutcome("outcome").Action().Subject(); got != nil {
		t.Errorf("the link of another node identified %+v", got)
	}
}

// SECURITY 4: without lookup the address is one that the client typed. A user
// whom the journey has identified by then is signed in by no link that went
// there.
func TestEmailSuspendMailsNoLinkOfAUserElsewhere(t *testing.T) {
	typed := func(address string) (*journeytest.NodeTest, *journeytest.Realm) {
		nt, r := suspender(t, nil)
		return nt.WithShared("objectAttributes", map[string]any{"mail": address}), r
	}
	nt, r := typed(attacker)
	nt.WithSubject(username).Arrive().WantSuspended()
	if follow(t, nt); len(r.Mails()) > 0 {
		t.Errorf("the link of %s is mailed to %s", username, r.Mails()[0].To)
	}
	nt.Resume().WantError()

	nt, r = typed(attacker) // while there is no user
	nt.Arrive().WantSuspended()
	if follow(t, nt); len(r.Mails()) != 1 {
		t.Errorf("%d mails", len(r.Mails()))
	}
	nt.WithSubject(username).Resume().WantError()

	nt, r = typed("Demo@Example.com") // the account's own
	nt.WithSubject(username).Arrive().WantSuspended()
	if follow(t, nt); len(r.Mails()) != 1 || r.Mails()[0].To != "demo@example.com" {
		t.Errorf("mails: %+v", r.Mails())
	}
	if got := nt.Resume().WantOutcome("outcome").Action().Subject(); got == nil || got.ID != username {
		t.Errorf("identified %+v", got)
	}

	nt, _ = typed(attacker)
	if err := nt.WithSubject(username).WithUsers(broken{identity.ErrUnavailable}).Arrive().WantError(); !journey.IsFault(err) {
		t.Errorf("error %v", err)
	}
}

func TestEmailSuspendWhenTheUserIsGone(t *testing.T) {
	nt, _ := suspender(t, lookup)
	nt.WithShared("username", username).Arrive().WantSuspended()
	nt.WithUsers(journeytest.Users(nil)).Resume().WantError()
}

func TestMailNodesDuringAnOutage(t *testing.T) {
	nt, _ := suspender(t, lookup)
	if err := nt.WithShared("username", username).WithUsers(broken{identity.ErrUnavailable}).Arrive().WantError(); !journey.IsFault(err) {
		t.Errorf("error %v", err)
	}
	nt, r := suspender(t, lookup)
	nt.WithShared("username", username).Arrive().WantSuspended()
	r.Broken = journey.ErrService
	_, send, _ := nt.Action().Suspends()
	if err := send(t.Context(), link); !errors.Is(err, journey.ErrService) || strings.Contains(err.Error(), "secret") {
		t.Errorf("error %v", err)
	}
	if err := nt.WithUsers(broken{identity.ErrUnavailable}).Resume().WantError(); !journey.IsFault(err) {
		t.Errorf("error %v", err)
	}
}

func TestEmailTemplate(t *testing.T) {
	given := func(users identity.Store, fault error) (*journeytest.NodeTest, *journeytest.Realm) {
		r := &journeytest.Realm{Templates: []string{"welcome"}, Broken: fault}
		return journeytest.Given(t, newNode[*nodes.EmailTemplate](t, "email_template", nil)).
			WithServices(r.Services()).WithUsers(users).WithShared("username", username), r
	}
	nt, r := given(mailbox(username, password), nil)
	nt.Arrive().WantOutcome("EMAIL_SENT")
	if m := r.Mails()[0]; m.To != "demo@example.com" || m.Template != "welcome" || m.Attempt == "" {
		t.Errorf("%+v", m)
	}
	nt, _ = given(journeytest.Users(nil), nil)
	nt.Arrive().WantOutcome("EMAIL_NOT_SENT")
	nt, _ = given(journeytest.Demo(username, password), nil)
	nt.Arrive().WantOutcome("EMAIL_NOT_SENT")
	nt, _ = given(mailbox(username, password), errors.New("refused for good"))
	nt.Arrive().WantOutcome("EMAIL_NOT_SENT")
	for _, fault := range []error{journey.ErrService, identity.ErrUnavailable} {
		nt, _ = given(mailbox(username, password), fault)
		if err := nt.Arrive().WantError(); !errors.Is(err, fault) {
			t.Errorf("error %v; want %v", err, fault)
		}
	}
	nt, _ = given(broken{identity.ErrUnavailable}, nil)
	nt.Arrive().WantError()
}

// IDM's nodes collect the user name as an attribute, or as userName.
func TestMailNodesFindTheUser(t *testing.T) {
	for what, given := range map[string]func(*journeytest.NodeTest){
		"identified": func(nt *journeytest.NodeTest) { nt.WithSubject(username).WithShared("username", "other") },
		"username":   func(nt *journeytest.NodeTest) { nt.WithShared("username", username) },
		"userName":   func(nt *journeytest.NodeTest) { nt.WithShared("userName", username) },
		"attribute": func(nt *journeytest.NodeTest) {
			nt.WithShared("objectAttributes", map[string]any{"userName": username})
		},
		"another attribute": func(nt *journeytest.NodeTest) {
			nt.WithShared("objectAttributes", map[string]any{"mail": "demo@example.com"})
		},
	} {
		nt, r := suspender(t, func(n *nodes.EmailSuspend) {
			if n.Lookup = true; what == "another attribute" {
				n.Identity = "mail"
			}
		})
		given(nt)
		nt.Arrive().WantSuspended()
		follow(t, nt)
		if len(r.Mails()) != 1 {
			t.Errorf("%s: %d mails", what, len(r.Mails()))
		}
	}
}

func TestEmailSuspendDefaults(t *testing.T) {
	nt, _ := suspender(t, nil)
	if shown := fmt.Sprint(nt.Arrive().Action().Callbacks()[0].Callback); !strings.Contains(shown, "Click the link in that email to proceed.") {
		t.Errorf("without a message of its own it shows %s", shown)
	}
	if d, _, _ := nt.Arrive().WantSuspended().Action().Suspends(); d != 0 {
		t.Errorf("%v; want the realm's", d)
	}
	nt, _ = suspender(t, func(n *nodes.EmailSuspend) { n.Minutes = 90 })
	if d, _, _ := nt.Arrive().WantSuspended().Action().Suspends(); d != 90*time.Minute {
		t.Errorf("%v; want 90 minutes", d)
	}
}
