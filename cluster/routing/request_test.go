package routing_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/amgate/amgate/cluster/routing"
	"github.com/amgate/amgate/journey/affinity"
	"github.com/amgate/amgate/token"
)

// keysOf are the keys of /alpha in an installation.
func keysOf(t testing.TB, installation byte) *token.Keys {
	t.Helper()
	root, err := token.ParseSecret("MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=")
	if err != nil {
		t.Fatal(err)
	}
	ring, err := token.NewRing([]byte(strings.Repeat(string(rune('a'+installation)), 16)), []token.Secret{root},
		map[string][]token.Secret{"/alpha": {root}})
	if err != nil {
		t.Fatal(err)
	}
	keys, ok := ring.Realm("/alpha")
	if !ok {
		t.Fatal("the realm has no keys")
	}
	return keys
}

// authIDWith is an authId whose journey has an affinity, and what else makes it
// as large as most are.
func authIDWith(t testing.TB, text string) string {
	t.Helper()
	authID, err := keysOf(t, 0).SignAuthID(token.AuthID{
		Realm: "/alpha", SessionID: strings.Repeat("s", 150), IndexType: "service", IndexValue: `a "affinity":"` + strings.Repeat("x", 37) + `"`,
		Allow: "8a0f2f5e-9f3c-4d55-9b1c-0e7b6f1d2a3b", Affinity: text, Params: `{"goto":"https://app.example.com/"}`,
		Issued: time.Now(), Expires: time.Now().Add(time.Minute),
	})
	if err != nil {
		t.Fatal(err)
	}
	return authID
}

const callbacks = `"callbacks":[{"type":"NameCallback","output":[{"name":"prompt","value":"User Name"}],"input":[{"name":"IDToken1","value":"bjensen"}]}]`

// TestWhereTheAffinityIsRead: of a link before the cookie, for it is the link's
// journey that goes on, and of the body if there is neither.
func TestWhereTheAffinityIsRead(t *testing.T) {
	t.Parallel()
	one, two, three := pinned(1, "am-1:80"), pinned(2, "am-2:80"), pinned(3, "am-3:80")
	text := router.Format
	linked := url.Values{"suspendedId": {strings.Repeat("x", 62) + affinity.ForLink(text(one))}, "realm": {"/alpha"}}.Encode()
	for name, tc := range map[string]struct {
		query, cookie, body string
		peek                bool
		want                *affinity.Affinity
	}{
		"a link":                           {query: "?" + linked, want: &one},
		"a link and another's cookie":      {query: "?" + linked, cookie: text(two), want: &one},
		"the parameter of a form":          {query: "?realm=/&amlbcookie=" + text(one), cookie: text(two), body: `{"authId":"` + authIDWith(t, text(three)) + `"}`, peek: true, want: &one},
		"a cookie":                         {cookie: text(two), body: `{"authId":"` + authIDWith(t, text(three)) + `"}`, peek: true, want: &two},
		"an authId":                        {body: `{"authId":"` + authIDWith(t, text(three)) + `",` + callbacks + `}`, peek: true, want: &three},
		"an authId, written with space":    {body: "{\n\t" + callbacks + ",\n\t\"authId\" : \"" + authIDWith(t, text(three)) + "\"\n}", peek: true, want: &three},
		"an authId beside its name":        {body: `{"x":["authId",1],"authId":"` + authIDWith(t, text(three)) + `"}`, peek: true, want: &three},
		"an authId that is not to be read": {body: `{"authId":"` + authIDWith(t, text(three)) + `"}`},
		"an old link":                      {query: "?suspendedId=" + strings.Repeat("x", 62)},
		"nothing":                          {},
	} {
		r := httptest.NewRequest(http.MethodPost, "/am/json/authenticate"+tc.query, strings.NewReader(tc.body))
		r.Header.Set("Content-Type", "application/json; charset=utf-8")
		if tc.cookie != "" {
			r.Header.Set("Cookie", "amlbcookie=forged; amlbcookie="+tc.cookie)
		}
		d := routing.Decide(router, r, tc.peek)
		if tc.want == nil && d.Affinity.Pin != (affinity.Pin{}) || tc.want != nil && d.Affinity != *tc.want {
			t.Errorf("%s: %+v", name, d.Affinity)
		}
		body := new(strings.Builder)
		if _, err := io.Copy(body, r.Body); err != nil || body.String() != tc.body {
			t.Errorf("%s: the body is not put back: %q, %v", name, body, err)
		}
	}
}

// BenchmarkPeek is what it costs an edge to find the journey of a step whose
// client sends no cookie, in its body: an authId of a journey that rests on a
// node, and one that carries a journey of 3 KiB.
func BenchmarkPeek(b *testing.B) {
	for name, size := range map[string]int{"reference": 150, "carried": 3 << 10} {
		authID, err := keysOf(b, 0).SignAuthID(token.AuthID{
			Realm: "/alpha", SessionID: strings.Repeat("s", size), IndexType: "service", IndexValue: "Login",
			Affinity: router.Format(pinned(1, "am-1:80")), Issued: time.Now(), Expires: time.Now().Add(time.Minute),
		})
		if err != nil {
			b.Fatal(err)
		}
		body := `{"authId":"` + authID + `",` + callbacks + `}`
		r := httptest.NewRequest(http.MethodPost, "/am/json/authenticate", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				r.Body = io.NopCloser(strings.NewReader(body))
				if d := routing.Decide(router, r, true); d.Affinity.Pin == (affinity.Pin{}) {
					b.Fatal("it was not found")
				}
			}
		})
	}
}

// A body that was searched is not read again: whoever passes the request on may
// do so when the server has gone on to say how much was read.
func TestSearchedBodyIsReadOnce(t *testing.T) {
	const step = `{"authId":"a.b.c","callbacks":[]}`
	client := &counted{Reader: strings.NewReader(step)}
	r := httptest.NewRequest(http.MethodPost, "/am/json/authenticate", client)
	r.ContentLength = int64(len(step))
	r.Header.Set("Content-Type", "application/json")
	routing.Decide(router, r, true)
	before := client.reads
	if body, err := io.ReadAll(r.Body); string(body) != step || err != nil || client.reads != before {
		t.Errorf("%q, %v, after %d more reads", body, err, client.reads-before)
	}
}

// counted counts how often it is read.
type counted struct {
	io.Reader
	reads int
}

func (c *counted) Read(p []byte) (int, error) {
	c.reads++
	return c.Reader.Read(p)
}
