package caddymodule

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"

	"github.com/amgate/amgate/identity/password"
)

const secret = "correct horse battery"

// withDemo are the settings of an app whose root realm has the user demo, whose
// password is the secret.
func withDemo(t *testing.T, further string) string {
	t.Helper()
	dir := t.TempDir()
	writeFile(t, dir, "users.json", fmt.Sprintf(`{"users": [{"username": "demo", "password": %q}]}`, password.Hash(secret)))
	return fmt.Sprintf(`{%s, "realms": [{"path": "/", "identities": {"source": "file", "path": %q}%s}]}`,
		recordedOne, filepath.Join(dir, "users.json"), further)
}

// login walks the built-in journey with one request, and returns the status.
func login(t *testing.T, client *http.Client, password string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://am.example/am/json/authenticate", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-OpenAM-Username", "demo")
	req.Header.Set("X-OpenAM-Password", password)
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode
}

// A login is told to the log am.audit, which Caddy's log option sends where the
// operator wants it, and to no other place. No answer is in it, nor a token.
func TestAuditGoesToALogOfItsOwn(t *testing.T) {
	dir, socket := t.TempDir(), newSocket(t)
	audited, others := filepath.Join(dir, "audit.log"), filepath.Join(dir, "other.log")
	cfg := config(t, withDemo(t, ""), site(socket))
	cfg.Logging = &caddy.Logging{Logs: map[string]*caddy.CustomLog{
		"audit":   {BaseLog: logTo(t, audited), Include: []string{auditLog}},
		"default": {BaseLog: logTo(t, others), Exclude: []string{auditLog}},
	}}
	if err := runConfig(t, cfg); err != nil {
		t.Fatal(err)
	}
	client := visitor(t, socket)
	if got := login(t, client, secret); got != http.StatusOK {
		t.Fatalf("status %d", got)
	}
	if got := login(t, client, "wrong "+secret); got != http.StatusOK { // asked again
		t.Fatalf("status %d with a wrong password", got)
	}
	var events []string
	for _, line := range logLines(t, audited, "") {
		var event struct{ Logger, Msg, Realm string }
		if err := json.Unmarshal([]byte(line), &event); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		if event.Logger != auditLog || event.Realm != "/" {
			t.Errorf("an event of another kind: %s", line)
		}
		events = append(events, event.Msg)
		if strings.Contains(line, secret) || strings.Contains(line, "AAJTSQ") {
			t.Errorf("the event holds a secret: %s", line)
		}
	}
	for _, want := range []string{"AM-NODE-LOGIN-COMPLETED", "AM-TREE-LOGIN-COMPLETED", "AM-LOGIN-COMPLETED", "AM-SESSION-CREATED"} {
		if !slices.Contains(events, want) {
			t.Errorf("there is no %s among %q", want, events)
		}
	}
	if got := logLines(t, others, "AM-"); len(got) > 0 {
		t.Errorf("another log has events: %q", got)
	}
}

// What a login does is counted, and still is after a reload.
func TestMetricsOfALogin(t *testing.T) {
	for generation := 1; generation <= 2; generation++ {
		socket := newSocket(t) // Caddy stops the server before in the background
		client := visitor(t, socket)
		if err := run(t, withDemo(t, fmt.Sprintf(`, "journey_sessions": "in_memory", "max_time": "%dh"`, generation)), site(socket)); err != nil {
			t.Fatal(err)
		}
		if got := login(t, client, secret); got != http.StatusOK {
			t.Fatalf("status %d", got)
		}
		if got := login(t, client, "wrong"); got != http.StatusOK { // asked again
			t.Fatalf("status %d with a wrong password", got)
		}
		got := scrape(t, client)
		for name, want := range map[string]int{
			`amgate_journeys_started_total{journey="Login",realm="/",scheme="in_memory"}`:                           2 * generation,
			`amgate_journeys_ended_total{journey="Login",outcome="succeeded",realm="/",scheme="in_memory"}`:         generation,
			`amgate_node_visits_total{journey="Login",node_type="DataStoreDecisionNode",outcome="false",realm="/"}`: generation,
			`amgate_node_visits_total{journey="Login",node_type="PageNode",outcome="asked",realm="/"}`:              generation,
			`amgate_journey_memory_journeys`: generation,
			`amgate_node_visits_total{journey="Login",node_type="DataStoreDecisionNode",outcome="true",realm="/"}`:    generation,
			`amgate_journey_duration_seconds_count{journey="Login",outcome="succeeded",realm="/",scheme="in_memory"}`: generation,
		} {
			if got[name] != fmt.Sprint(want) {
				t.Errorf("generation %d: %s is %q, want %d", generation, name, got[name], want)
			}
		}
	}
}
