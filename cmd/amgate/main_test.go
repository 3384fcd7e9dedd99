package main

import (
	"context"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"regexp"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

var update = flag.Bool("update", false, "write what the commands print into the scripts")

// TestMain makes this test the program amgate, for the scripts.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"amgate": main})
}

// TestScripts runs the scripts of testdata/script, which can be read as a
// manual: commands, and what they print.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script", UpdateScripts: *update,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"await": await, "capture": capture, "login": login},
	})
}

// capture is a command of the scripts: it sets a variable to what the group of
// a regular expression matches in the last output.
func capture(ts *testscript.TestScript, _ bool, args []string) {
	found := regexp.MustCompile(args[1]).FindStringSubmatch(ts.ReadFile("stdout"))
	if len(found) != 2 {
		ts.Fatalf("no %s in the output", args[1])
	}
	ts.Setenv(args[0], found[1])
}

// login is a command of the scripts: it signs a user in to a gateway's site on
// a socket, and demands the status. Its arguments are the socket, the realm's
// part of the path, name, password and status.
func login(ts *testscript.TestScript, _ bool, args []string) {
	socket := ts.MkAbs(args[0])
	transport := &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		},
	}
	req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, "http://localhost/am/json/"+args[1]+"/authenticate", nil)
	ts.Check(err)
	req.Header.Set("X-OpenAM-Username", args[2])
	req.Header.Set("X-OpenAM-Password", args[3])
	resp, err := (&http.Client{Transport: transport, Timeout: time.Minute}).Do(req)
	ts.Check(err)
	resp.Body.Close()
	if fmt.Sprint(resp.StatusCode) != args[4] {
		ts.Fatalf("signing in: %s", resp.Status)
	}
}

// await is a command of the scripts: it waits until there is a file, which a
// process in the background makes.
func await(ts *testscript.TestScript, _ bool, args []string) {
	const limit = time.Minute
	path := ts.MkAbs(args[0])
	for deadline := time.Now().Add(limit); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if _, err := os.Stat(path); err == nil {
			return
		}
	}
	ts.Fatalf("there was no %s in %v", args[0], limit)
}
