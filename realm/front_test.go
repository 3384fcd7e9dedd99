package realm_test

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/amgate/amgate/identity"
	"github.com/amgate/amgate/realm"
	"github.com/amgate/amgate/session"
	"github.com/amgate/amgate/store"
)

// A base URL decides alone: behind a proxy that speaks TLS the connection
// says http, and the header Host is the client's to choose.
func TestFrontKnowsItsOrigin(t *testing.T) {
	for _, tt := range []struct {
		baseURL string
		tls     bool
		origin  string
		secure  bool
	}{
		{"", false, "http://app.example.com", false},
		{"", true, "https://app.example.com", true},
		{"https://login.example.com", false, "https://login.example.com", true},
		{"HTTPS://login.example.com", false, "HTTPS://login.example.com", true},
		{"http://login.example.com", false, "http://login.example.com", false},
		{"http://login.example.com", true, "http://login.example.com", true},
	} {
		r := httptest.NewRequest(http.MethodGet, "http://app.example.com/", nil)
		if tt.tls {
			r.TLS = new(tls.ConnectionState)
		}
		f := realm.Front{BaseURL: tt.baseURL}
		if origin, secure := f.Origin(r), f.Secure(r); origin != tt.origin || secure != tt.secure {
			t.Errorf("base URL %q, TLS %v: %s, secure %v", tt.baseURL, tt.tls, origin, secure)
		}
	}
}

// Undecided is undecided, whatever else an error says: an outage that looked
// like an ended session would sign people out.
func TestFaultsGoBeforeDecisions(t *testing.T) {
	for err, want := range map[error]bool{
		session.ErrEnded:        false,
		identity.ErrBusy:        true,
		store.ErrUnavailable:    true,
		errors.New("a mistake"): false,
		fmt.Errorf("%w, %w", session.ErrEnded, store.ErrUnavailable): true,
	} {
		if got := realm.IsFault(err); got != want {
			t.Errorf("%v: a fault is %v", err, got)
		}
	}
}

// A panic becomes an error; one that asks the server to cut the connection
// reaches the server.
func TestRecover(t *testing.T) {
	run := func(cause any) (err error) {
		defer realm.Recover(&err)
		if cause != nil {
			panic(cause)
		}
		return nil
	}
	if err := run(nil); err != nil {
		t.Error(err)
	}
	if err := run("oops"); err == nil || !strings.Contains(err.Error(), "oops") || !strings.Contains(err.Error(), "front_test.go") {
		t.Errorf("of a panic remains: %v", err)
	}
	defer func() {
		if got := recover(); got != http.ErrAbortHandler {
			t.Errorf("the server sees %v", got)
		}
	}()
	t.Errorf("the request goes on: %v", run(http.ErrAbortHandler))
}
