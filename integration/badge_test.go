package integration

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// badgeBinary is the path of an amgate that also has the node of
// docs/examples/node-badge, put together as xcaddy does it.
func badgeBinary(t *testing.T) string {
	t.Helper()
	path, err := buildBadge()
	must(t, err)
	return path
}

var buildBadge = sync.OnceValues(func() (string, error) {
	dir := filepath.Join(suite.dir, "with-badge")
	example := filepath.Join(root, "docs", "examples", "node-badge")
	mod, err := os.ReadFile(filepath.Join(example, "go.mod"))
	if err != nil {
		return "", err
	}
	sum, err := os.ReadFile(filepath.Join(example, "go.sum"))
	if err != nil {
		return "", err
	}
	name := regexp.MustCompile(`(?m)^module (\S+)$`).FindStringSubmatch(string(mod))[1]
	local := strings.NewReplacer("module "+name, "module example.com/walks", "=> ../../..", "=> "+root).Replace(string(mod))
	files := map[string]string{
		"go.mod": local + "\nrequire " + name + " v0.0.0\n\nreplace " + name + " => " + example + "\n",
		"go.sum": string(sum),
		"main.go": `package main

import (
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	_ "github.com/caddyserver/caddy/v2/modules/standard"

	_ "github.com/amgate/amgate/caddymodule"
	_ "` + name + `"
)

func main() { caddycmd.Main() }
`,
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	for file, content := range files {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(content), 0o600); err != nil {
			return "", err
		}
	}
	path := filepath.Join(suite.dir, "amgate-with-badge")
	cmd := exec.Command("go", "build", "-race", "-mod=mod", "-o", path, ".")
	cmd.Dir = dir
	return path, buildError(cmd.CombinedOutput())
})
