package rest

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/amgate/amgate/journey"
	"github.com/amgate/amgate/journey/journeytest"
	"github.com/amgate/amgate/realm"
)

// TestDocumentedVerification is AM's own example of how to check that sign-in
// works (P81/am-authentication/authn-rest), to the byte.
func TestDocumentedVerification(t *testing.T) {
	s := open(t)
	res := s.do(t, "POST", alpha, "", "Content-Type", "application/json", "X-OpenAM-Username", "bjensen",
		"X-OpenAM-Password", "Ch4ng31t", "Accept-API-Version", "resource=2.0, protocol=1.0")
	var got struct{ TokenID string }
	decode(t, res, &got)
	want := `{"tokenId":"` + got.TokenID + `","successUrl":"/enduser/?realm=/alpha","realm":"/alpha"}`
	if res.Code != http.StatusOK || got.TokenID == "" || res.Body.String() != want {
		t.Errorf("%d %s, want 200 %s", res.Code, res.Body, want)
	}
	wantHeaders(t, res.Header(), map[string]string{
		"Content-Type":           "application/json",
		"Content-API-Version":    "resource=2.1",
		"Cache-Control":          "private",
		"Expires":                "0",
		"Pragma":                 "no-cache",
		"X-Frame-Options":        "SAMEORIGIN",
		"X-Content-Type-Options": "nosniff",
	})
	cookies := res.Header().Values("Set-Cookie")
	if len(cookies) != 2 || cookies[0] != cookieName+"="+got.TokenID+"; Path=/; HttpOnly; SameSite=Lax" ||
		!regexp.MustCompile(`^amlbcookie=[^;]+; Path=/; HttpOnly; SameSite=Lax$`).MatchString(cookies[1]) {
		t.Errorf("Set-Cookie %q", cookies)
	}
}

// TestSecureCookies: over TLS both cookies are for TLS alone.
func TestSecureCookies(t *testing.T) {
	s := open(t)
	res := s.do(t, "POST", "https://login.example.com"+alpha, "", "X-OpenAM-Username", "bjensen", "X-OpenAM-Password", "Ch4ng31t")
	for _, line := range res.Header().Values("Set-Cookie") {
		if !strings.Contains(line, "; Secure; HttpOnly") {
			t.Errorf("Set-Cookie: %s", line)
		}
	}
}

// TestTwoSteps walks a page of questions as SDKs do, each with its own idea of
// what to post back.
func TestTwoSteps(t *testing.T) {
	s := open(t)
	for name, edit := range map[string]func(map[string]any){
		"the whole step":         func(map[string]any) {},
		"with the SDK's members": func(step map[string]any) { step["status"], step["ok"] = 200, true },
		"authId and callbacks": func(step map[string]any) {
			maps.DeleteFunc(step, func(name string, _ any) bool { return name != "authId" && name != "callbacks" })
		},
	} {
		t.Run(name, func(t *testing.T) {
			res := s.do(t, "POST", alpha, "{}", "Content-Type", "application/json")
			if names := members(t, res.Body.Bytes()); len(names) < 2 || names[0] != "authId" || names[1] != "callbacks" {
				t.Errorf("a step has the members %q", names)
			}
			if cookies := res.Header().Values("Set-Cookie"); len(cookies) != 1 || !strings.HasPrefix(cookies[0], "amlbcookie=") {
				t.Errorf("a step sets the cookies %q", cookies)
			}
			step := fill(t, res.Body.Bytes(), "bjensen", "Ch4ng31t")
			edit(step)
			body, _ := json.Marshal(step)
			// The index is repeated by the JS SDK; the authId decides.
			res = s.do(t, "POST", alpha+"?authIndexType=service&authIndexValue=Nobody", string(body), "Content-Type", "application/json")
			if res.Code != http.StatusOK || !slices.Equal(members(t, res.Body.Bytes()), []string{"tokenId", "successUrl", "realm"}) {
				t.Errorf("the answer gives %d %s", res.Code, res.Body)
			}
		})
	}
}

// TestStarts: all these bodies start a journey, in each version.
func TestStarts(t *testing.T) {
	s := open(t)
	for _, tt := range []struct{ contentType, version, body string }{
		{"application/json", "protocol=1.0,resource=2.1", ""},
		{"application/json", "resource=2.0, protocol=1.0", "{}"},
		{"application/x-www-form-urlencoded", "resource=1.0", ""},
		{"", "", ""},
		{"application/json; charset=utf-8", "", ` { "authId" : null } `},
	} {
		res := s.do(t, "POST", alpha, tt.body, "Content-Type", tt.contentType, "Accept-API-Version", tt.version)
		if names := members(t, res.Body.Bytes()); res.Code != http.StatusOK || !slices.Contains(names, "authId") {
			t.Errorf("%+v: %d %s", tt, res.Code, res.Body)
		}
	}
}

// TestFailure: the form of a failed login depends on the version.
func TestFailure(t *testing.T) {
	s := open(t)
	for version, want := range map[string]string{
		"resource=2.1": `{"code":401,"reason":"Unauthorized","message":"Login failure"}`,
		"resource=1.0": `{"errorMessage":"Login failure"}`,
	} {
		res := s.do(t, "POST", alpha, "", "Accept-API-Version", version)
		for range 3 {
			if res.Code != http.StatusOK {
				t.Fatalf("%s: %d %s before the third try", version, res.Code, res.Body)
			}
			res = s.do(t, "POST", alpha, s.answer(t, res.Body.Bytes(), "bjensen", "wrong"),
				"Content-Type", "application/json", "Accept-API-Version", version)
		}
		if res.Code != http.StatusUnauthorized || res.Body.String() != want {
			t.Errorf("%s: %d %s, want 401 %s", version, res.Code, res.Body, want)
		}
		wantHeaders(t, res.Header(), map[string]string{"Content-Type": "application/json", "Content-API-Version": version})
		if cookies := res.Header().Values("Set-Cookie"); len(cookies) != 1 || !strings.HasPrefix(cookies[0], "amlbcookie=") {
			t.Errorf("%s: Set-Cookie %q", version, cookies)
		}
	}
}

// TestFailureURL: gotoOnFail goes into the detail, if it may be followed.
func TestFailureURL(t *testing.T) {
	s := open(t)
	for gotoOnFail, want := range map[string]string{
		"/failed":               `,"detail":{"failureUrl":"/failed"}}`,
		"https://evil.example/": `"Login failure"}`,
	} {
		res := s.do(t, "POST", alpha+"?gotoOnFail="+gotoOnFail, "")
		for range 3 {
			res = s.do(t, "POST", alpha, s.answer(t, res.Body.Bytes(), "nobody", "wrong"), "Content-Type", "application/json")
		}
		if res.Code != http.StatusUnauthorized || !strings.HasSuffix(res.Body.String(), want) {
			t.Errorf("%s: %d %s, want … %s", gotoOnFail, res.Code, res.Body, want)
		}
	}
}

// TestLockedOut: a user who may not sign in is told so in AM's words, with a
// failureUrl even if there is none, wherever the journey found out.
func TestLockedOut(t *testing.T) {
	const lockedOut = `{"code":401,"reason":"Unauthorized","message":"User Locked Out.","detail":{"failureUrl":"`
	for _, tt := range []struct{ query, failureURL, version, want string }{
		{"", "", "resource=2.1", lockedOut + `"}}`},
		{"", "/sorry", "resource=2.1", lockedOut + `/sorry"}}`},
		{"?gotoOnFail=/asked", "/sorry", "resource=2.1", lockedOut + `/asked"}}`},
		{"", "", "resource=1.1", `{"errorMessage":"User Locked Out."}`},
		{"", "/sorry", "resource=1.1", `{"errorMessage":"User Locked Out.","failureUrl":"/sorry"}`},
	} {
		s := open(t, func(r *realm.Settings) {
			r.FailureURL = tt.failureURL
			people := journeytest.Demo("bjensen", "Ch4ng31t")
			people[0].Active = false
			r.Users = people
		})
		res := s.do(t, "POST", alpha+tt.query, "", "X-OpenAM-Username", "bjensen", "X-OpenAM-Password", "Ch4ng31t", "Accept-API-Version", tt.version)
		if res.Code != http.StatusUnauthorized || res.Body.String() != tt.want {
			t.Errorf("%+v: %d %s, want %s", tt, res.Code, res.Body, tt.want)
		}
	}
}

// TestExistingSession: who is signed in is told so, without a new session.
func TestExistingSession(t *testing.T) {
	s := open(t)
	token := s.login(t)
	want := `{"tokenId":"","successUrl":"/enduser/?realm=/alpha","realm":"/alpha"}`
	for _, header := range [][]string{{"Cookie", cookieName + "=" + token}, {cookieName, token}} {
		res := s.do(t, "POST", alpha+"?ForceAuth=false&noSession=false", "", header...)
		if res.Code != http.StatusOK || res.Body.String() != want {
			t.Errorf("%s: %d %s, want %s", header[0], res.Code, res.Body, want)
		}
		if cookies := res.Header().Values("Set-Cookie"); len(cookies) != 1 || !strings.HasPrefix(cookies[0], "amlbcookie=") {
			t.Errorf("%s: Set-Cookie %q", header[0], cookies)
		}
		res = s.do(t, "POST", alpha+"?ForceAuth=true", "", header...)
		if names := members(t, res.Body.Bytes()); !slices.Contains(names, "authId") {
			t.Errorf("%s with ForceAuth: %s", header[0], res.Body)
		}
	}
}

// TestLocale: the parameter goes before what the browser prefers, for the
// whole journey (AM 8.1, "Authenticate endpoint parameters").
func TestLocale(t *testing.T) {
	s := open(t)
	for _, tt := range []struct{ query, accept, want string }{
		{"", "", "Sign in"},
		{"", "de", "Anmelden"},
		{"?locale=de", "en", "Anmelden"},
		{"?locale=en", "de", "Sign in"},
		{"?locale=de-CH", "", "Anmelden"},
		{"?locale=", "de", "Anmelden"},
	} {
		res := s.do(t, "POST", alpha+tt.query, "", "Accept-Language", tt.accept)
		for range 2 { // the first step, and that after a wrong password
			var step struct{ Header string }
			if decode(t, res, &step); res.Code != http.StatusOK || step.Header != tt.want {
				t.Errorf("%q with %q: %d %s, want the header %q", tt.query, tt.accept, res.Code, res.Body, tt.want)
				break
			}
			res = s.do(t, "POST", alpha, s.answer(t, res.Body.Bytes(), "bjensen", "wrong"),
				"Content-Type", "application/json", "Accept-Language", tt.accept)
		}
	}
}

// TestSuccessTakesNoSessionFromTheClient. The attack: somebody plants a
// session's cookie in another's browser, which signs in with it, and from then
// on both are in the same session. Signing in always makes a new one: of what
// was there nothing is taken over, and a session of somebody else stays what
// it was. (SECURITY 53)
func TestSuccessTakesNoSessionFromTheClient(t *testing.T) {
	s := staffed(t)
	ended := s.signIn(t, "/alpha", "carol")
	s.do(t, "POST", at("/")+"/sessions?_action=logout", "", cookieName, ended)
	attacker, elsewhere, own := s.signIn(t, "/alpha", "carol"), s.signIn(t, "/", "ron"), s.signIn(t, "/alpha", "dave")
	for name, tt := range map[string]struct {
		planted string
		lives   bool // afterwards
	}{
		"an ended one":          {ended, false},
		"a forged one":          {tampered(attacker), false},
		"what is none":          {"planted", false},
		"a handle":              {s.handle(t, attacker), false},
		"another realm's":       {elsewhere, true},
		"one's own, force auth": {own, false}, // it is replaced
	} {
		t.Run(name, func(t *testing.T) {
			url := at("/alpha") + "/authenticate"
			if tt.planted == own {
				url += "?ForceAuth=true"
			}
			res := s.do(t, "POST", url, "", "Cookie", cookieName+"="+tt.planted, "X-OpenAM-Username", "dave", "X-OpenAM-Password", "Ch4ng31t")
			got := cookieValue(t, res, cookieName)
			if res.Code != http.StatusOK || got == "" || got == tt.planted || !s.Lives(t, got) {
				t.Errorf("%d %s with the cookie %q", res.Code, res.Body, got)
			}
			if lives := s.Lives(t, tt.planted); lives != tt.lives {
				t.Errorf("what was planted lives: %v", lives)
			}
			if !s.Lives(t, attacker) {
				t.Error("the session of somebody else ended")
			}
		})
	}
	// Somebody else's live session is no way into another's, and is not
	// changed by one who tries.
	res := s.do(t, "POST", at("/alpha")+"/authenticate?ForceAuth=true", "", "Cookie", cookieName+"="+attacker,
		"X-OpenAM-Username", "dave", "X-OpenAM-Password", "Ch4ng31t")
	if got := cookieValue(t, res, cookieName); got == attacker || res.Code == http.StatusOK && !s.Lives(t, got) {
		t.Errorf("with the attacker's: %d %s", res.Code, res.Body)
	}
	var who struct{ UID string }
	decode(t, s.do(t, "POST", at("/")+"/sessions?_action=validate", "", cookieName, attacker), &who)
	if who.UID != "carol" {
		t.Errorf("the attacker's session is now of %q", who.UID)
	}
}

// TestNoSession: a success without a session has neither token nor cookie,
// but a successUrl, by which journey-client knows it for a success.
func TestNoSession(t *testing.T) {
	s := open(t)
	res := s.do(t, "POST", alpha+"?noSession=true", "", "X-OpenAM-Username", "bjensen", "X-OpenAM-Password", "Ch4ng31t")
	if want := `{"successUrl":"/enduser/?realm=/alpha","realm":"/alpha"}`; res.Code != http.StatusOK || res.Body.String() != want {
		t.Errorf("%d %s, want %s", res.Code, res.Body, want)
	}
	if cookies := res.Header().Values("Set-Cookie"); len(cookies) != 1 || !strings.HasPrefix(cookies[0], "amlbcookie=") {
		t.Errorf("Set-Cookie %q", cookies)
	}
}

func TestAuthenticateErrors(t *testing.T) {
	s := open(t)
	step := s.answer(t, s.start(t, alpha), "bjensen", "Ch4ng31t")
	bad := func(message string) string { return crest(400, "Bad Request", message) }
	noJWT := bad("Failed to parse JWT, the authId is not one")
	noAnswer := bad("Required callback not found in JSON response")
	callbacks := regexp.MustCompile(`"callbacks":\[.*\]`)
	service := alpha + "?authIndexType=service&authIndexValue="
	for _, tt := range []struct {
		name, url, body, version string
		status                   int
		want                     string
	}{
		{"unknown journey", service + "Nobody", "", "", 400, bad("No Configuration found")},
		{"unknown index type", alpha + "?authIndexType=magic", "", "", 400, bad("Unknown Authentication Index Type")},
		{"version 1", service + "Nobody", "", "resource=1.1", 400, `{"errorMessage":"No Configuration found"}`},
		{"unknown link", alpha + "?suspendedId=x", "", "", 401, crest(401, "Unauthorized", suspendedUnknown)},
		{"no JWT", alpha, `{"authId":"x"}`, "", 400, noJWT},
		{"empty authId", alpha, `{"authId":""}`, "", 400, noJWT},
		{"a megabyte of dots", alpha, `{"authId":"` + strings.Repeat(".", maxBody-100) + `"}`, "", 400, noJWT},
		{"other realm", root, step, "", 400, bad("AuthId JWT Signature not valid")},
		{"no callbacks", alpha, callbacks.ReplaceAllString(step, `"x":1`), "", 400, noAnswer},
		{"text for callbacks", alpha, callbacks.ReplaceAllString(step, `"callbacks":"x"`), "", 400, noAnswer},
	} {
		t.Run(tt.name, func(t *testing.T) {
			res := s.do(t, "POST", tt.url, tt.body, "Content-Type", "application/json", "Accept-API-Version", tt.version)
			if res.Code != tt.status || res.Body.String() != tt.want {
				t.Errorf("%d %s\nwant %d %s", res.Code, res.Body, tt.status, tt.want)
			}
			if cookies := res.Header().Values("Set-Cookie"); cookies != nil {
				t.Errorf("Set-Cookie %q", cookies)
			}
		})
	}
	// Nothing of this has used up the step.
	if res := s.do(t, "POST", alpha, step, "Content-Type", "application/json"); res.Code != http.StatusOK {
		t.Errorf("the step itself: %d %s", res.Code, res.Body)
	}
}

// TestExpiredJourney: clients restart by themselves on the text "110".
func TestExpiredJourney(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t)
		step := s.answer(t, s.start(t, alpha), "bjensen", "Ch4ng31t")
		time.Sleep(6 * time.Minute)
		res := s.do(t, "POST", alpha, step, "Content-Type", "application/json")
		want := `{"code":401,"reason":"Unauthorized","message":"Session has timed out","detail":{"errorCode":"110"}}`
		if res.Code != http.StatusUnauthorized || res.Body.String() != want {
			t.Errorf("%d %s, want %s", res.Code, res.Body, want)
		}
	})
}

// TestLostJourneyBeginsAnew: an in-memory journey that was on another node is
// asked from the beginning, under an authId of its own (DESIGN §8).
func TestLostJourneyBeginsAnew(t *testing.T) {
	s := open(t, func(settings *realm.Settings) { settings.JourneySessions = realm.JourneysInMemory })
	step := s.answer(t, s.start(t, alpha), "bjensen", "Ch4ng31t")
	s.restart(t)
	res := s.do(t, "POST", alpha, step, "Content-Type", "application/json")
	if res.Code != http.StatusOK || members(t, res.Body.Bytes())[0] != "authId" {
		t.Fatalf("%d %s, want a step", res.Code, res.Body)
	}
	again := s.answer(t, res.Body.Bytes(), "bjensen", "Ch4ng31t")
	if res := s.do(t, "POST", alpha, again, "Content-Type", "application/json"); cookieValue(t, res, cookieName) == "" {
		t.Errorf("the answer to it: %d %s", res.Code, res.Body)
	}
}

// TestReplayedStepFails: an answered step gives nothing a second time.
func TestReplayedStepFails(t *testing.T) {
	s := open(t)
	step := s.answer(t, s.start(t, alpha), "bjensen", "wrong")
	s.do(t, "POST", alpha, step, "Content-Type", "application/json")
	res := s.do(t, "POST", alpha, step, "Content-Type", "application/json")
	if want := `{"code":401,"reason":"Unauthorized","message":"Login failure"}`; res.Code != http.StatusUnauthorized || res.Body.String() != want {
		t.Errorf("%d %s, want %s", res.Code, res.Body, want)
	}
}

// TestGotoLeadsOnlyWhereItMay. The attack: a link to the login page whose
// goto sends the signed-in user, or the token, to another site. What the
// reply says must be the goto only if it is a path of ours, our own origin or
// one that the realm lists. (SECURITY 47; the corpus is realm's.)
func TestGotoLeadsOnlyWhereItMay(t *testing.T) {
	s := open(t)
	for _, raw := range []string{
		"/app?x=1", "http://example.com/app", "https://app.example.com/x", "HTTPS://APP.example.com:443/x",
	} {
		if got := s.successURL(t, raw); got != raw {
			t.Errorf("%q: successUrl %q", raw, got)
		}
	}
	for _, raw := range []string{
		"https://evil.example/", "//evil.example", `/\evil.example`, "///evil.example", "https://app.example.com@evil.example/",
		"https://app.example.com.evil.example/", "https:/evil.example", "javascript:alert(1)", "/\tevil", " //evil.example",
		`https://app.example.com\@evil.example/`, "http://example.com:80@evil.example/", "data:text/html,x", "http://example.com%2f@evil.example",
	} {
		if got, want := s.successURL(t, raw), "/enduser/?realm=/alpha"; got != want {
			t.Errorf("%q: successUrl %q, want %q", raw, got, want)
		}
	}
}

// TestHostHeaderChoosesNoRedirect: with a base URL, no header of the request
// has a say in where a goto may lead. (SECURITY 42)
func TestHostHeaderChoosesNoRedirect(t *testing.T) {
	s := open(t)
	s.front.BaseURL = "https://login.example.com"
	forged := []string{"Host", "evil.example", "X-Forwarded-Host", "evil.example", "Forwarded", "host=evil.example"}
	for raw, want := range map[string]string{
		"http://evil.example/":         "/enduser/?realm=/alpha",
		"https://login.example.com/ok": "https://login.example.com/ok",
	} {
		if got := s.successURL(t, raw, forged...); got != want {
			t.Errorf("%q: successUrl %q, want %q", raw, got, want)
		}
	}
}

// spy is a node that keeps what it was told of the client, and succeeds at
// nothing.
type spy struct{ seen chan<- *journey.Client }

func (n spy) Process(_ context.Context, in *journey.Input) (journey.Action, error) {
	n.seen <- in.Client
	return journey.Goto("outcome"), nil
}

func (spy) Outcomes() []string { return []string{"outcome"} }

// TestNodesSeeNoCredentials: what authenticates a request is not for nodes;
// what they are for is.
func TestNodesSeeNoCredentials(t *testing.T) {
	seen := make(chan *journey.Client, 1)
	s := open(t, withNode(spy{seen}))
	s.do(t, "POST", alpha+"?authIndexType=service&authIndexValue=Spy&x=1", "", "Cookie", cookieName+"=x; session-jwt=y",
		"Authorization", "Bearer x", "Proxy-Authorization", "Basic x", cookieName, "x", "X-AM-Affinity", "x",
		"X-OpenAM-Username", "bjensen", "Accept-Language", "de, en;q=0.5", "Referer", "https://r.example/")
	got := <-seen
	for _, name := range []string{"Cookie", "Authorization", "Proxy-Authorization", cookieName, "X-AM-Affinity"} {
		if v := got.Header.Values(name); v != nil {
			t.Errorf("%s reaches a node: %q", name, v)
		}
	}
	if got.Header.Get("X-OpenAM-Username") != "bjensen" || got.Header.Get("Referer") == "" || got.Query.Get("x") != "1" ||
		!slices.Equal(got.Languages, []string{"de", "en"}) || got.Address.String() != "192.0.2.1" {
		t.Errorf("a node sees %+v", got)
	}
}

// TestAffinityComesFromTheEdgeFirst: the affinity stays with the client, what
// the edge says goes before an older cookie, and a forged one is not kept.
func TestAffinityComesFromTheEdgeFirst(t *testing.T) {
	s := open(t)
	first := cookieValue(t, s.do(t, "POST", alpha, ""), "amlbcookie")
	if again := cookieValue(t, s.do(t, "POST", alpha, "", "Cookie", "amlbcookie="+first), "amlbcookie"); again != first {
		t.Errorf("the affinity changes from %q to %q", first, again)
	}
	other := cookieValue(t, s.do(t, "POST", alpha, ""), "amlbcookie")
	res := s.do(t, "POST", alpha, "", "Cookie", "amlbcookie="+first, "X-AM-Affinity", other)
	if got := cookieValue(t, res, "amlbcookie"); got != other || other == first {
		t.Errorf("the edge says %q, the cookie %q; the reply has %q", other, first, got)
	}
	if forged := cookieValue(t, s.do(t, "POST", alpha, "", "X-AM-Affinity", "forged.pin"), "amlbcookie"); strings.Contains(forged, "forged") {
		t.Errorf("a forged affinity comes back: %q", forged)
	}
}

// TestNothingSecretIsLogged drives what handles secrets, well and badly, and
// looks for them in the log.
func TestNothingSecretIsLogged(t *testing.T) {
	s := open(t)
	token := s.login(t)
	step := s.start(t, alpha)
	var authID struct{ AuthID string }
	if err := json.Unmarshal(step, &authID); err != nil {
		t.Fatal(err)
	}
	sessions := strings.Replace(alpha, "authenticate", "sessions", 1)
	for _, down := range []bool{false, true} {
		s.Store.Down.Store(down)
		s.do(t, "POST", alpha, s.answer(t, step, "bjensen", "s3cr3t-answer"), "Content-Type", "application/json")
		s.do(t, "POST", alpha+"?suspendedId=s3cr3t-link", "", "X-OpenAM-Username", "bjensen", "X-OpenAM-Password", "s3cr3t-header")
		s.do(t, "POST", sessions+"/"+token+"?_action=validate", "")
		s.do(t, "POST", sessions+"?_action=validate&tokenId="+token, "")
		s.do(t, "POST", sessions+"?_action=s3cr3t-action", "", "Cookie", cookieName+"="+token)
		s.do(t, "POST", sessions+"?_action=logout", `{"tokenId":"`+token+`"}`, "Content-Type", "application/json")
	}
	logged := s.Log.String()
	for _, secret := range []string{"s3cr3t", token, authID.AuthID, "Ch4ng31t"} {
		if strings.Contains(logged, secret) {
			t.Errorf("%.20q is in the log:\n%s", secret, logged)
		}
	}
}
