package rest

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/amgate/amgate/identity"
	"github.com/amgate/amgate/journey"
	"github.com/amgate/amgate/journey/journeytest"
	"github.com/amgate/amgate/journey/nodes"
	"github.com/amgate/amgate/realm"
	"github.com/amgate/amgate/realm/realmtest"
)

// telling is a node that adds to the reply at the journey's end, and sets a
// cookie.
type telling struct{}

func (telling) Process(context.Context, *journey.Input) (journey.Action, error) {
	details := map[string]any{"zip": 4051, "city": "<Basel>", "tokenId": "x", "realm": "x", "successUrl": "x"}
	return journey.Goto("outcome").
		WithSuccessDetails(details).WithSuccessProperty("who", "UserId").WithSuccessProperty("hidden", "am.protected.webhooks").
		WithFailureDetails("Not today", details).WithErrorDetails("Out of order", map[string]any{"city": "Bern"}).
		WithCookie(&http.Cookie{Name: "seen", Value: "1", Path: "/", HttpOnly: true}), nil
}

func (telling) Outcomes() []string { return []string{"outcome"} }

// broken is a node that cannot decide, ever.
type broken struct{}

func (broken) Process(context.Context, *journey.Input) (journey.Action, error) {
	return journey.Action{}, errors.New("a secret about the inside")
}

func (broken) Outcomes() []string { return []string{"outcome"} }

// TestDetailsJoinTheReply: what nodes add stands behind AM's own members, by
// name, and never in their place (AM 8.1, "Set Success Details", "Set Failure
// Details").
func TestDetailsJoinTheReply(t *testing.T) {
	s := open(t, func(r *realm.Settings) {
		told := realmtest.Tree("Told",
			realmtest.Place("tell", telling{}, "outcome", "zero"),
			realmtest.Place("zero", &nodes.ZeroPageLogin{UsernameHeader: "X-OpenAM-Username", PasswordHeader: "X-OpenAM-Password", AllowWithoutReferer: true},
				"true", "check", "false", journey.Failure),
			realmtest.Place("check", new(nodes.DataStore), "true", journey.Success, "false", journey.Failure))
		r.Journeys["Told"] = told
		r.Journeys["Broken"] = realmtest.Tree("Broken",
			realmtest.Place("tell", telling{}, "outcome", "broken"), realmtest.Place("broken", broken{}, "outcome", journey.Success))
	})
	at := alpha + "?authIndexType=service&authIndexValue=Told"
	res := s.do(t, "POST", at, "", "X-OpenAM-Username", "bjensen", "X-OpenAM-Password", "Ch4ng31t")
	if got := members(t, res.Body.Bytes()); res.Code != 200 || !slices.Equal(got, []string{"tokenId", "successUrl", "realm", "city", "who", "zip"}) {
		t.Errorf("success: %d %s", res.Code, res.Body)
	}
	if body := res.Body.String(); !strings.Contains(body, `"realm":"/alpha","city":"<Basel>","who":"bjensen","zip":4051}`) {
		t.Errorf("success: %s", body)
	}
	if lines := res.Header().Values("Set-Cookie"); len(lines) != 3 || lines[1] != "seen=1; Path=/; HttpOnly" {
		t.Errorf("cookies %q", lines)
	}

	res = s.do(t, "POST", at, "", "X-OpenAM-Username", "bjensen", "X-OpenAM-Password", "wrong")
	want := `{"code":401,"reason":"Unauthorized","message":"Not today","detail":{"city":"<Basel>","realm":"x","successUrl":"x","tokenId":"x","zip":4051}}`
	if res.Code != 401 || res.Body.String() != want {
		t.Errorf("failure: %d %s", res.Code, res.Body)
	}
	res = s.do(t, "POST", at+"&gotoOnFail=/sorry", "", "X-OpenAM-Username", "bjensen", "X-OpenAM-Password", "wrong")
	if body := res.Body.String(); !strings.Contains(body, `"detail":{"failureUrl":"/sorry","city":`) {
		t.Errorf("failure with gotoOnFail: %s", body)
	}

	res = s.do(t, "POST", alpha+"?authIndexType=service&authIndexValue=Broken", "")
	want = `{"code":401,"reason":"Unauthorized","message":"Out of order","detail":{"city":"Bern"}}`
	if res.Code != 401 || res.Body.String() != want {
		t.Errorf("an error: %d %s", res.Code, res.Body)
	}
}

// TestSuspendedIDIsFollowed: the link's parameter goes on with the journey,
// whatever index stands beside it; an authId in the body is more than it.
func TestSuspendedIDIsFollowed(t *testing.T) {
	o := realmtest.NewOutbox()
	s := open(t, func(r *realm.Settings) {
		r.Journeys["Mail"] = realmtest.Tree("Mail",
			realmtest.Place("mail", o.Node(0), "outcome", "pass"),
			realmtest.Place("pass", new(nodes.Password), "outcome", journey.Failure))
	})
	start := s.start(t, alpha+"?authIndexType=service&authIndexValue=Mail")
	if !strings.Contains(string(start), `"type":"SuspendedTextOutputCallback"`) || !strings.Contains(string(start), `"authId":"`) {
		t.Fatalf("suspended: %s", start)
	}
	id := o.Link(t).Query().Get("suspendedId")
	link := alpha + "?suspendedId=" + url.QueryEscape(id) + "&authIndexType=service&authIndexValue=Login"
	step := s.start(t, link)
	if !strings.Contains(string(step), `"type":"PasswordCallback"`) {
		t.Fatalf("the link leads to %s", step)
	}
	body := `{"authId":` + string(authIDOf(t, step)) + `,"callbacks":[{"type":"PasswordCallback","input":[{"name":"IDToken1","value":"x"}]}]}`
	if res := s.do(t, "POST", link, body, "Content-Type", "application/json"); res.Code != 401 || !strings.Contains(res.Body.String(), "Login failure") {
		t.Errorf("with an authId: %d %s", res.Code, res.Body)
	}
	res := s.do(t, "POST", link, "")
	if want := crest(401, "Unauthorized", suspendedUnknown); res.Code != 401 || res.Body.String() != want {
		t.Errorf("a used link: %d %s, want %s", res.Code, res.Body, want)
	}
}

func authIDOf(tb testing.TB, step []byte) []byte {
	tb.Helper()
	_, after, _ := strings.Cut(string(step), `"authId":`)
	id, _, ok := strings.Cut(after, ",")
	if !ok {
		tb.Fatalf("no authId: %s", step)
	}
	return []byte(id)
}

// TestSessionParameters: arg=newsession and sessionUpgradeSSOTokenId.
func TestSessionParameters(t *testing.T) {
	s := open(t)
	token := s.login(t)
	for _, tt := range []struct {
		query  string
		status int
		want   string
	}{
		{"", 200, `{"tokenId":"",`},
		{"?arg=newsession", 200, `{"authId":"`},
		{"?ForceAuth=true", 200, `{"authId":"`},
		{"?sessionUpgradeSSOTokenId=" + url.QueryEscape(token), 200, `{"tokenId":"",`},
		{"?sessionUpgradeSSOTokenId=" + url.QueryEscape(tampered(token)), 400, crest(400, "Bad Request", "Invalid session upgrade token")},
		{"?authIndexType=composite_advice&authIndexValue=%3CAdvices/%3E", 400, crest(400, "Bad Request", "Invalid composite advice")},
		{"?authIndexType=transaction&authIndexValue=1", 400, crest(400, "Bad Request", "No Configuration found")},
	} {
		res := s.do(t, "POST", alpha+tt.query, "", "Cookie", cookieName+"="+token)
		if res.Code != tt.status || !strings.HasPrefix(res.Body.String(), tt.want) {
			t.Errorf("%s: %d %s", tt.query, res.Code, res.Body)
		}
	}
}

// TestBrowserGetsItsSecret: a journey that a page begins is bound to the
// cookie that the reply sets; without it the answer is refused, and the step
// stays (SECURITY 2). Apps get no such cookie.
func TestBrowserGetsItsSecret(t *testing.T) {
	s := open(t)
	begun := s.do(t, "POST", alpha, "", "Origin", "http://example.com", "Sec-Fetch-Site", "same-origin")
	cookie := cookieValue(t, begun, realm.FormCookie)
	if cookie == "" {
		t.Fatalf("cookies %q", begun.Header().Values("Set-Cookie"))
	}
	answer := s.answer(t, begun.Body.Bytes(), "bjensen", "Ch4ng31t")
	for _, sent := range []string{"", realm.FormCookie + "=" + realm.NewBrowserSecret()} {
		res := s.do(t, "POST", alpha, answer, "Content-Type", "application/json", "Cookie", sent, "Origin", "http://example.com")
		if res.Code != 401 || res.Body.String() != crest(401, "Unauthorized", "Login failure") || cookieValue(t, res, cookieName) != "" {
			t.Errorf("with %q: %d %s", sent, res.Code, res.Body)
		}
	}
	res := s.do(t, "POST", alpha, answer, "Content-Type", "application/json", "Cookie", realm.FormCookie+"="+cookie)
	if res.Code != 200 || cookieValue(t, res, realm.FormCookie) != "" {
		t.Errorf("with its cookie: %d %s", res.Code, res.Body)
	}
	if res := s.do(t, "POST", alpha, "", "Sec-Fetch-Mode", "cors"); cookieValue(t, res, realm.FormCookie) != "" {
		t.Error("a program is given a browser's cookie")
	}
}

// TestUpgradeByAnotherUser: AM's error 124 is a 400, and the session stays.
func TestUpgradeByAnotherUser(t *testing.T) {
	s := open(t, func(r *realm.Settings) {
		r.Users = append(journeytest.Demo("bjensen", "Ch4ng31t"), journeytest.Person{
			User: identity.User{ID: "2", Username: "scarter", Active: true}, Password: "Ch4ng31t",
		})
	})
	tok := s.login(t)
	res := s.do(t, "POST", alpha+"?ForceAuth=true", "", "Cookie", cookieName+"="+tok,
		"X-OpenAM-Username", "scarter", "X-OpenAM-Password", "Ch4ng31t")
	const want = `{"code":400,"reason":"Bad Request",` +
		`"message":"Session Upgrade fails since user is different than original authenticated user","detail":{"errorCode":"124"}}`
	if got := strings.TrimSpace(res.Body.String()); res.Code != 400 || got != want {
		t.Errorf("%d %s, want %s", res.Code, got, want)
	}
	if !s.Lives(t, tok) {
		t.Error("the session has ended")
	}
	res = s.do(t, "POST", alpha+"?ForceAuth=true", "", "Cookie", cookieName+"="+tok,
		"X-OpenAM-Username", "bjensen", "X-OpenAM-Password", "Ch4ng31t")
	if res.Code != 200 || s.Lives(t, tok) {
		t.Errorf("the same user: %d %s, and the session lives: %v", res.Code, res.Body, s.Lives(t, tok))
	}
}
