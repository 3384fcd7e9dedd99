package main

import (
	"flag"
	"testing"

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
	testscript.Run(t, testscript.Params{Dir: "testdata/script", UpdateScripts: *update})
}
