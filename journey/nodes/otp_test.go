package nodes_test

import (
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/amgate/amgate/identity"
	"github.com/amgate/amgate/journey"
	"github.com/amgate/amgate/journey/journeytest"
	"github.com/amgate/amgate/journey/nodes"
)

// RFC 4226, appendix D.
func TestHOTPIsTheRFCs(t *testing.T) {
	for counter, want := range []string{
		"755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489",
	} {
		if got := nodes.HOTP([]byte("12345678901234567890"), uint64(counter), 6); got != want {
			t.Errorf("counter %d: %s; want %s", counter, got, want)
		}
	}
	if got := nodes.HOTP([]byte("12345678901234567890"), 0, 8); got != "84755224" {
		t.Errorf("eight digits: %s", got)
	}
}

func TestOTPGenerator(t *testing.T) {
	for _, length := range []int{6, 8} {
		seen := map[string]bool{}
		for range 20 {
			nt := journeytest.Given(t, &nodes.OTPGenerator{Length: length}).
				WithShared("oneTimePasswordGuesses", 9).WithTransient("oneTimePasswordUser", "other").
				Arrive().WantOutcome("outcome").WantState("oneTimePasswordGuesses", nil).WantState("oneTimePasswordUser", nil)
			fresh := nt.State().String("oneTimePassword")
			if !regexp.MustCompile(fmt.Sprintf("^[0-9]{%d}$", length)).MatchString(fresh) {
				t.Errorf("%q has not %d digits", fresh, length)
			}
			if made := nt.State().Int("oneTimePasswordTimestamp"); time.Since(time.Unix(int64(made), 0)).Abs() > time.Minute {
				t.Errorf("it says it was made at %d", made)
			}
			seen[fresh] = true
		}
		if len(seen) < 15 {
			t.Errorf("%d different ones among 20", len(seen))
		}
	}
}

// sender is a sender whose realm keeps what it sends.
func sender(t *testing.T, change func(*nodes.OTPMailSender)) (*journeytest.NodeTest, *journeytest.Realm) {
	t.Helper()
	r := new(journeytest.Realm)
	return journeytest.Given(t, newNode(t, "one_time_password_smtp_sender", change)).
		WithServices(r.Services()).WithUsers(mailbox(username, password)).WithTransient("oneTimePassword", otp), r
}

func TestOTPIsMailedToTheUser(t *testing.T) {
	nt, r := sender(t, nil)
	nt.WithSubject(username).WithShared("objectAttributes", map[string]any{"mail": "evil@example.org"}).
		Arrive().WantOutcome("outcome").WantState("oneTimePasswordUser", username)
	mails := r.Mails()
	if len(mails) != 1 {
		t.Fatalf("%d mails", len(mails))
	}
	m := mails[0]
	if m.To != "demo@example.com" || m.Subject != "Your One Time Password" || !strings.Contains(m.Text, "'"+otp+"'") ||
		m.Template != "" || m.Attempt == "" {
		t.Errorf("%+v", m)
	}

	nt, r = sender(t, func(n *nodes.OTPMailSender) {
		n.Subject, n.Content, n.Address = nodes.Text{"de": "{{OTP}} ist es"}, nodes.Text{"de": "Ihr Kennwort:"}, "other"
	})
	users := mailbox(username, password)
	users[0].Attributes["other"] = []string{"zwei@example.com", "drei@example.com"}
	nt.WithUsers(users).WithShared("username", username).WithLanguages("de-CH").Arrive().WantOutcome("outcome")
	if m := r.Mails()[0]; m.To != "zwei@example.com" || m.Subject != otp+" ist es" || m.Text != "Ihr Kennwort: "+otp {
		t.Errorf("%+v", m)
	}
}

func TestOTPIsMailedToSomebodyNew(t *testing.T) {
	nt, r := sender(t, nil)
	nt.WithShared("objectAttributes", map[string]any{"mail": "new@example.com"}).Arrive().WantOutcome("outcome").WantState("oneTimePasswordUser", "")
	if m := r.Mails()[0]; m.To != "new@example.com" {
		t.Errorf("%+v", m)
	}
}

func TestOTPThatCannotBeMailed(t *testing.T) {
	final := errors.New("refused for good")
	for what, test := range map[string]struct {
		given func(*journeytest.NodeTest, *journeytest.Realm)
		want  error
	}{
		"nobody":       {func(*journeytest.NodeTest, *journeytest.Realm) {}, nil},
		"nobody known": {func(nt *journeytest.NodeTest, _ *journeytest.Realm) { nt.WithShared("username", "nobody") }, nil},
		"no address": {func(nt *journeytest.NodeTest, _ *journeytest.Realm) {
			nt.WithUsers(journeytest.Demo(username, "x")).WithSubject(username)
		}, nil},
		"no password": {func(nt *journeytest.NodeTest, _ *journeytest.Realm) {
			nt.WithSubject(username).WithTransient("oneTimePassword", "")
		}, nil},
		"no mail server": {func(nt *journeytest.NodeTest, r *journeytest.Realm) {
			nt.WithSubject(username)
			r.Broken = journey.ErrService
		}, journey.ErrService},
		"refused": {func(nt *journeytest.NodeTest, r *journeytest.Realm) { nt.WithSubject(username); r.Broken = final }, final},
		"no identity": {func(nt *journeytest.NodeTest, _ *journeytest.Realm) {
			nt.WithSubject(username).WithUsers(broken{identity.ErrUnavailable})
		}, identity.ErrUnavailable},
	} {
		nt, r := sender(t, nil)
		test.given(nt, r)
		err := nt.Arrive().WantError()
		if test.want != nil && !errors.Is(err, test.want) {
			t.Errorf("%s: error %v; want %v", what, err, test.want)
		}
		if strings.Contains(err.Error(), otp) || strings.Contains(err.Error(), "example.com") {
			t.Errorf("%s: the error tells the password or the address: %v", what, err)
		}
		if len(r.Mails()) > 0 {
			t.Errorf("%s: a mail was sent", what)
		}
	}
}

// collector asks for the one-time password that is in its state.
func collector(t *testing.T) *journeytest.NodeTest {
	t.Helper()
	nt := journeytest.Given(t, newNode[*nodes.OTPDecision](t, "one_time_password", nil)).WithUsers(mailbox(username, password))
	for key, value := range mailedCode(username) {
		nt.WithTransient(key, value)
	}
	return nt
}

func TestOTPDecision(t *testing.T) {
	nt := collector(t).Arrive().WantAsked("PasswordCallback").
		Answer("").WantAsked("PasswordCallback").
		Answer("12345678").WantOutcome("false").
		Arrive().Answer(otp+"0").WantOutcome("false").
		Arrive().Answer(otp).WantOutcome("true").
		WantState("oneTimePassword", nil).WantState("oneTimePasswordTimestamp", nil)
	if got := nt.Action().Subject(); got == nil || got.ID != username {
		t.Errorf("identified %+v", got)
	}
	nt.Arrive().WantError() // it is not there a second time
}

// SECURITY 4: the one-time password vouches for the user whom it was mailed to.
func TestOTPOfAnotherUserIsWrong(t *testing.T) {
	collector(t).WithSubject("other").Arrive().Answer(otp).WantOutcome("false")
	collector(t).WithUsers(journeytest.Demo("other", "x")).Arrive().Answer(otp).WantOutcome("false") // its user is gone
	nt := collector(t).WithSubject(username).Arrive().Answer(otp).WantOutcome("true")
	if got := nt.Action().Subject(); got != nil {
		t.Errorf("identified %+v again", got)
	}
	// One that went to an address that was typed is that of no user.
	typed := collector(t).WithTransient("oneTimePasswordUser", "")
	typed.WithSubject(username).Arrive().Answer(otp).WantOutcome("false").WantState("oneTimePassword", otp)
	// Of one that a node of others has brought nobody says whose it is.
	foreign := journeytest.Given(t, newNode[*nodes.OTPDecision](t, "one_time_password", nil)).
		WithUsers(mailbox(username, password)).WithSubject(username).
		WithTransient("oneTimePassword", otp).WithTransient("oneTimePasswordTimestamp", int(time.Now().Unix()))
	foreign.Arrive().Answer(otp).WantOutcome("true")
	nobody := collector(t).WithTransient("oneTimePasswordUser", "").Arrive().Answer(otp).WantOutcome("true")
	if got := nobody.Action().Subject(); got != nil {
		t.Errorf("somebody new was identified as %+v", got)
	}
	err := collector(t).WithUsers(broken{identity.ErrUnavailable}).Arrive().Answer(otp).WantError()
	if !errors.Is(err, identity.ErrUnavailable) {
		t.Errorf("error %v", err)
	}
}

func TestOTPExpires(t *testing.T) {
	for wait, want := range map[time.Duration]string{5*time.Minute - time.Second: "true", 5 * time.Minute: "false"} {
		synctest.Test(t, func(t *testing.T) {
			nt := collector(t).Arrive()
			time.Sleep(wait)
			nt.Answer(otp).WantOutcome(want)
		})
	}
	collector(t).WithTransient("oneTimePasswordTimestamp", nil).Arrive().Answer(otp).WantOutcome("false")
}

// A one-time password cannot be guessed for as long as the journey lasts.
func TestOTPIsVoidAfterTenGuesses(t *testing.T) {
	nt := collector(t)
	for range 9 {
		nt.Arrive().Answer("0").WantOutcome("false")
	}
	nt.Arrive().Answer(otp).WantOutcome("true")

	nt = collector(t)
	for range 10 {
		nt.Arrive().Answer("0").WantOutcome("false")
	}
	nt.Arrive().Answer(otp).WantOutcome("false")
}

// otpTree is a journey that gives in to nothing but a one-time password, with
// every way that may lead around it: a wrong one is asked for again, or sent
// anew.
func otpTree(t *testing.T) *journey.Tree {
	t.Helper()
	place := func(id, typ string, next map[string]string) *journey.Placed {
		return &journey.Placed{ID: id, Type: typ, Node: exampleOfType(t, typ), Next: next}
	}
	tree := &journey.Tree{Name: "OTP", Entry: "generate", Nodes: map[string]*journey.Placed{
		"generate": place("generate", "OneTimePasswordGeneratorNode", map[string]string{"outcome": "send"}),
		"send":     place("send", "OneTimePasswordSmtpSenderNode", map[string]string{"outcome": "ask"}),
		"ask":      place("ask", "OneTimePasswordCollectorDecisionNode", map[string]string{"true": journey.Success, "false": "again"}),
		"again":    place("again", "MessageNode", map[string]string{"true": "ask", "false": "generate"}),
	}}
	if err := tree.Check(); err != nil {
		t.Fatal(err)
	}
	return tree
}

// SECURITY 3: no sequence of answers passes the one-time password but its own:
// not an older one, not one of another journey, not an empty one.
func TestModelOneTimePassword(t *testing.T) {
	tree := otpTree(t)
	rapid.Check(t, func(rt *rapid.T) {
		r := new(journeytest.Realm)
		engine := journey.NewEngine(journey.EngineConfig{
			Users: mailbox(username, password), Services: r.Services(), Logger: slog.New(slog.DiscardHandler),
		})
		s := newSnapshot(nil)
		if _, err := engine.Advance(t.Context(), tree, s, journey.Turn{}); err != nil {
			rt.Fatal(err)
		}
		sent := func(i int) string { return digits.FindString(r.Mails()[i].Text) }
		wrong := 0
		for range rapid.IntRange(1, 30).Draw(rt, "steps") {
			if s.Node == "again" {
				button := rapid.IntRange(0, 1).Draw(rt, "button")
				if button == 1 {
					wrong = 0 // a new one is sent
				}
				advance(rt, engine, tree, s, button)
				continue
			}
			now := sent(len(r.Mails()) - 1)
			answer := rapid.OneOf(
				rapid.SampledFrom([]string{"", "0", "00000000", otp, now, now[1:], now + " ", " " + now, "٠" + now}),
				rapid.StringMatching(`[0-9]{8}`),
				rapid.Map(rapid.IntRange(0, len(r.Mails())-1), sent),
			).Draw(rt, "answer")
			result := advance(rt, engine, tree, s, answer)
			if right := answer == now && wrong < 10; (result.Succeeded != nil) != right {
				rt.Fatalf("%q, when %q was mailed last and %d guesses were wrong: %+v", answer, now, wrong, result)
			}
			if result.Succeeded != nil {
				return
			}
			if answer != "" {
				wrong++
			}
		}
	})
}

var digits = regexp.MustCompile("[0-9]{8}")

func advance(rt *rapid.T, engine *journey.Engine, tree *journey.Tree, s *journey.Snapshot, input any) journey.Result {
	rt.Helper()
	result, err := engine.Advance(rt.Context(), tree, s, journey.Turn{Answers: journeytest.Answers(s.Asked, input)})
	if err != nil {
		rt.Fatal(err)
	}
	return result
}
