package rest

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/amgate/amgate/journey"
	"github.com/amgate/amgate/journey/callback"
	"github.com/amgate/amgate/journey/nodes"
	"github.com/amgate/amgate/realm"
	"github.com/amgate/amgate/realm/realmtest"
)

// TestRecordedLogins plays every recorded exchange of authenticate, as its
// client did, on a site that is configured as the recorded one was. Beside
// what is secret or random the replies are the same: status, headers, cookies
// and bodies, to the byte, but for what docs/reference/authenticate.md lists.
func TestRecordedLogins(t *testing.T) {
	all := make(map[string]recorded)
	for _, r := range allRecordings(t, "authenticate.jsonl") {
		all[r.ID] = r
	}
	cloud := realm.Cookie{Name: "6ac6499e9da2071", Domain: "openam-frodo-dev.forgeblocks.com", SameSite: realm.SameSiteNone}
	olderCloud := realm.Cookie{Name: "4ad7d57003aee4f", Domain: ".mytest.run", SameSite: realm.SameSiteNone}
	const none = realm.SameSiteNone
	for _, w := range []recordedWalk{
		{ids: []int{1, 2}, cookie: cloud, scheme: realm.JourneysClient},
		{ids: []int{3, 4}, cookie: cloud, scheme: realm.JourneysClient},
		{ids: []int{5}, cookie: olderCloud},
		{ids: []int{6, 7}, cookie: olderCloud, scheme: realm.JourneysServer, replays: true},
		{ids: []int{8}},
		{ids: []int{9}, cookie: realm.Cookie{SameSite: none}},
		{ids: []int{10}, cookie: realm.Cookie{SameSite: none}},
		{ids: []int{11}},
		{ids: []int{12, 13}, scheme: realm.JourneysClient, replays: true},
		{ids: []int{14, 15}, scheme: realm.JourneysClient, replays: true},
		{ids: []int{16}},
	} {
		for _, id := range w.ids {
			name := fmt.Sprintf("authenticate-%03d", id)
			w.exchanges = append(w.exchanges, all[name])
			delete(all, name)
		}
		t.Run(w.exchanges[0].ID, w.play)
	}
	for name := range all {
		t.Errorf("%s is not compared", name)
	}
}

// recordedWalk is one journey of a recorded client.
type recordedWalk struct {
	ids []int
	// cookie, scheme and replays are how the recorded realm was configured.
	cookie    realm.Cookie
	scheme    realm.JourneyScheme
	replays   bool
	exchanges []recorded
}

// standIn asks what a recorded journey asked that is not ours: a script of the
// cloud, Amster's challenge. It is content with any answer.
type standIn struct{ asks callback.List }

func (n standIn) Process(_ context.Context, in *journey.Input) (journey.Action, error) {
	if in.Answers == nil {
		return journey.AskList(n.asks), nil
	}
	return journey.Goto("outcome"), nil
}

func (standIn) Outcomes() []string { return []string{"outcome"} }

func (w recordedWalk) play(t *testing.T) {
	s := w.open(t)
	authID := ""
	for _, r := range w.exchanges {
		t.Log(r.ID)
		target := "http://example.com" + r.Request.Path + "?" + r.Request.Query
		if w.cookie.SameSite == realm.SameSiteNone {
			target = strings.Replace(target, "http:", "https:", 1)
		}
		res := s.do(t, r.Request.Method, target, r.answers(t, authID), r.headers("")...)
		if res.Code != r.Response.Status {
			t.Fatalf("status %d, want %d: %s", res.Code, r.Response.Status, res.Body)
		}
		if strings.HasPrefix(r.Server, "AIC") { // the cloud's own
			delete(r.Response.Headers, "content-security-policy")
		}
		r.compareHeaders(t, res)
		for name := range res.Header() {
			if _, there := r.Response.Headers[strings.ToLower(name)]; !there && name != "Vary" && name != "Set-Cookie" {
				t.Errorf("%s: %q, want none", name, res.Header().Get(name))
			}
		}
		r.compareCookies(t, res)
		if got, want := masked(t, res.Body.Bytes()), masked(t, r.Response.Body); got != want {
			t.Errorf("the body is\n%s\nwant\n%s", got, want)
		}
		if authID = textMember(t, res.Body.Bytes(), "authId"); authID != "" {
			compareAuthID(t, authID, textMember(t, r.Response.Body, "authId"))
		}
	}
}

// open starts a site that is configured as the recorded one was. Its journey
// is the one that the client asked for, or the default.
func (w recordedWalk) open(t *testing.T) *site {
	t.Helper()
	first, last := w.exchanges[0], w.exchanges[len(w.exchanges)-1]
	settings := realm.Settings{
		Path: "/", Cookie: w.cookie, JourneySessions: w.scheme, NoAllowlisting: w.replays,
		SuccessURL: textMember(t, last.Response.Body, "successUrl"),
	}
	if strings.Contains(first.Request.Path, "/alpha/") {
		settings.Path = "/alpha"
	}
	tree := nodes.Login()
	tree.Nodes["page"].Node.(*nodes.Page).Header = nil // as there
	if asked := rebuilt(t, first.Response.Body); asked != nil {
		tree.Nodes["ask"] = realmtest.Place("ask", standIn{asked}, "outcome", journey.Success)
		tree.Nodes["check"].Next["true"] = "ask"
	}
	if _, name, named := strings.Cut(first.Request.Query, "authIndexValue="); named && first.Response.Status < 400 {
		tree.Name = name
	}
	settings.Journeys = realmtest.Journeys(tree)
	settings.DefaultJourney = tree.Name
	realms := []realm.Settings{settings}
	if settings.Path != "/" {
		realms = append(realms, realm.Settings{Path: "/"})
	}
	s := &site{Site: realmtest.Open(t, realms...)}
	s.serve(t)
	return s
}

// rebuilt is what a recorded step asks, unless that is a page of name and
// password, which our own nodes ask.
func rebuilt(t *testing.T, step json.RawMessage) (list callback.List) {
	t.Helper()
	var body struct {
		Callbacks []struct {
			Type   string
			Output []struct {
				Name  string
				Value any
			}
		}
	}
	if err := json.Unmarshal(step, &body); err != nil {
		t.Fatal(err)
	}
	for _, c := range body.Callbacks {
		text := func(i int) string { return c.Output[i].Value.(string) }
		var built callback.Callback
		switch c.Type {
		case "NameCallback", "PasswordCallback":
			return nil
		case "TextOutputCallback":
			kind, err := strconv.Atoi(text(1))
			if err != nil {
				t.Fatal(err)
			}
			built = callback.TextOutput{Message: text(0), MessageType: callback.MessageType(kind)}
		case "ConfirmationCallback":
			built = callback.NewConfirmation([]string{c.Output[2].Value.([]any)[0].(string)}, 0)
		case "HiddenValueCallback":
			built = callback.HiddenValue{Value: text(0), ID: text(1)}
		default:
			t.Fatalf("a %s was recorded", c.Type)
		}
		list = append(list, callback.Item{Callback: built})
	}
	return list
}

// answers is the body that the client sent, with our authId, name and
// password in it, and all else as it was.
func (r recorded) answers(t *testing.T, authID string) string {
	t.Helper()
	sent := string(r.Request.Body)
	if old := textMember(t, r.Request.Body, "authId"); old != "" {
		sent = strings.Replace(sent, old, authID, 1)
	}
	return strings.NewReplacer("xxxxxxxxx@gmail.com", realmtest.Username, "<password>", realmtest.Password).Replace(sent)
}

// textMember is a member of a JSON object, or "".
func textMember(t *testing.T, body []byte, name string) string {
	t.Helper()
	var object map[string]any
	if err := json.Unmarshal(body, &object); err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	value, _ := object[name].(string)
	return value
}

var secretMember = regexp.MustCompile(`"(authId|tokenId)":"[^"]+"`)

// masked is a body without white space, authId and token.
func masked(t *testing.T, body []byte) string {
	t.Helper()
	var plain bytes.Buffer
	if err := json.Compact(&plain, body); err != nil {
		t.Fatal(err)
	}
	return secretMember.ReplaceAllString(plain.String(), `"$1":"…"`)
}

// compareCookies holds our cookies against the recorded ones, by name and
// attributes in any order, as AM's are; see the documentation for what is
// different.
func (r recorded) compareCookies(t *testing.T, res *httptest.ResponseRecorder) {
	t.Helper()
	var recordedLines []string
	if raw := r.Response.Headers["set-cookie"]; raw != nil {
		if err := json.Unmarshal(raw, &recordedLines); err != nil {
			t.Fatal(err)
		}
	}
	var want []string
	for _, line := range recordedLines {
		cookie := attributes(line)
		switch {
		case cookie[0] == "route": // the front's
			continue
		case cookie[0] == realm.AffinityCookie:
			cookie = slices.DeleteFunc(cookie, func(a string) bool { return strings.HasPrefix(a, "domain=") })
		}
		if !slices.ContainsFunc(cookie, func(a string) bool { return strings.HasPrefix(a, "samesite=") }) {
			cookie = append(cookie, "samesite=lax")
		}
		want = append(want, strings.Join(cookie, "; "))
	}
	slices.Sort(want)
	want = slices.Compact(want)
	// A realm of ours has one domain; the others are those of other realms.
	want = slices.DeleteFunc(want, func(c string) bool {
		return strings.Contains(c, "domain=") && !strings.Contains(c, "domain=.mytest.run;") && strings.Contains(c, "4ad7d57003aee4f")
	})
	var got []string
	for _, line := range res.Header().Values("Set-Cookie") {
		got = append(got, strings.Join(attributes(line), "; "))
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("Set-Cookie\n%q, want\n%q", got, want)
	}
}

// attributes are a cookie's name and its attributes.
func attributes(line string) []string {
	parts := strings.Split(line, "; ")
	parts[0], _, _ = strings.Cut(parts[0], "=")
	for i, a := range parts[1:] {
		parts[i+1] = strings.ToLower(a)
	}
	return parts
}

// compareAuthID holds an authId of ours against a recorded one: its header,
// its claims in order and type, and what its sessionId consists of.
func compareAuthID(t *testing.T, got, want string) {
	t.Helper()
	for i, part := range []struct{ ours, theirs string }{{"kid text", ""}, {"affinity text", "whitelist-lock-expiry text"}} {
		without := func(jwt, own string) []string {
			return slices.DeleteFunc(shape(t, jwtPart(t, jwt, i)), func(member string) bool { return member == own })
		}
		if have, recorded := without(got, part.ours), without(want, part.theirs); !slices.Equal(have, recorded) {
			t.Errorf("part %d of the authId has %q, want %q", i, have, recorded)
		}
	}
	if have, recorded := sessionForm(t, got), sessionForm(t, want); have != recorded {
		t.Errorf("the sessionId is %s, want %s", have, recorded)
	}
}

func jwtPart(t *testing.T, jwt string, i int) []byte {
	t.Helper()
	part, err := base64.RawURLEncoding.DecodeString(strings.Split(jwt, ".")[i])
	if err != nil {
		t.Fatal(err)
	}
	return part
}

// sessionForm says of a sessionId how long its head is, which extensions it
// has, but for our KI, and whether it has a tail.
func sessionForm(t *testing.T, authID string) string {
	t.Helper()
	parts := strings.SplitN(textMember(t, jwtPart(t, authID, 1), "sessionId"), "*", 3)
	if len(parts) != 3 {
		t.Fatalf("the sessionId has %d parts", len(parts))
	}
	extensions, err := base64.URLEncoding.DecodeString(strings.ReplaceAll(parts[1], ".", "="))
	if err != nil {
		t.Fatal(err)
	}
	var form strings.Builder
	form.WriteString("head " + strconv.Itoa(len(parts[0])))
	for i := 0; len(extensions) > 0; i++ {
		n := 2 + int(extensions[0])<<8 + int(extensions[1])
		switch value := string(extensions[2:n]); {
		case i%2 == 0 && value != "KI", value == "JWT_AUTH", value == "CTS_AUTH":
			form.WriteString(" " + value)
		}
		extensions = extensions[n:]
	}
	form.WriteString(" tail " + strconv.FormatBool(parts[2] != ""))
	return form.String()
}
