package main

import (
	"flag"
	"os"
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
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"await": await},
	})
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
