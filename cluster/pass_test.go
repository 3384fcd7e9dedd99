package cluster_test

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/amgate/amgate/cluster"
)

var passes = cluster.NewPasses([32]byte{4})

func passed(pass cluster.Pass, body string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "http://login.example.com/am/json/authenticate?x=1", nil)
	r.Header.Set(cluster.PassHeader, passes.Sign(pass, r, []byte(body)))
	return r
}

func TestPass(t *testing.T) {
	t.Parallel()
	for _, pass := range []cluster.Pass{
		{To: "am-1:80"},
		{To: "am-1:80", Client: netip.MustParseAddr("2001:db8::1"), Secure: true},
		{To: "am-1:80", Client: netip.MustParseAddr("192.0.2.1")},
	} {
		r := passed(pass, "body")
		if got, ok := passes.Verify("am-1:80", r, []byte("body")); !ok || got != pass {
			t.Errorf("%+v became %+v, %t", pass, got, ok)
		}
		if got, ok := passes.Verify("AM-1:80", r, []byte("body")); !ok || got.Client != pass.Client {
			t.Error("the case of the address matters")
		}
	}
}

// TestClientCannotPassForANode: what a node takes another node's word for, who
// the client is and that it must not pass the request on, no client can say.
func TestClientCannotPassForANode(t *testing.T) {
	t.Parallel()
	pass := cluster.Pass{To: "am-1:80", Client: netip.MustParseAddr("192.0.2.1")}
	for what, change := range map[string]func(*http.Request){
		"none":          func(r *http.Request) { r.Header.Del(cluster.PassHeader) },
		"two":           func(r *http.Request) { r.Header.Add(cluster.PassHeader, r.Header.Get(cluster.PassHeader)) },
		"another host":  func(r *http.Request) { r.Host = "other.example.com" },
		"another path":  func(r *http.Request) { r.URL.Path = "/am/json/sessions" },
		"another query": func(r *http.Request) { r.URL.RawQuery = "x=2" },
		"method":        func(r *http.Request) { r.Method = http.MethodGet },
		"client": func(r *http.Request) {
			r.Header.Set(cluster.PassHeader, strings.Replace(r.Header.Get(cluster.PassHeader), "192.0.2.1", "192.0.2.2", 1))
		},
		"TLS": func(r *http.Request) {
			r.Header.Set(cluster.PassHeader, strings.Replace(r.Header.Get(cluster.PassHeader), "false", "true", 1))
		},
		"another key": func(r *http.Request) {
			r.Header.Set(cluster.PassHeader, cluster.NewPasses([32]byte{5}).Sign(pass, r, []byte("body")))
		},
		"nonsense": func(r *http.Request) { r.Header.Set(cluster.PassHeader, ",,,") },
	} {
		r := passed(pass, "body")
		change(r)
		if _, ok := passes.Verify("am-1:80", r, []byte("body")); ok {
			t.Errorf("%s: it is believed", what)
		}
	}
	if _, ok := passes.Verify("am-2:80", passed(pass, "body"), []byte("body")); ok {
		t.Error("another node believes it")
	}
	if _, ok := passes.Verify("am-1:80", passed(pass, "body"), []byte("Body")); ok {
		t.Error("it is believed with another body")
	}
}

func TestPassDoesNotLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := passed(cluster.Pass{To: "am-1:80"}, "")
		time.Sleep(29 * time.Second)
		if _, ok := passes.Verify("am-1:80", r, nil); !ok {
			t.Error("after 29 s it is refused")
		}
		time.Sleep(2 * time.Second)
		if _, ok := passes.Verify("am-1:80", r, nil); ok {
			t.Error("after 31 s it is believed")
		}
	})
}

func FuzzPass(f *testing.F) {
	f.Add("1795656000000,192.0.2.1,true,AAAA")
	f.Add(",,,")
	f.Fuzz(func(t *testing.T, header string) {
		r := httptest.NewRequest(http.MethodPost, "http://login.example.com/am/json/authenticate", nil)
		r.Header.Set(cluster.PassHeader, header)
		if _, ok := passes.Verify("am-1:80", r, nil); ok {
			t.Errorf("%q is believed", header)
		}
	})
}
