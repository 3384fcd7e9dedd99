package gateway

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/amgate/amgate/realm"
)

// ours has the form of an SSO token.
const ours = "pQvEBlVtlKosCXrta1USewzkja4.*AAJTSQACMDEAAlNLABwAAlMxAAA.*"

func TestTokens(t *testing.T) {
	g := guard(t, unstarted("/"))
	big := strings.Repeat("x", maxTokenBytes+1)
	for _, test := range []struct {
		name string
		h    http.Header
		want []string
	}{
		{"nothing", http.Header{}, nil},
		{"empty ones", http.Header{g.tokenHeader: {""}, "Authorization": {""}, "Cookie": {cookieName + "="}}, nil},
		{
			"header, then Bearer, then cookies as sent",
			http.Header{
				"Cookie":        {cookieName + "=c1; a=b; " + cookieName + "=c2", cookieName + "=c3"},
				"Authorization": {"Bearer " + ours},
				g.tokenHeader:   {"h"},
			},
			[]string{"h", ours, "c1", "c2", "c3"},
		},
		{"the scheme in any case", http.Header{"Authorization": {"bEARER  " + ours}}, []string{ours}},
		{"a JWT of the app", http.Header{"Authorization": {"Bearer eyJhbGciOiJub25lIn0.e30.c2ln"}}, nil},
		{"another scheme", http.Header{"Authorization": {"Basic " + ours}}, nil},
		{"no token", http.Header{"Authorization": {"Bearer"}}, nil},
		{"cookies are told apart by case", http.Header{"Cookie": {strings.ToLower(cookieName) + "=x"}}, nil},
		{"tokens no browser would keep", http.Header{g.tokenHeader: {big}, "Cookie": {cookieName + "=" + big}}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			var room [maxTokens]string
			if got := g.tokens(room[:0], test.h); !slices.Equal(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

// TestCookieFloodIsBounded answers SECURITY 34. Attack: a megabyte of small
// cookies, or of cookies and headers of our name, makes the edge allocate or
// check each of them. (Go net/http, CVE-2025-58186.)
func TestCookieFloodIsBounded(t *testing.T) {
	g := guard(t, unstarted("/"))
	small := strings.Repeat("a=b;", 1<<18)
	named := strings.Repeat(cookieName+"=x;", 1<<10)
	many := make([]string, 10_000)
	for i := range many {
		many[i] = ours
	}
	for name, h := range map[string]http.Header{
		"small cookies":       {"Cookie": {small}},
		"our name":            {"Cookie": {named}},
		"many Cookie headers": {"Cookie": slices.Repeat([]string{"a=b"}, 100_000)},
		"ours after too much": {"Cookie": {small, cookieName + "=" + ours}},
		"many token headers":  {g.tokenHeader: many},
		"many Bearer tokens":  {"Authorization": {"Bearer " + strings.Repeat("*", 1<<20)}},
	} {
		t.Run(name, func(t *testing.T) {
			var n int
			allocs := testing.AllocsPerRun(5, func() {
				var room [maxTokens]string
				n = len(g.tokens(room[:0], h))
			})
			if allocs != 0 || n > maxTokens {
				t.Errorf("%v allocations, %d tokens", allocs, n)
			}
		})
	}
	t.Run("removing ours from among them", func(t *testing.T) {
		h := http.Header{"Cookie": {small + cookieName + "=" + ours}}
		if allocs := testing.AllocsPerRun(1, func() { g.dropCookies(http.Header{"Cookie": h["Cookie"]}) }); allocs > 5 {
			t.Errorf("%v allocations", allocs)
		}
	})
}

// FuzzBearer: a Bearer token that RFC 6750 §2.1 allows to anybody else is
// never taken for ours, so it reaches the app untouched.
func FuzzBearer(f *testing.F) {
	f.Add("Bearer " + ours)
	f.Add("Bearer eyJhbGciOiJub25lIn0.e30.c2ln==")
	f.Add("bearer  *a*b ")
	f.Add("Bearer")
	f.Fuzz(func(t *testing.T, authorization string) {
		tok, ok := realm.BearerToken(authorization)
		if !ok {
			return
		}
		if !strings.HasSuffix(strings.TrimRight(authorization, " "), tok) {
			t.Errorf("%q is not the token of %q", tok, authorization)
		}
		b64token := func(c rune) bool {
			return c < 0x80 && isAlphanumeric(byte(c)) || strings.ContainsRune("-._~+/=", c)
		}
		if !strings.ContainsFunc(tok, func(c rune) bool { return !b64token(c) }) {
			t.Errorf("%q may be anybody's", tok)
		}
	})
}
