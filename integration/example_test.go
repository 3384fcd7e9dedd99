package integration

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestExampleConfigurations: every configuration that a newcomer may copy is
// accepted as it stands.
func TestExampleConfigurations(t *testing.T) {
	t.Parallel()
	examples := map[string]string{"Caddyfile.example": readFile(t, "Caddyfile.example")}
	for _, page := range documents(t) {
		for i, block := range codeBlocks(readFile(t, page), "caddyfile") {
			examples[fmt.Sprintf("%s, %d", page, i+1)] = block
		}
	}
	if len(examples) < 2 {
		t.Error("the README shows no Caddyfile")
	}
	for name, config := range examples {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := newDir(t)
			writeUsers(t, dir, newUser("alice"))
			mustRun(t, dir, "demo", "data")
			writeFile(t, filepath.Join(dir, "Caddyfile"), config)
			adapted := mustRun(t, dir, "adapt", "--config", "Caddyfile")
			if !json.Valid([]byte(adapted)) {
				t.Errorf("adapt printed no JSON: %s", adapted)
			}
			mustRun(t, dir, "validate", "--config", "Caddyfile")
			if _, err := os.Stat(filepath.Join(dir, "data", "cts")); err == nil {
				t.Error("validate opened the store")
			}
		})
	}
}

// documents are the pages of the documentation, README first.
func documents(t *testing.T) []string {
	t.Helper()
	pages, err := filepath.Glob(filepath.Join(root, "docs", "*", "*.md"))
	must(t, err)
	names := []string{"README.md"}
	for _, page := range pages {
		name, err := filepath.Rel(root, page)
		must(t, err)
		names = append(names, name)
	}
	return names
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root, name))
	must(t, err)
	return string(b)
}

// codeBlocks are the fenced blocks of a Markdown page in one language.
func codeBlocks(page, language string) []string {
	var blocks []string
	for part := range strings.SplitSeq(page, "\n```"+language+"\n") {
		block, _, _ := strings.Cut(part, "\n```")
		blocks = append(blocks, block+"\n")
	}
	return blocks[1:] // what stands before the first
}

// example is a running copy of Caddyfile.example, on free ports, in a folder
// where "amgate demo" made the users: what "make run" does.
type example struct {
	*process
	second string // the second site
	// passwords by user, as printed.
	passwords map[string]string
}

var passwordLine = regexp.MustCompile(`user (\S+) +password (\S+)`)

func startExample(t *testing.T) example {
	t.Helper()
	e := example{passwords: make(map[string]string)}
	dir := newDir(t)
	for _, m := range passwordLine.FindAllStringSubmatch(mustRun(t, dir, "demo", "data"), -1) {
		e.passwords[m[1]] = remember("a password of the example", m[2])
	}
	if len(e.passwords) != 2 {
		t.Fatalf("amgate demo printed passwords of %d users", len(e.passwords))
	}
	first, second := freePort(t), freePort(t)
	config := strings.NewReplacer("localhost:8080", "localhost:"+first, "localhost:8081", "localhost:"+second).
		Replace(readFile(t, "Caddyfile.example"))
	e.second = "http://localhost:" + second
	e.process = &process{t: t, dir: dir, url: "http://localhost:" + first, binary: binary(t)}
	writeFile(t, e.configPath(), config)
	t.Cleanup(func() {
		e.stop()
		if t.Failed() {
			t.Log(e.logTail())
		}
	})
	e.start()
	return e
}

// TestExample: the users that were printed log in, in both realms' ways.
func TestExample(t *testing.T) {
	t.Parallel()
	e := startExample(t)
	demo := user{name: "demo", password: e.passwords["demo"]}
	admin := user{name: "admin", password: e.passwords["admin"]}

	t.Run("one page in realm alpha", func(t *testing.T) {
		c := e.client("/alpha")
		c.answer(c.begin("").step(t), demo.name, demo.password).success(t)
		if r := c.navigate(e.url + "/"); r.status != http.StatusOK || !strings.Contains(string(r.body), "<h1>Hello demo</h1>") {
			t.Errorf("the app answers %s", r)
		}
	})
	t.Run("two steps in realm beta", func(t *testing.T) {
		c := e.client("/beta")
		c.am = e.second + "/am"
		name := c.begin("").step(t)
		password := c.answer(name, demo.name).step(t)
		if len(name.Callbacks) != 1 || name.Callbacks[0].Type != "NameCallback" ||
			len(password.Callbacks) != 1 || password.Callbacks[0].Type != "PasswordCallback" {
			t.Fatalf("asked %+v, then %+v", name, password)
		}
		remember("a token", c.answer(password, demo.password).success(t).TokenID)
		if r := c.get(e.second + "/"); string(r.body) != "Hello demo, you came in through two steps.\n" {
			t.Errorf("the app answers %s", r)
		}
	})
	t.Run("the administrator in the root realm", func(t *testing.T) {
		e.client("/").login(admin)
	})
	t.Run("the users of one realm are strangers in another", func(t *testing.T) {
		if r := e.client("/alpha").zeroPage(admin.name, admin.password); r.status == http.StatusOK && strings.Contains(string(r.body), "tokenId") {
			t.Errorf("got %s", r)
		}
	})
	t.Run("the second start keeps the passwords", func(t *testing.T) {
		again := mustRun(t, e.dir, "demo", "data")
		if !strings.Contains(again, demo.password) || !strings.Contains(again, admin.password) {
			t.Error("amgate demo printed other passwords")
		}
	})
}

// knownAccounts are names and passwords that installations of AM and its
// relatives came with, and what one would guess of ours.
var knownAccounts = [][2]string{
	{"demo", "changeit"}, {"demo", "Ch4ng31t"}, {"demo", "demo"}, {"demo", "password"}, {"demo", ""},
	{"admin", "admin"}, {"admin", "password"}, {"admin", "amgate"}, {"admin", ""},
	{"amadmin", "password"}, {"amadmin", "cangetinam"}, {"amadmin", "amadmin"}, {"amAdmin", "Passw0rd"},
	{"anonymous", "anonymous"}, {"UrlAccessAgent", "cangetinpa"}, {"bjensen", "Ch4ng31t"}, {"root", "root"}, {"", ""},
}

// TestFreshInstallHasNoKnownAccount answers OpenAM's CVE-2026-123553: every
// installation came with the same accounts and passwords, which everybody
// knew. A fresh one of ours has none that can be guessed, and keeps the
// passwords that it made from other users of the machine.
func TestFreshInstallHasNoKnownAccount(t *testing.T) {
	t.Parallel()
	e := startExample(t)
	for _, realm := range []string{"/", "/alpha", "/beta"} {
		c := e.client(realm).withoutCookies()
		for _, known := range knownAccounts {
			if r := c.zeroPage(known[0], known[1]); strings.Contains(string(r.body), "tokenId") {
				t.Errorf("realm %s lets %q in with %q", realm, known[0], known[1])
			}
		}
	}
	again := startExample(t)
	for name, password := range e.passwords {
		if again.passwords[name] == password || len(password) < 16 {
			t.Errorf("the password of %s is not one that nobody can guess", name)
		}
	}
	checkPrivate(t, e.dir)
}

// checkPrivate looks at the modes of what the example wrote.
func checkPrivate(t *testing.T, dir string) {
	t.Helper()
	for _, pattern := range []string{"data", "data/passwords.txt", "data/users-*.yaml", "data/*signing_key", "data/admin.sock", "data/cts"} {
		found, err := filepath.Glob(filepath.Join(dir, pattern))
		must(t, err)
		if len(found) == 0 {
			t.Errorf("there is no %s", pattern)
		}
		for _, path := range found {
			info, err := os.Stat(path)
			must(t, err)
			if info.Mode().Perm()&0o077 != 0 {
				t.Errorf("%s has mode %v: others can use it", pattern, info.Mode().Perm())
			}
		}
	}
}
