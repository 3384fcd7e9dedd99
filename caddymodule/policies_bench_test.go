package caddymodule

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"

	"github.com/amgate/amgate/cluster/routing"
	"github.com/amgate/amgate/journey/affinity"
	"github.com/amgate/amgate/realm"
)

// benchmarkRequest is a request of a client with a journey on one of the nodes,
// as each policy wants to know it.
func benchmarkRequest(router *affinity.Router, dial string) *http.Request {
	m := hmac.New(sha256.New, nil)
	m.Write([]byte(dial))
	a := router.Begin()
	a.Pin = router.Pin(dial)
	r := httptest.NewRequest(http.MethodPost, "/am/json/realms/root/realms/alpha/authenticate", nil)
	r.Header.Set("Cookie", "lb="+hex.EncodeToString(m.Sum(nil))+"; "+realm.AffinityCookie+"="+router.Format(a))
	r.Header.Set("X-Journey", dial)
	return r.WithContext(context.WithValue(r.Context(), caddyhttp.VarsCtxKey, map[string]any{}))
}

// BenchmarkPolicies compares what it costs to select a node: Caddy's policies
// cookie and header, which find the node of a client anew for each try, and
// am_sticky, by a decision that was made before ("again", each try after the
// first), and with it: for a journey that has a node ("pinned") and for one that
// begins, in which a random affinity is made.
func BenchmarkPolicies(b *testing.B) {
	app := mustRun(b, `{"store": {"backend": "memory"}}`)
	router, err := app.set.Affinity()
	if err != nil {
		b.Fatal(err)
	}
	for _, n := range []int{3, 10, 100, 1000} {
		upstreams := make(reverseproxy.UpstreamPool, n)
		requests := make([]*http.Request, n)
		for i := range upstreams {
			upstreams[i] = &reverseproxy.Upstream{Host: new(reverseproxy.Host), Dial: fmt.Sprintf("am-%d:8080", i)}
			requests[i] = benchmarkRequest(router, upstreams[i].Dial)
		}
		fresh := httptest.NewRequest(http.MethodPost, "/am/json/authenticate", nil)
		fresh = fresh.WithContext(context.WithValue(fresh.Context(), caddyhttp.VarsCtxKey, map[string]any{}))
		sticky := &Sticky{app: app}
		run := func(name string, request func(i int) *http.Request, policy reverseproxy.Selector) {
			b.Run(fmt.Sprintf("nodes=%d/%s", n, name), func(b *testing.B) {
				b.ReportAllocs()
				for i := 0; b.Loop(); i++ {
					if policy.Select(upstreams, request(i%n), nil) == nil {
						b.Fatal("no node")
					}
				}
			})
		}
		theirs := func(i int) *http.Request { return requests[i] }
		decided := func(i int) *http.Request {
			r := requests[i]
			caddyhttp.SetVar(r.Context(), decisionVar, routing.Decide(router, r, true))
			return r
		}
		begins := func(int) *http.Request {
			caddyhttp.SetVar(fresh.Context(), decisionVar, routing.Decide(router, fresh, true))
			return fresh
		}
		run("cookie", theirs, reverseproxy.CookieHashSelection{Name: "lb"})
		run("header", theirs, &reverseproxy.HeaderHashSelection{Field: "X-Journey"})
		run("am_sticky/pinned", decided, sticky)
		run("am_sticky/begins", begins, sticky)
	}
}
