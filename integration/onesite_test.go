package integration

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// oneSite is a process with realm /alpha, a protected app, and an upstream
// that tells what reaches it.
type oneSite struct {
	*process
	bjensen, plain user // plain has no roles
}

// startOneSite runs it with one scheme of journey sessions.
func startOneSite(t *testing.T, journeySessions string) oneSite {
	t.Helper()
	s := oneSite{bjensen: newUser("bjensen", "staff", "admin"), plain: newUser("plain")}
	dir := newDir(t)
	writeUsers(t, dir, s.bjensen, s.plain)
	site := "http://localhost:" + freePort(t)
	s.process = start(t, spec{
		dir: dir,
		url: site,
		am: fmt.Sprintf(`
		identities file users.json
		realm /alpha {
			identities file users.json
			journey_sessions %s
			success_url /enduser/?realm=/alpha
			failure_url /sorry
		}`, journeySessions),
		sites: fmt.Sprintf(`
%s {
	import logged
	am_server /am/*
	am_auth {
		realm /alpha
	}
	respond /whoami "{http.auth.user.id}|{http.auth.user.realm}|{http.auth.user.roles}|{http.auth.user.level}|{http.auth.user.handle}"
	reverse_proxy %s
}
`, site, startUpstream(t)),
	})
	return s
}

// startUpstream runs an app that answers with the headers it was sent, as
// JSON, and returns its address.
func startUpstream(t *testing.T) string {
	t.Helper()
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = json.NewEncoder(w).Encode(r.Header)
	}))
	t.Cleanup(app.Close)
	return strings.TrimPrefix(app.URL, "http://")
}

// people are who must not notice what happens to a process: one who is signed
// in, and one whose journey waits for an answer.
type people struct {
	user   user
	client *client
	token  string

	journey *client
	asked   step
}

func (s oneSite) people(t *testing.T) *people {
	t.Helper()
	p := &people{user: s.bjensen, client: s.client("/alpha"), journey: s.client("/alpha")}
	p.token = p.client.login(p.user)
	p.asked = p.journey.begin("").step(t)
	return p
}

// goOn fails the test unless the session lives and the journey succeeds.
func (p *people) goOn(t *testing.T) {
	t.Helper()
	if !p.client.valid(p.token) {
		t.Error("the session is gone")
	}
	p.journey.answer(p.asked, p.user.name, p.user.password).success(t)
}
