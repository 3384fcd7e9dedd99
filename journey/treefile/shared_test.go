package treefile_test

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/amgate/amgate/identity"
	"github.com/amgate/amgate/journey"
	"github.com/amgate/amgate/journey/journeytest"
	"github.com/amgate/amgate/journey/nodes"
	"github.com/amgate/amgate/journey/treefile"
)

var update = flag.Bool("update", false, "write what is generated from the code")

const (
	sharedFolder = "../../../shared/journeys"
	compatPage   = "../../docs/reference/journeys-compat.md"
)

// collections are the real exports, by where they come from: a realm has the
// journeys of one of them.
var collections = []struct{ prefix, title string }{
	{"am-classic", "The default journeys of AM 8.0.1, and some of a frodo test server"},
	{"aic", "PingOne Advanced Identity Cloud"},
	{"android-sdk", "The test journeys of Ping's Android SDK"},
	{"platform-ui", "The test journeys of Ping's platform UI"},
}

// collection reads the exports of one source. The test is skipped where they
// are not there.
func collection(t *testing.T, prefix string) *treefile.Set {
	t.Helper()
	set, err := treefile.Load([]string{filepath.Join(sharedFolder, prefix+"*")}, nodes.Types{})
	if _, missing := os.Stat(sharedFolder); missing != nil {
		t.Skip("the collection of exports, ../shared/journeys beside this repository, is not here")
	}
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// people are those of the realm in which the exports are walked.
func people() journeytest.Users {
	person := func(name string, active bool) journeytest.Person {
		return journeytest.Person{Password: goodPassword, User: identity.User{
			ID: name + "-id", Username: name, Active: active,
			Attributes: map[string][]string{
				"mail": {name + "@example.com"}, "givenName": {"Demo"}, "sn": {"User"},
				"preferences/marketing": {"true"}, "preferences/updates": {"true"},
			},
		}}
	}
	return journeytest.Users{person(goodName, true), person("locked", false)}
}

// lent is a realm that has everything that a node may need.
func lent() (*journeytest.Realm, *journey.Services) {
	r := &journeytest.Realm{Templates: []string{"welcome", "registration", "forgottenUsername", "resetPassword", "updatePassword", "multiFactorAuthentication"}}
	s := r.Services()
	s.Agents = journeytest.Demo("agent", goodPassword)
	s.Terms = &journey.Terms{Version: "1", Created: time.Unix(0, 0), Text: map[string]string{"en": "Be kind."}}
	s.Questions = []journey.Question{{ID: "pet", Text: map[string]string{"en": "Your first pet?"}}}
	s.Webhooks, s.Links = []string{"audit"}, true
	return r, s
}

// TestSharedJourneysLoad: every real export is read, and says what it lacks.
func TestSharedJourneysLoad(t *testing.T) {
	for _, c := range collections {
		for _, j := range collection(t, c.prefix).Journeys {
			if j.Tree.Disabled != (len(j.Problems) > 0) {
				t.Errorf("%s: disabled %v with %d problems", j.Tree.Name, j.Tree.Disabled, len(j.Problems))
			}
			for _, p := range j.Problems {
				if p.File == "" || p.Journey == "" || p.Node == "" || p.Type == "" || p.Text == "" {
					t.Errorf("the problem does not say enough: %+v", p)
				}
			}
		}
	}
}

// TestCompatibility keeps the list of what becomes of real exports equal to the
// code. "make docs" writes it.
func TestCompatibility(t *testing.T) {
	var b strings.Builder
	b.WriteString(`# Journeys of AM, as they are

This page is generated from the code: it says what becomes of exports that are public, byte for byte. Those of one
table are the journeys of one realm that has all that nodes may need: people, mail, terms, security questions,
agents, a base_url. A journey that cannot run is disabled, and the log says the same as this page. If an enabled journey has one
inside that cannot run, the configuration is refused until one of them is mended or disabled.

`)
	for _, c := range collections {
		set := collection(t, c.prefix)
		_, services := lent()
		verdict := set.Judge(treefile.Realm{Services: services})
		fmt.Fprintf(&b, "## %s\n\n| journey | runs | needs of the realm | what keeps it from running, or is ignored |\n| --- | --- | --- | --- |\n", c.title)
		for _, j := range set.Journeys {
			runs := "yes"
			if verdict.Journeys[j.Tree.Name] == nil {
				runs = "no"
			}
			fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", j.Tree.Name, runs, needs(j.Tree), remarks(j, verdict))
		}
		b.WriteString("\n")
	}
	want := strings.TrimSuffix(b.String(), "\n")
	if got, err := os.ReadFile(compatPage); err == nil && string(got) == want {
		return
	}
	if !*update {
		t.Fatalf("%s differs from the code; run: make docs", compatPage)
	}
	if err := os.WriteFile(compatPage, []byte(want), 0o600); err != nil {
		t.Fatal(err)
	}
}

// needs are what the nodes of a journey cannot do without.
func needs(t *journey.Tree) string {
	all := map[string]bool{}
	for _, p := range t.Nodes {
		if r, ok := p.Node.(journey.Requirer); ok {
			for _, n := range r.Needs() {
				if n.Kind == journey.NeedCookie {
					continue // what a realm must not have
				}
				all["`"+n.String()+"`"] = true
			}
		}
	}
	return strings.Join(slices.Sorted(maps.Keys(all)), ", ")
}

// remarks are the problems and warnings of a journey, those that are alike once.
func remarks(j *treefile.Journey, v treefile.Verdict) string {
	var texts []string
	nodes := map[string][]string{}
	add := func(p treefile.Problem) {
		text := p.Text
		if p.Property != "" {
			text = "`" + p.Property + "`: " + text
		}
		if nodes[text] == nil {
			texts = append(texts, text)
		}
		if p.Type != "" && !slices.Contains(nodes[text], p.Type) {
			nodes[text] = append(nodes[text], p.Type)
		}
	}
	for _, p := range append(slices.Clone(v.Disabled), v.Warnings...) {
		if p.Journey == j.Tree.Name {
			add(p)
		}
	}
	for i, text := range texts {
		if kinds := nodes[text]; len(kinds) > 0 {
			texts[i] = "`" + strings.Join(kinds, "`, `") + "`: " + text
		}
	}
	return strings.ReplaceAll(strings.Join(texts, "<br>"), "|", `\|`)
}
