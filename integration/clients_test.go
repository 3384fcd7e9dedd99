package integration

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestRealClients runs clients that others wrote, unmodified, against a real
// process: Ping's SDK in Node and in Chromium, and Chromium itself on the
// login page. The checks are in the folder clients.
func TestRealClients(t *testing.T) {
	t.Parallel()
	for _, scheme := range []string{"http", "https"} {
		t.Run(scheme, func(t *testing.T) {
			t.Parallel()
			env := startForScripts(t, scheme)
			t.Run("JavaScript SDK in Node", func(t *testing.T) {
				t.Parallel()
				runScript(t, "sdk-node.mjs", env)
			})
			t.Run("JavaScript SDK in Chromium", func(t *testing.T) {
				t.Parallel()
				runScript(t, "sdk-browser.mjs", withChromium(t, env))
			})
			t.Run("login page in Chromium", func(t *testing.T) {
				t.Parallel()
				runScript(t, "login-page.mjs", withChromium(t, env))
			})
		})
	}
}

// TestRealClientThroughEdge runs the SDK against an edge with two nodes behind
// it. Its journeys live each in the memory of one node; it notices nothing.
func TestRealClientThroughEdge(t *testing.T) {
	t.Parallel()
	c := startCluster(t, clusterSpec{nodes: 2, journeySessions: "in_memory"})
	runScript(t, "sdk-node.mjs", map[string]string{
		"AMGATE_AM": c.edge.url + "/am", "AMGATE_REALM": "/alpha",
		"AMGATE_USER": c.user.name, "AMGATE_PASSWORD": c.user.password,
		"AMGATE_SUCCESS_URL": "/am/XUI/?realm=/alpha",
	})
}

// TestRealClientLogsOutEverywhere: the SDK's logout ends a session on every
// gateway, of both kinds.
func TestRealClientLogsOutEverywhere(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"server", "client"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			c := startGateways(t, clusterSpec{nodes: 2, journeySessions: "server", sessions: kind})
			runScript(t, "sdk-logout.mjs", map[string]string{
				"AMGATE_GATEWAYS": c.nodes[0].url + " " + c.nodes[1].url, "AMGATE_REALM": "/alpha",
				"AMGATE_USER": c.user.name, "AMGATE_PASSWORD": c.user.password,
			})
		})
	}
}

// startForScripts runs a process with all that the scripts need, and returns
// the environment that tells them where it is.
func startForScripts(t *testing.T, scheme string) map[string]string {
	t.Helper()
	demo := newUser("demo", "staff")
	dir := newDir(t)
	writeUsers(t, dir, demo)
	origin := func(host string) string { return scheme + "://" + host + ":" + freePort(t) }
	app, other, page, foreign, elsewhere := origin("localhost"), origin("localhost"), origin("localhost"), origin("localhost"), origin("127.0.0.1")
	tls := ""
	if scheme == "https" {
		tls = "tls internal"
	}

	p := start(t, spec{
		dir: dir,
		url: app,
		am: fmt.Sprintf(`
		realm /alpha {
			identities file users.json
			success_url /enduser/?realm=/alpha
			goto_allow %s
			cors %s
		}`, other, page),
		sites: fmt.Sprintf(`
(site) {
	import logged
	%[1]s
	header Content-Type "text/html; charset=utf-8"
}
(app) {
	import site
	respond <<HTML
		<!doctype html>
		<title>App</title>
		<h1>Hello {http.auth.user.id}</h1>
		<a href="/am/UI/Logout?realm=/alpha">Sign out</a>
		HTML
}
(page) {
	import site
	respond "<!doctype html><title>A page</title>"
}
%[2]s {
	import app
	am_server /am/*
	am_auth {
		realm /alpha
	}
}
%[3]s {
	import app
	am_auth {
		realm /alpha
		login %[2]s/am/XUI/?realm=/alpha
	}
}
%[4]s {
	import page
}
%[5]s {
	import page
}
%[6]s {
	import page
}
`, tls, app, other, page, foreign, elsewhere),
	})
	env := map[string]string{
		"AMGATE_AM": app + "/am", "AMGATE_REALM": "/alpha", "AMGATE_USER": demo.name, "AMGATE_PASSWORD": demo.password,
		"AMGATE_SUCCESS_URL": "/enduser/?realm=/alpha",
		"AMGATE_APP":         app + "/", "AMGATE_OTHER_APP": other + "/",
		"AMGATE_PAGE": page + "/", "AMGATE_FOREIGN_PAGE": foreign + "/", "AMGATE_ELSEWHERE": elsewhere + "/",
	}
	if scheme == "https" {
		env["NODE_EXTRA_CA_CERTS"] = p.authority("root.crt")
		env["AMGATE_TLS_INTERMEDIATE"] = p.authority("intermediate.crt")
	}
	if folder := os.Getenv("AMGATE_SCREENSHOTS"); folder != "" {
		env["AMGATE_SCREENSHOTS"] = filepath.Join(folder, scheme)
	}
	return env
}

// withChromium adds the browser's path, and skips the test where there is no
// browser: integration/setup.sh installs one.
func withChromium(t *testing.T, env map[string]string) map[string]string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			env = maps.Clone(env)
			env["AMGATE_CHROMIUM"] = path
			return env
		}
	}
	t.Skip("there is no Chromium on the PATH; integration/setup.sh installs it")
	return nil
}

// scriptLimit bounds a script. The browser starts in a second; the rest is
// slow machines.
const scriptLimit = 8 * time.Minute

// runScript runs a script of the folder clients. Each check that it reports
// becomes a subtest.
func runScript(t *testing.T, name string, env map[string]string) {
	t.Helper()
	if _, err := exec.LookPath("node"); err != nil {
		t.Skip("there is no Node.js on the PATH; integration/setup.sh says which one is needed")
	}
	if _, err := os.Stat(filepath.Join("clients", "node_modules")); err != nil {
		t.Skip("the npm packages of integration/clients are not installed; integration/setup.sh does that")
	}
	ctx, cancel := context.WithTimeout(t.Context(), scriptLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, "node", name)
	cmd.Dir = "clients"
	cmd.Env = os.Environ()
	for key, value := range env {
		cmd.Env = append(cmd.Env, key+"="+value)
	}
	var stderr strings.Builder
	cmd.Stderr = &stderr
	stdout, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	checks := 0
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		if reportLine(t, lines.Bytes()) {
			checks++
		}
	}
	err = cmd.Wait()
	switch {
	case err != nil && !t.Failed():
		t.Errorf("%s: %v\n%s", name, err, stderr.String())
	case err == nil && checks == 0:
		t.Errorf("%s checked nothing", name)
	}
}

// reportLine turns what a script printed into a subtest or a remembered
// secret, and tells whether it was a check.
func reportLine(t *testing.T, line []byte) bool {
	t.Helper()
	var report struct {
		Name, Error, Secret string
		OK                  bool
	}
	if err := json.Unmarshal(line, &report); err != nil {
		t.Log(string(line))
		return false
	}
	if report.Secret != "" {
		remember("a token", report.Secret)
	}
	if report.Name == "" {
		return false
	}
	t.Run(report.Name, func(t *testing.T) {
		if !report.OK {
			t.Error(report.Error)
		}
	})
	return true
}
