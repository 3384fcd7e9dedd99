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
	node := furnished(t, exampleOf(t, spec))
	if err := check(node); err != nil {
		t.Fatalf("the example of %s is not valid: %v", spec.Name, err)
	}
	return node
}

// setups are the example of a node, the node with AM's defaults, and, if it
// decides, a page that asks for name and password and ends in it; those of them
// with which a journey can be loaded.
func setups(t *testing.T, spec nodes.Spec) map[string]journey.Node {
	t.Helper()
	all := map[string]journey.Node{"example": fixture(t, spec)}
	plain := furnished(t, spec.New())
	if err := check(plain); err != nil {
		t.Logf("with its defaults alone it is refused: %v", err)
	} else {
		all["defaults"] = plain
	}
	if len(plain.Outcomes()) == 1 {
		return all
	}
	page := new(nodes.Page)
	if err := page.Add(nodes.Child{ID: "last", Type: spec.Type, Node: exampleOf(t, spec)}); err != nil {
		t.Log(err)
		return all
	}
	last := page.Children
	page.Children = nil
	furnished(t, page)
	if page.Children = append(page.Children, last...); check(page) == nil {
		all["page"] = page
	}
	return all
}

// check tells what is wrong with a node's configuration.
func check(node journey.Node) error {
	if ch, ok := node.(journey.Checker); ok {
		return ch.Check()
	}
	return nil
}

// furnished is a node with children, if it takes them.
func furnished(t *testing.T, node journey.Node) journey.Node {
	t.Helper()
	if parent, ok := node.(nodes.Parent); ok {
		for _, child := range []nodes.Child{{ID: "name", Node: new(nodes.Username)}, {ID: "pass", Node: new(nodes.Password)}} {
			if err := parent.Add(child); err != nil {
				t.Fatal(err)
			}
		}
	}
	return node
}

const (
	username = "demo"
	password = "Ch4ng31t"
	mail     = "demo@example.com"
	// attacker is the mailbox of who attacks.
	attacker = "attacker@evil.example"
)

// arena is a minimal journey around one node: what it proves something by leads to
// success, all else to failure. With all true, everything leads to success. An
// inner journey is one that checks the password.
func arena(t *testing.T, spec nodes.Spec, node journey.Node, all bool) *journey.Tree {
	t.Helper()
	next := map[string]string{}
	for _, outcome := range node.Outcomes() {
		next[outcome] = journey.Failure
		if all || slices.Contains(spec.Proves, outcome) { // of a node that proves nothing as it is, too
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

// arenaEngine runs arenas, for people of whom one is known, in a realm.
func arenaEngine(r *journeytest.Realm) *journey.Engine {
	services := r.Services()
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
	"a mailed code":    mailedCode(username),
	ownCode:            mailedCode(""),
}

// ownCode is the state in which the one-time password was mailed to an address
// that the attacker typed: the attacker knows it.
const ownCode = "an own code"

// otp is the one-time password of mailedCode.
const otp = "07081979"

func mailedCode(to string) map[string]any {
	return map[string]any{
		"oneTimePassword": otp, "oneTimePasswordTimestamp": int(time.Now().Unix()), "oneTimePasswordUser": to,
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
// reached. Nodes are tried as in their example, with AM's defaults and at the end
// of a page, and the attacker has typed the user's address, or an own one: a link that is mailed
// there is followed. Since the tests are made of the registry, a new node cannot
// forget them.
func TestEveryNodeWithstandsHostileAnswers(t *testing.T) {
	for _, spec := range nodes.All() {
		t.Run(spec.Name, func(t *testing.T) {
			for options, node := range setups(t, spec) {
				for _, identified := range []bool{false, true} {
					if spec.Names && !identified {
						continue
					}
					h := &attack{T: t, spec: spec, tree: arena(t, spec, node, !identified)}
					h.engine = arenaEngine(&h.realm)
					h.everywhere(options, identified)
				}
			}
		})
	}
}

// everywhere attacks in all states that an attacker may have brought about.
func (a *attack) everywhere(options string, identified bool) {
	for state, secure := range secretStates {
		for _, typed := range []string{mail, attacker} {
			if typed == attacker && secure != nil {
				continue // the two do not go together
			}
			s := newSnapshot(secure)
			s.Shared[journey.KeyObjectAttributes] = map[string]any{"userName": username, "mail": typed}
			if identified {
				s.Subject = username
			}
			a.subject, a.knowsOTP, a.tries = s.Subject, state == ownCode, 0
			a.run(s, options+", "+state+", "+typed, 0)
			if a.tries == 0 {
				a.Error("nothing was tried")
			}
		}
	}
}

// attack answers a journey in every hostile way.
type attack struct {
	*testing.T
	engine   *journey.Engine
	realm    journeytest.Realm
	spec     nodes.Spec
	tree     *journey.Tree
	subject  string
	knowsOTP bool
	tries    int
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
	if a.knowsOTP {
		a.try(s, history+", the code", journeytest.Answers(s.Asked, otp), depth)
	}
	for name, raw := range journeytest.Hostile(s.Asked) {
		a.try(s, history+", "+name, raw, depth)
	}
}

// follow follows the link of a journey that was just suspended, if it is mailed
// to the attacker.
func (a *attack) follow(s *journey.Snapshot, suspended *journey.Suspended, history string, depth int) {
	before := len(a.realm.Mails())
	if suspended.Send != nil {
		if err := suspended.Send(a.Context(), link); err != nil {
			a.Fatalf("%s: %v", history, err)
		}
	}
	for _, m := range a.realm.Mails()[before:] {
		if m.To == attacker {
			next := *s
			next.Suspended = &journey.Suspension{At: time.Now(), Until: s.Deadline}
			a.try(&next, history+", the link", nil, depth+1)
		}
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
	case err == nil && result.Suspended != nil && depth < maxDepth:
		a.follow(&next, result.Suspended, history, depth)
		if depth == 0 {
			a.run(&next, history, depth+1)
		}
	case err == nil && result.Asked && depth < maxDepth:
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
	if at := a.tree.Nodes[s.Node]; at != nil {
		if _, page := at.Node.(nodes.Parent); page {
			return
		}
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
		result, err := arenaEngine(new(journeytest.Realm)).Advance(t.Context(), arena(t, spec, fixture(t, spec), true), s, journey.Turn{})
		if err != nil || result.Succeeded == nil || result.Succeeded.Subject.ID != username {
			t.Errorf("%s: %+v, error %v", spec.Name, result, err)
		}
	}
}

// The attack above must be able to succeed, or it proves nothing: whoever has
// all that it takes does, for each node that proves something.
func TestHostileArenaCanBeWon(t *testing.T) {
	engine := arenaEngine(new(journeytest.Realm))
	secure := mailedCode(username)
	secure[journey.KeyPassword] = password
	client := &journey.Client{Cookies: []*http.Cookie{persistentCookie(t, exampleOfType(t, "SetPersistentCookieNode"))}}
	for _, spec := range nodes.All() {
		if len(spec.Proves) == 0 {
			continue
		}
		s, tree := newSnapshot(secure), arena(t, spec, fixture(t, spec), false)
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
