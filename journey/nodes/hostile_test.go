package nodes_test

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/amgate/amgate/journey"
	"github.com/amgate/amgate/journey/callback"
	"github.com/amgate/amgate/journey/journeytest"
	"github.com/amgate/amgate/journey/nodes"
)

// exampleOf is a node of the type, with every option set that has an example.
func exampleOf(tb testing.TB, spec nodes.Spec) journey.Node {
	tb.Helper()
	node := spec.New()
	for _, o := range spec.Options {
		if o.Example == "" {
			continue
		}
		if err := spec.Set(node, o.Name, o.Arguments()); err != nil {
			tb.Fatal(err)
		}
	}
	return node
}

// fixture is an example, with children if it takes them, that is valid.
func fixture(t *testing.T, spec nodes.Spec) journey.Node {
	t.Helper()
	node := exampleOf(t, spec)
	if parent, ok := node.(nodes.Parent); ok {
		for _, child := range []nodes.Child{{ID: "name", Node: new(nodes.Username)}, {ID: "pass", Node: new(nodes.Password)}} {
			if err := parent.Add(child); err != nil {
				t.Fatal(err)
			}
		}
	}
	if ch, ok := node.(journey.Checker); ok {
		if err := ch.Check(); err != nil {
			t.Fatalf("the example of %s is not valid: %v", spec.Name, err)
		}
	}
	return node
}

const (
	username = "demo"
	password = "Ch4ng31t"
	mail     = "demo@example.com"
)

// arena is a minimal journey around one node: what proves something leads to
// success, all else to failure. With all true, everything leads to success. An
// inner journey is one that checks the password.
func arena(t *testing.T, spec nodes.Spec, all bool) *journey.Tree {
	t.Helper()
	node := fixture(t, spec)
	next := map[string]string{}
	for _, outcome := range node.Outcomes() {
		next[outcome] = journey.Failure
		if all || slices.Contains(spec.Proves, outcome) {
			next[outcome] = journey.Success
		}
	}
	trees := map[string]*journey.Tree{"Arena": {Name: "Arena", Entry: "node", Nodes: map[string]*journey.Placed{
		"node": {ID: "node", Type: spec.Type, Node: node, Next: next},
	}}}
	if inner, ok := node.(journey.Inner); ok {
		trees[inner.InnerTree()] = &journey.Tree{Name: inner.InnerTree(), Entry: "check", Nodes: map[string]*journey.Placed{
			"check": {ID: "check", Node: new(nodes.DataStore), Next: map[string]string{"true": journey.Success, "false": journey.Failure}},
		}}
	}
	linked, broken := journey.Link(trees)
	if len(broken) > 0 {
		t.Fatal(broken)
	}
	return linked["Arena"]
}

// arenaEngine runs arenas, for people of whom one is known.
func arenaEngine() *journey.Engine {
	services := new(journeytest.Realm).Services()
	services.Agents = journeytest.Demo(username, password)
	services.Terms = &journey.Terms{Version: "1", Text: map[string]string{"en": "Be kind."}}
	services.Questions = []journey.Question{{ID: "1", Text: map[string]string{"en": "Favourite colour?"}}}
	return journey.NewEngine(journey.EngineConfig{Users: demo(), Services: services, Logger: slog.New(slog.DiscardHandler)})
}

// demo is the only user of arenas.
func demo() journeytest.Users {
	users := journeytest.Demo(username, password)
	users[0].Attributes = map[string][]string{"mail": {mail}, "age": {"42"}, "preferences/marketing": {"true"}}
	return users
}

// mailbox is a user with an address.
func mailbox(name, password string) journeytest.Users {
	users := journeytest.Demo(name, password)
	users[0].Attributes = map[string][]string{"mail": {name + "@example.com"}}
	return users
}

// secretStates are what a hostile client may have brought about before: a known
// user's name, a password that is not theirs, and a one-time password that was
// mailed to the user.
var secretStates = map[string]map[string]any{
	"nothing":          nil,
	"an empty":         {journey.KeyPassword: ""},
	"a wrong password": {journey.KeyPassword: "wrong"},
	"another type":     {journey.KeyPassword: true},
	"an object":        {journey.KeyPassword: map[string]any{"$ne": ""}},
	"a mailed code":    mailedCode(),
}

// otp is the one-time password of mailedCode.
const otp = "07081979"

func mailedCode() map[string]any {
	return map[string]any{
		"oneTimePassword": otp, "oneTimePasswordTimestamp": int(time.Now().Unix()), "oneTimePasswordUser": username,
	}
}

func newSnapshot(secure map[string]any) *journey.Snapshot {
	now := time.Now()
	return &journey.Snapshot{
		ID: journey.NewID(), Start: journey.Start{Realm: "/"}, Tree: "Arena", Started: now, Deadline: now.Add(time.Minute),
		Shared: map[string]any{
			journey.KeyUsername:         username,
			journey.KeyObjectAttributes: map[string]any{"userName": username, "mail": mail},
		},
		Secure: secure,
	}
}

// SECURITY 1: a stage that could be passed with an empty POST let anybody in
// (authentik CVE-2026-49448). Every node of the registry gets every hostile
// answer, through the engine, for as long as it asks. Nobody is ever signed in.
//
// There are two journeys for each. In the first every outcome leads to
// success: no node but one that was given the right credentials may identify
// somebody. A node that identifies whom the client names is no match for that,
// and is tried in the second only. In the second a user was identified before,
// and only the outcomes that prove something lead to success: they must not be
// reached. Since the tests are made of the registry, a new node cannot forget
// them.
func TestEveryNodeWithstandsHostileAnswers(t *testing.T) {
	engine := arenaEngine()
	for _, spec := range nodes.All() {
		t.Run(spec.Name, func(t *testing.T) {
			for _, identified := range []bool{false, true} {
				if spec.Names && !identified {
					continue
				}
				tree := arena(t, spec, !identified)
				for state, secure := range secretStates {
					s := newSnapshot(secure)
					if identified {
						s.Subject = username
					}
					h := &attack{T: t, engine: engine, spec: spec, tree: tree, subject: s.Subject}
					h.run(s, state, 0)
					if h.tries == 0 {
						t.Error("nothing was tried")
					}
				}
			}
		})
	}
}

// attack answers a journey in every hostile way.
type attack struct {
	*testing.T
	engine  *journey.Engine
	spec    nodes.Spec
	tree    *journey.Tree
	subject string
	tries   int
}

// maxDepth is how many hostile answers in a row are tried.
const maxDepth = 2

// run begins a journey, or answers it with everything hostile. History says
// how it came here.
func (a *attack) run(s *journey.Snapshot, history string, depth int) {
	if s.Node == "" {
		a.try(s, history, nil, depth)
		return
	}
	for name, raw := range journeytest.Hostile(s.Asked) {
		a.try(s, history+", "+name, raw, depth)
	}
}

func (a *attack) try(s *journey.Snapshot, history string, raw json.RawMessage, depth int) {
	a.tries++
	next := *s
	client := &journey.Client{
		Header:  http.Header{"X-Openam-Username": {username}},
		Cookies: []*http.Cookie{{Name: "session-jwt", Value: "e30.e30"}},
	}
	result, err := a.engine.Advance(a.Context(), a.tree, &next, journey.Turn{Client: client, Answers: raw})
	a.documented(&next)
	switch {
	case result.Succeeded != nil:
		a.Fatalf("%s: signed in as %s", history, result.Succeeded.Subject.Username)
	case next.Subject != a.subject:
		a.Fatalf("%s: identified as %q", history, next.Subject)
	case err == nil && (result.Asked && depth < maxDepth || result.Suspended != nil && depth == 0):
		// Deeper only along answers that were taken, and not from each of them.
		if depth == 0 || a.tries%17 == 0 {
			a.run(&next, history, depth+1)
		}
	case err != nil && strings.Contains(err.Error(), "panicked"):
		a.Errorf("%s: %v", history, err)
	case errors.Is(err, callback.ErrAnswer) && strings.Contains(err.Error(), "jndi"):
		a.Errorf("%s: the error repeats the answer: %v", history, err)
	}
}

// documented fails the test if the node asks with a callback that its Spec
// does not list.
func (a *attack) documented(s *journey.Snapshot) {
	if _, ok := a.spec.New().(nodes.Parent); ok {
		return
	}
	for _, item := range s.Asked {
		if name := item.Callback.Type(); !slices.Contains(a.spec.Callbacks, name) {
			a.Fatalf("it asks with a %s, which its Spec does not list", name)
		}
	}
}

// A node that says it identifies whom the client names does so, and whom else
// would be its own mistake.
func TestNamingNodesIdentifyWhoIsNamed(t *testing.T) {
	for _, spec := range nodes.All() {
		if !spec.Names {
			continue
		}
		s := newSnapshot(nil)
		result, err := arenaEngine().Advance(t.Context(), arena(t, spec, true), s, journey.Turn{})
		if err != nil || result.Succeeded == nil || result.Succeeded.Subject.ID != username {
			t.Errorf("%s: %+v, error %v", spec.Name, result, err)
		}
	}
}

// The attack above must be able to succeed, or it proves nothing: whoever has
// all that it takes does, for each node that proves something.
func TestHostileArenaCanBeWon(t *testing.T) {
	engine := arenaEngine()
	secure := mailedCode()
	secure[journey.KeyPassword] = password
	client := &journey.Client{Cookies: []*http.Cookie{persistentCookie(t, exampleOfType(t, "SetPersistentCookieNode"))}}
	for _, spec := range nodes.All() {
		if len(spec.Proves) == 0 {
			continue
		}
		s, tree := newSnapshot(secure), arena(t, spec, false)
		var result journey.Result
		var err error
		var answers json.RawMessage
		for range 3 {
			result, err = engine.Advance(t.Context(), tree, s, journey.Turn{Client: client, Answers: answers})
			if result.Suspended != nil { // the link is followed
				s.Suspended = &journey.Suspension{At: time.Now(), Until: s.Deadline}
			}
			if err != nil || result.Succeeded != nil || result.Failed != nil {
				break
			}
			answers = journeytest.Answers(s.Asked, otp)
		}
		if err != nil || result.Succeeded == nil {
			t.Errorf("%s: %+v, error %v", spec.Name, result, err)
		}
	}
}

func exampleOfType(tb testing.TB, typ string) journey.Node {
	tb.Helper()
	spec, ok := nodes.ByType(typ)
	if !ok {
		tb.Fatalf("%s is not there", typ)
	}
	return exampleOf(tb, spec)
}
