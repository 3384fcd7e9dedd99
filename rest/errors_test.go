package rest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"regexp"
	"strings"
	"testing"

	"github.com/amgate/amgate/identity"
	"github.com/amgate/amgate/journey"
	"github.com/amgate/amgate/journey/callback"
	"github.com/amgate/amgate/realm"
	"github.com/amgate/amgate/session"
	"github.com/amgate/amgate/store"
)

func TestErrorTable(t *testing.T) {
	for _, tt := range []struct {
		err  error
		want int
	}{
		{realm.ErrNoConfiguration, 400},
		{realm.ErrIndexType, 400},
		{journey.ErrMalformed, 400},
		{journey.ErrSignature, 400},
		{journey.ErrTooLarge, 413},
		{callback.ErrAnswer, 400},
		{session.ErrInvalid, 401},
		{session.ErrEnded, 401},
		{store.ErrUnavailable, 503},
		{store.ErrBusy, 503},
		{identity.ErrUnavailable, 503},
		{identity.ErrBusy, 503},
		{context.Canceled, 503},
		{context.DeadlineExceeded, 503},
		{errors.New("node zero: https://internal:2379 refused"), 500},
		{store.ErrConflict, 500},
		// Undecided goes before whatever else an error wraps.
		{errors.Join(session.ErrEnded, store.ErrUnavailable), 503},
		{errors.Join(store.ErrUnavailable, session.ErrEnded), 503},
	} {
		var logs bytes.Buffer
		a := New(realm.Front{Logger: slog.New(slog.NewTextHandler(&logs, nil))})
		c := &call{Request: httptest.NewRequest("POST", "/", nil)}
		rep := a.refuse(c, fmt.Errorf("node zero at https://internal:2379: %w", tt.err))
		body, err := rep.encode()
		if err != nil || rep.status != tt.want {
			t.Errorf("%v: status %d, %v, want %d", tt.err, rep.status, err, tt.want)
		}
		if strings.Contains(string(body), "internal:2379") || strings.Contains(string(body), "zero") {
			t.Errorf("%v: the client is told %s", tt.err, body)
		}
		if told := strings.Contains(string(body), tooManyReads); told != errors.Is(tt.err, store.ErrBusy) {
			t.Errorf("%v: the client is told %s", tt.err, body)
		}
		if got := rep.header.Get("Retry-After") != ""; got != (tt.want == 503) {
			t.Errorf("%v: Retry-After: %v", tt.err, got)
		}
		if rep.header.Get("Set-Cookie") != "" {
			t.Errorf("%v: a cookie is set", tt.err)
		}
		if logged := logs.Len() > 0; logged != (tt.want == 500) {
			t.Errorf("%v: logged: %v", tt.err, logged)
		}
	}
}

// TestUnexpectedErrorsCanBeFound: the client sees an id, the log has it.
func TestUnexpectedErrorsCanBeFound(t *testing.T) {
	var logs bytes.Buffer
	a := New(realm.Front{Logger: slog.New(slog.NewTextHandler(&logs, nil))})
	rep := a.refuse(&call{Request: httptest.NewRequest("POST", "/", nil)}, errors.New("a bug"))
	body, _ := rep.encode()
	id := regexp.MustCompile(`"Internal error ([A-Z2-7]{8})"`).FindSubmatch(body)
	if id == nil || !strings.Contains(logs.String(), "id="+string(id[1])) || !strings.Contains(logs.String(), "a bug") {
		t.Errorf("the client sees %s, the log has %s", body, &logs)
	}
}

// TestPanicIsAnAnswer. The failure: a handler that a missing parameter makes
// panic takes the connection with it. Here it is a 500 in JSON, the next
// request on the connection is served, and nothing of the panic is told.
// (SECURITY 61)
func TestPanicIsAnAnswer(t *testing.T) {
	s := open(t)
	s.front.ClientIP = func(*http.Request) netip.Addr { panic("s3cr3t") }
	res := s.do(t, "POST", alpha, "")
	if res.Code != http.StatusInternalServerError || !json.Valid(res.Body.Bytes()) || strings.Contains(res.Body.String(), "s3cr3t") {
		t.Errorf("%d %s", res.Code, res.Body)
	}
	if !strings.Contains(s.Log.String(), "panic") {
		t.Error("the log has nothing of it")
	}
	if res := s.do(t, "GET", "/am/json/health/live", ""); res.Code != http.StatusOK {
		t.Errorf("the next request: %d", res.Code)
	}
}

// TestAbortIsPassedOn: http.ErrAbortHandler is a message to the server.
func TestAbortIsPassedOn(t *testing.T) {
	s := open(t)
	s.front.ClientIP = func(*http.Request) netip.Addr { panic(http.ErrAbortHandler) }
	defer func() {
		if cause := recover(); cause != any(http.ErrAbortHandler) {
			t.Errorf("recovered %v", cause)
		}
	}()
	s.do(t, "POST", alpha, "")
}

// TestMissingParametersAreNoCrash. The attack: leave out, one at a time and
// all at once, what a handler takes for granted. Every answer is a status
// below 500, or 501, and JSON. (SECURITY 61)
func TestMissingParametersAreNoCrash(t *testing.T) {
	s := open(t)
	queries := []string{
		"", "?", "?_action", "?_action=", "?_action=validate&tokenId", "?_action=logout&goto", "?realm", "?_fields",
		"?authIndexType", "?authIndexValue", "?authIndexType=service&authIndexValue=", "?&&&", "?=", "?a=%",
		"?goto&gotoOnFail&locale&noSession&ForceAuth&suspendedId",
	}
	bodies := []string{
		"", "{}", `{"authId":null,"callbacks":null,"tokenId":null}`, `{"callbacks":[]}`, `{"callbacks":[null]}`, `{"tokenId":""}`,
	}
	for i := range routes {
		if routes[i].kind == kindHealth {
			continue
		}
		for _, query := range queries {
			for _, body := range bodies {
				url := "/am/json/" + strings.Replace(routes[i].path, tokenID, "x", 1) + query
				res := s.do(t, routes[i].method, url, body, "Content-Type", "application/json", "Cookie", cookieName+"=", "Accept-Language", ";;q=")
				if res.Code >= 500 && res.Code != http.StatusNotImplemented || !json.Valid(res.Body.Bytes()) {
					t.Errorf("%s %s %s: %d %s", routes[i].method, url, body, res.Code, res.Body)
				}
			}
		}
	}
}

// TestRequestBudget. The attack: a request that is cheap to send and dear to
// parse. Everything over its bound is refused before a store is asked, and
// what is within it costs memory in proportion. (SECURITY 60)
func TestRequestBudget(t *testing.T) {
	s := open(t)
	before := s.Store.Gets.Load()
	long := strings.Repeat("x", 1<<17)
	for _, tt := range []struct {
		name, url, body string
		header          []string
		want            int
	}{
		{"path", "/am/json/" + long, "", nil, 414},
		{"query", alpha + "?goto=" + long, "", nil, 414},
		{"parameters", alpha + "?" + strings.Repeat("a&", 1000), "", nil, 400},
		{"broken query", alpha + "?a=%zz", "", nil, 400},
		{"semicolon", alpha + "?a=b;realm=/alpha", "", nil, 400},
		{"header", alpha, "", []string{"X-Long", long}, 431},
		{"body", alpha, `{"authId":"` + strings.Repeat("x", maxBody) + `"}`, []string{"Content-Type", "application/json"}, 413},
		{"depth", alpha, strings.Repeat(`{"a":`, 10000), []string{"Content-Type", "application/json"}, 400},
	} {
		res := s.do(t, "POST", tt.url, tt.body, tt.header...)
		var got crestError
		decode(t, res, &got)
		if res.Code != tt.want || got.Code != tt.want {
			t.Errorf("%s: %d %s, want %d", tt.name, res.Code, res.Body, tt.want)
		}
	}
	if after := s.Store.Gets.Load(); after != before {
		t.Errorf("the store was asked %d times", after-before)
	}
	members := `{"authId":"x"` + strings.Repeat(`,"a":1`, maxBody/8) + `}`
	got := testing.Benchmark(func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			s.do(t, "POST", alpha, members, "Content-Type", "application/json")
		}
	})
	if perRequest := got.AllocedBytesPerOp(); perRequest > 16*maxBody {
		t.Errorf("a body of %d bytes with many members costs %d bytes", len(members), perRequest)
	}
}
