package routing_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/amgate/amgate/cluster/routing"
	"github.com/amgate/amgate/journey/affinity"
)

// TestForgedAffinitiesSteerNothing: whatever a client makes up, changes or has
// from another cluster, wherever it puts it, its request goes where one goes
// that says nothing.
func TestForgedAffinitiesSteerNothing(t *testing.T) {
	t.Parallel()
	theirs := affinity.New([32]byte{9})
	genuine := router.Format(pinned(1, "am-1:80"))
	stranger := theirs.Begin()
	stranger.Pin = theirs.Pin("am-1:80")
	forged := []string{
		theirs.Format(stranger), genuine[:len(genuine)-1], genuine + "A", strings.Repeat("A", 12) + "." + strings.Repeat("A", 24),
		genuine[:12] + "." + router.Format(pinned(2, "am-2:80"))[13:], strings.Repeat(".", 1<<12), "",
	}
	for i := range genuine {
		bad := []byte(genuine)
		if bad[i] ^= 1; bad[i] != genuine[i] {
			forged = append(forged, string(bad))
		}
	}
	for _, text := range forged {
		for name, r := range map[string]*http.Request{
			"cookie": hostile("", text, ""), "query": hostile("?amlbcookie="+text, "", ""),
			"link":   hostile("?suspendedId="+strings.Repeat("x", 62)+affinity.ForLink(text), "", ""),
			"authId": hostile("", "", `{"authId":"`+authIDWith(t, text)+`"}`),
		} {
			if d := routing.Decide(router, r, true); d.Affinity.Pin != (affinity.Pin{}) {
				t.Errorf("%q in a %s steers to %v", text, name, d.Affinity)
			}
		}
	}
}

// hostile is a call of authenticate.
func hostile(query, cookie, body string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/am/json/authenticate"+query, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	if cookie != "" {
		r.Header.Set("Cookie", "amlbcookie="+cookie)
	}
	return r
}

// TestHostileBodiesAreNotSearched: a body that is too large, of unknown length or
// not JSON is not read at all, and one that is no step costs nothing but that.
func TestHostileBodiesAreNotSearched(t *testing.T) {
	t.Parallel()
	step := `{"authId":"` + authIDWith(t, router.Format(pinned(1, "am-1:80"))) + `"}`
	for name, change := range map[string]func(r *http.Request){
		"too large":         func(r *http.Request) { r.ContentLength = routing.MaxPeek + 1 },
		"of unknown length": func(r *http.Request) { r.ContentLength = -1 },
		"not JSON":          func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") },
		"of no kind":        func(r *http.Request) { r.Header.Del("Content-Type") },
		"not posted":        func(r *http.Request) { r.Method = http.MethodPut },
	} {
		r := hostile("", "", "")
		read := false
		r.Body, r.ContentLength = io.NopCloser(readFunc(func([]byte) (int, error) { read = true; return 0, io.EOF })), int64(len(step))
		change(r)
		if d := routing.Decide(router, r, true); read || d.Affinity.Pin != (affinity.Pin{}) {
			t.Errorf("a body that is %s was read: %t, %v", name, read, d.Affinity)
		}
	}
	for name, body := range map[string]string{
		"deep": strings.Repeat("[", 60<<10), "quotes": strings.Repeat(`"authId"`, 8000), "open": `{"authId":"` + strings.Repeat("x", 60<<10),
		"dots": `{"authId":"` + strings.Repeat(".", 60<<10) + `"}`, "a number": `{"authId":1}`, "escaped": `{"x":"\"authId\":\"` + step[11:] + `"}`,
		"cut off": step[:len(step)/2], "empty": "{}", "another member": strings.Replace(step, "authId", "authid", 1),
	} {
		if d := routing.Decide(router, hostile("", "", body), true); d.Affinity.Pin != (affinity.Pin{}) {
			t.Errorf("%s steers to %v", name, d.Affinity)
		}
	}
}

type readFunc func([]byte) (int, error)

func (f readFunc) Read(b []byte) (int, error) { return f(b) }

// TestSlowBodyIsWaitedForAsLongAsTheServerDoes: a client that announces a body
// and does not send it is given up when the server's own deadline is over, and
// meanwhile everybody else is served.
func TestSlowBodyIsWaitedForAsLongAsTheServerDoes(t *testing.T) {
	t.Parallel()
	seen := make(chan affinity.Affinity, 100)
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		seen <- routing.Decide(router, r, true).Affinity
	}))
	s.Config.ReadTimeout = time.Second
	s.Start()
	defer s.Close()
	var slow []net.Conn
	for range 20 {
		conn, err := net.Dial("tcp", s.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		_, _ = fmt.Fprintf(conn, "POST /am/json/authenticate HTTP/1.1\r\nHost: am\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n{\"authId\":", routing.MaxPeek)
		slow = append(slow, conn)
	}
	want := pinned(1, "am-1:80")
	resp, err := http.Post(s.URL+"/am/json/authenticate", "application/json",
		strings.NewReader(`{"authId":"`+authIDWith(t, router.Format(want))+`"}`))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	for _, conn := range slow { // each is answered, or its connection ends
		_, _ = http.ReadResponse(bufio.NewReader(conn), nil)
	}
	var all []affinity.Affinity
	for range len(slow) + 1 {
		all = append(all, <-seen)
	}
	if !slices.Contains(all, want) {
		t.Error("the one who sent a body was not heard")
	}
	for _, a := range all {
		if a != want && a.Pin != (affinity.Pin{}) {
			t.Errorf("a body that was not sent steers to %v", a)
		}
	}
}

func FuzzDecide(f *testing.F) {
	f.Add("", "", `{"authId":"`+authIDWith(f, router.Format(pinned(1, "am-1:80")))+`"}`)
	f.Add("suspendedId="+strings.Repeat("x", 98), router.Format(pinned(1, "am-1:80")), "{}")
	f.Add("amlbcookie=&&=", ";;=", `"authId""authId":"`)
	f.Fuzz(func(t *testing.T, query, cookie, body string) {
		r := httptest.NewRequest(http.MethodPost, "/am/json/authenticate", strings.NewReader(body))
		r.URL.RawQuery = query
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Cookie", "amlbcookie="+cookie)
		a := routing.Decide(router, r, true).Affinity
		if a.Pin != (affinity.Pin{}) && a.Pin != router.Pin("am-1:80") {
			t.Errorf("somebody made the affinity %v", a)
		}
		if back, err := io.ReadAll(r.Body); err != nil || string(back) != body {
			t.Errorf("the body %q is put back as %q, %v", body, back, err)
		}
	})
}
