package integration

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
)

const module = "github.com/amgate/amgate/"

// layers is the table of the architecture: of each package its layer, from
// the ground up, and what else it keeps to. A package may import those of
// lower layers. One that is not in the table fails the test: whoever adds a
// package decides here where it belongs.
var layers = map[string]layer{
	"store":            {level: 0},
	"store/sealed":     {level: 0, also: []string{"store"}},
	"token":            {level: 0},
	"identity":         {level: 0},
	"journey/callback": {level: 0},
	"journey/affinity": {level: 0},
	"logtest":          {level: 0}, // for tests

	"store/storetest/faultnet": {level: 0}, // for tests, as the next
	"integration/history":      {level: 0},

	"store/outbox": {level: 1, only: []string{"store"}},
	"store/reaper": {level: 1, only: []string{"store"}},

	"cluster": {level: 1},

	"journey": {level: 1, only: []string{"store", "identity", "journey/callback"}},

	"journey/keep":             {level: 2},
	"journey/nodes":            {level: 2},
	"journey/treefile":         {level: 2},
	"journey/lint":             {level: 2},
	"journey/graph":            {level: 2},
	"session":                  {level: 2},
	"store/memory":             {level: 2},
	"store/etcd":               {level: 2},
	"store/etcd/embedded":      {level: 2},
	"store/cache":              {level: 2},
	"identity/password":        {level: 1}, // hashing, below the stores of people
	"identity/queryfilter":     {level: 1},
	"identity/file":            {level: 2},
	"identity/guard":           {level: 2},
	"mail":                     {level: 2},
	"mail/mailtest":            {level: 2}, // for tests
	"store/storetest":          {level: 2}, // for tests, as the two below
	"store/storetest/etcdproc": {level: 2, also: []string{"store/storetest"}},
	"identity/identitytest":    {level: 2},
	"journey/journeytest":      {level: 2, also: []string{"store/storetest"}},

	"realm":           {level: 3},
	"realm/realmtest": {level: 3, also: []string{"realm"}}, // for tests

	"rest":    {level: 4},
	"web":     {level: 4},
	"gateway": {level: 4},

	"cluster/routing": {level: 4},

	"migrate": {level: 4},

	"caddymodule": {level: 5},

	"cmd/amgate":        {level: 6},
	"integration":       {level: 6},
	"integration/bench": {level: 6},

	"integration/bench/floor": {level: 6}, // for benchmarks
}

type layer struct {
	level int
	// also are packages of the same layer that may be imported.
	also []string
	// only, if set, are the only packages of ours that may be imported.
	only []string
}

// owners says which packages alone may import what. A prefix stands for all
// packages below it.
var owners = []struct {
	prefix string
	owners []string
}{
	{"go.etcd.io/", []string{"store/etcd", "store/etcd/embedded", "store/storetest/etcdproc"}},
	{"github.com/anishathalye/porcupine", []string{"integration/history"}},
	{"google.golang.org/grpc", []string{"store/etcd", "store/etcd/embedded"}},
	{"github.com/allegro/bigcache", []string{"store/cache"}},
	{"github.com/golang-jwt/", []string{"token"}},
	{"github.com/go-jose/", []string{"token"}},
	{"github.com/go-json-experiment/", []string{"token", "journey/callback", "journey/keep", "rest", "integration/bench/floor"}},
	{"golang.org/x/crypto/argon2", []string{"identity/password"}},
	{"golang.org/x/crypto/bcrypt", []string{"identity/password"}},
	{"github.com/wneessen/go-mail", []string{"mail"}},
	{"go.yaml.in/yaml", []string{"identity/file"}},
	{"github.com/caddyserver/", []string{"caddymodule", "cmd/amgate", "integration", "integration/bench", "integration/bench/floor"}},
	{"github.com/prometheus/", []string{"caddymodule"}},
	{"go.uber.org/zap", []string{"caddymodule", "store/etcd", "store/etcd/embedded", "store/storetest/etcdproc", "integration/bench/floor"}},
	{"github.com/spf13/cobra", []string{"cmd/amgate"}},
}

// nextStandard is encoding/json/v2, which the Go project publishes under this
// name for as long as it is not yet in its standard library.
const nextStandard = "github.com/go-json-experiment/json"

// bare are the packages that need nothing but the standard library (and what
// the Go project publishes beside it).
var bare = []string{
	"store", "store/sealed", "store/memory", "identity", "identity/queryfilter", "journey",
	"journey/callback", "journey/affinity", "cluster", "cluster/routing", "realm", "rest", "web", "gateway",
}

// public are the packages that a third party extends amgate with. Whoever
// imports them must not get Caddy, etcd or a token library with them.
var public = []string{
	"journey", "journey/callback", "journey/journeytest", "store", "store/storetest", "identity", "identity/identitytest",
}

// pkg is what the go command tells of a package.
type pkg struct {
	ImportPath string
	Standard   bool
	Imports    []string
	Deps       []string
	GoFiles    []string
}

// ours are our packages by their path in the module.
var ours = sync.OnceValues(func() (map[string]pkg, error) {
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports,Deps,GoFiles", "./...")
	cmd.Dir = root
	out, err := cmd.Output()
	if err != nil {
		if failed, ok := errors.AsType[*exec.ExitError](err); ok {
			err = errors.New(string(failed.Stderr))
		}
		return nil, err
	}
	packages := make(map[string]pkg)
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := dec.Decode(&p); err == io.EOF {
			return packages, nil
		} else if err != nil {
			return nil, err
		}
		packages[strings.TrimPrefix(p.ImportPath, module)] = p
	}
})

func listPackages(t *testing.T) map[string]pkg {
	t.Helper()
	packages, err := ours()
	must(t, err)
	return packages
}

// TestLayers: every package imports only what lies below it.
func TestLayers(t *testing.T) {
	t.Parallel()
	packages := listPackages(t)
	for name, p := range packages {
		here, ok := layers[name]
		if !ok {
			t.Errorf("package %s has no layer; give it one in the table of this test", name)
			continue
		}
		for _, imported := range p.Imports {
			below, isOurs := strings.CutPrefix(imported, module)
			switch {
			case !isOurs:
			case here.only != nil && !slices.Contains(here.only, below):
				t.Errorf("%s imports %s; it may import only %v", name, below, here.only)
			case here.only == nil && layers[below].level >= here.level && !slices.Contains(here.also, below):
				t.Errorf("%s (layer %d) imports %s (layer %d)", name, here.level, below, layers[below].level)
			}
		}
	}
	for name := range layers {
		if _, ok := packages[name]; !ok {
			t.Errorf("the table names package %s, which is not there", name)
		}
	}
}

// TestThirdParty: each library that we depend on has one owner, so that it can
// be judged, updated and replaced in one place.
func TestThirdParty(t *testing.T) {
	t.Parallel()
	packages := listPackages(t)
	used := make(map[string]bool)
	for name, p := range packages {
		for _, imported := range p.Imports {
			for _, rule := range owners {
				if !strings.HasPrefix(imported, rule.prefix) {
					continue
				}
				used[rule.prefix] = true
				if !slices.Contains(rule.owners, name) {
					t.Errorf("%s imports %s; only %v may", name, imported, rule.owners)
				}
			}
			if slices.Contains(bare, name) && isThirdParty(imported) {
				t.Errorf("%s imports %s; it does without libraries", name, imported)
			}
		}
	}
	for _, rule := range owners {
		if !used[rule.prefix] {
			t.Logf("nobody imports %s", rule.prefix)
		}
	}
}

func isThirdParty(path string) bool {
	first, _, _ := strings.Cut(path, "/")
	return strings.Contains(first, ".") && !strings.HasPrefix(path, module) &&
		!strings.HasPrefix(path, "golang.org/x/") && !strings.HasPrefix(path, nextStandard)
}

// TestPublicPackagesAreLight: an extension does not drag a web server, a
// database or a token library in.
func TestPublicPackagesAreLight(t *testing.T) {
	t.Parallel()
	packages := listPackages(t)
	for _, name := range public {
		for _, dep := range packages[name].Deps {
			for _, heavy := range []string{"github.com/caddyserver/", "go.etcd.io/", "github.com/golang-jwt/", "github.com/go-jose/"} {
				if strings.HasPrefix(dep, heavy) {
					t.Errorf("%s needs %s", name, dep)
				}
			}
		}
	}
}

// TestNoPredictableRandomness answers caddy-security's CVE-2024-21495: nonces,
// secrets and keys came from math/rand, which whoever has seen some of its
// output can predict. We use it nowhere outside tests, so nobody has to judge
// whether a use of it is harmless.
func TestNoPredictableRandomness(t *testing.T) {
	t.Parallel()
	for name, p := range listPackages(t) {
		if slices.Contains(p.Imports, "math/rand") || slices.Contains(p.Imports, "math/rand/v2") {
			t.Errorf("%s imports math/rand; use crypto/rand", name)
		}
	}
}

// interpreters run what they are given, or make whatever object it names. The
// packages that may use one all the same give it nothing that a client or a
// configuration has written.
var interpreters = []struct {
	prefix string
	owners []string
}{
	{"text/template", []string{"mail/mailtest"}}, // a test's own configuration of a mail server
	{"html/template", []string{"web"}},           // the pages, which are compiled in; input is data to them
	{"os/exec", []string{"mail/mailtest", "store/storetest/etcdproc"}},
	{"plugin", nil},
	{"encoding/gob", nil},
	{"net/rpc", nil},
	{"github.com/Masterminds/sprig", nil},
	{"github.com/dop251/goja", nil},
	{"github.com/expr-lang/expr", nil},
	{"github.com/google/cel-go", nil},
	{"github.com/robertkrimen/otto", nil},
	{"github.com/tetratelabs/wazero", nil},
	{"github.com/traefik/yaegi", nil},
	{"github.com/ugorji/go", nil},
	{"github.com/vmihailenco/msgpack", nil},
	{"github.com/yuin/gopher-lua", nil},
	{"go.starlark.net", nil},
}

// TestNoInterpreterOfInput answers OpenAM's CVE-2026-47424 and -45051
// (SECURITY 12): scripts got out of their sandbox, and bytes of a client became
// objects of any class. There is nothing here that could run either.
func TestNoInterpreterOfInput(t *testing.T) {
	t.Parallel()
	for name, p := range listPackages(t) {
		for _, imported := range p.Imports {
			for _, rule := range interpreters {
				if strings.HasPrefix(imported, rule.prefix) && !slices.Contains(rule.owners, name) {
					t.Errorf("%s imports %s, which runs what it is given", name, imported)
				}
			}
		}
	}
}
