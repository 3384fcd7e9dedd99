package journeytest

import (
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/amgate/amgate/identity"
	"github.com/amgate/amgate/journey"
	"github.com/amgate/amgate/journey/callback"
)

// NodeTest is a node at work in a journey of its own. Make one with Given,
// say what the journey knows with the With methods, call the node with
// Arrive and Answer, and look at where it led with the Want methods. Its
// State lives on from call to call.
type NodeTest struct {
	tb     testing.TB
	node   journey.Node
	input  journey.Input
	asked  callback.List
	action journey.Action
	hooked bool
	err    error
}

// Given begins the test of a node. The journey is "Test" in realm "/", which
// lends the services of a Realm, and nobody is known there.
func Given(tb testing.TB, node journey.Node) *NodeTest {
	tb.Helper()
	return &NodeTest{tb: tb, node: node, input: journey.Input{
		Realm: "/", Journey: "Test", NodeID: "node", JourneyID: journey.NewID().String(),
		Client: &journey.Client{Header: http.Header{}},
		Users:  Users(nil), Services: new(Realm).Services(), State: journey.NewState(nil, nil),
	}}
}

// WithRealm puts the journey into another realm.
func (nt *NodeTest) WithRealm(path string) *NodeTest {
	nt.input.Realm = path
	return nt
}

// WithAddress says where the client is.
func (nt *NodeTest) WithAddress(address netip.Addr) *NodeTest {
	nt.input.Client.Address = address
	return nt
}

// WithUsers makes people known in the realm.
func (nt *NodeTest) WithUsers(users identity.Store) *NodeTest {
	nt.input.Users = users
	return nt
}

// WithServices lends the services of a realm to the node.
func (nt *NodeTest) WithServices(s *journey.Services) *NodeTest {
	nt.input.Services = s
	return nt
}

// WithSession gives the client a session that it has already.
func (nt *NodeTest) WithSession(s *journey.Session) *NodeTest {
	nt.input.Session = s
	return nt
}

// WithSubject makes the journey one that has identified a user, by id.
func (nt *NodeTest) WithSubject(userID string) *NodeTest {
	nt.input.Subject = userID
	return nt
}

// WithCookie adds a cookie to the client's request.
func (nt *NodeTest) WithCookie(name, value string) *NodeTest {
	nt.input.Client.Cookies = append(nt.input.Client.Cookies, &http.Cookie{Name: name, Value: value})
	return nt
}

// WithQuery adds a query parameter to the client's request.
func (nt *NodeTest) WithQuery(name, value string) *NodeTest {
	if nt.input.Client.Query == nil {
		nt.input.Client.Query = url.Values{}
	}
	nt.input.Client.Query.Add(name, value)
	return nt
}

// WithTimes sets when the journey began and when its time is over.
func (nt *NodeTest) WithTimes(started, deadline time.Time) *NodeTest {
	nt.input.Started, nt.input.Deadline = started, deadline
	return nt
}

// WithShared puts a value into the shared state.
func (nt *NodeTest) WithShared(key string, value any) *NodeTest {
	nt.input.State.PutShared(key, value)
	return nt
}

// WithTransient puts a value into the transient state.
func (nt *NodeTest) WithTransient(key string, value any) *NodeTest {
	nt.input.State.PutTransient(key, value)
	return nt
}

// WithHeader adds a header to the client's request.
func (nt *NodeTest) WithHeader(name, value string) *NodeTest {
	nt.input.Client.Header.Add(name, value)
	return nt
}

// WithLanguages sets the client's languages, best first.
func (nt *NodeTest) WithLanguages(languages ...string) *NodeTest {
	nt.input.Client.Languages = languages
	return nt
}

// Arrive calls the node as a journey does that reaches it.
func (nt *NodeTest) Arrive() *NodeTest {
	nt.tb.Helper()
	return nt.process(nil)
}

// Resume calls the node as a journey does whose link was followed.
func (nt *NodeTest) Resume() *NodeTest {
	nt.tb.Helper()
	if _, _, ok := nt.action.Suspends(); !ok {
		nt.tb.Fatal("the node did not suspend the journey")
	}
	nt.input.Step++
	nt.input.Resumed = true
	defer func() { nt.input.Resumed = false }()
	return nt.process(nil)
}

// Complete calls the node as a journey does that has succeeded, if the node
// asked for it.
func (nt *NodeTest) Complete() *NodeTest {
	nt.tb.Helper()
	completer, ok := nt.node.(journey.Completer)
	if !ok || !nt.hooked {
		nt.tb.Fatal("the node did not ask to be called at success")
	}
	nt.action, nt.err = completer.Complete(nt.tb.Context(), &nt.input)
	return nt
}

// Answer calls the node with the client's inputs to what it asked last, one
// for each callback that has inputs, as JSON would decode them.
func (nt *NodeTest) Answer(inputs ...any) *NodeTest {
	nt.tb.Helper()
	nt.WantAsked()
	answers := make([]callback.Callback, len(nt.asked))
	for i, item := range nt.asked {
		answers[i] = item.Callback
		if len(item.Callback.Inputs()) == 0 {
			continue
		}
		if len(inputs) == 0 {
			nt.tb.Fatalf("there is no input for the %s", item.Callback.Type())
		}
		filled, err := item.Callback.Fill(map[string]any{item.Callback.Inputs()[0].Name: inputs[0]})
		if err != nil {
			nt.tb.Fatalf("%s: %v", item.Callback.Type(), err)
		}
		answers[i], inputs = filled, inputs[1:]
	}
	if len(inputs) > 0 {
		nt.tb.Fatalf("%d inputs are left over", len(inputs))
	}
	nt.input.Step++
	return nt.process(answers)
}

func (nt *NodeTest) process(answers []callback.Callback) *NodeTest {
	nt.input.Answers = answers
	nt.action, nt.err = nt.node.Process(nt.tb.Context(), &nt.input)
	nt.asked = nt.action.Callbacks()
	nt.hooked = nt.hooked || nt.action.Hooked()
	return nt
}

// WantOutcome fails the test unless the node left by this outcome.
func (nt *NodeTest) WantOutcome(outcome string) *NodeTest {
	nt.tb.Helper()
	nt.wantNoError()
	if nt.action.Asks() || nt.action.Outcome() != outcome {
		nt.tb.Fatalf("outcome %q, asked %d callbacks; want outcome %q", nt.action.Outcome(), len(nt.asked), outcome)
	}
	if !slices.Contains(nt.node.Outcomes(), outcome) {
		nt.tb.Fatalf("the node does not announce the outcome %q", outcome)
	}
	return nt
}

// WantAsked fails the test unless the node asked callbacks of these types;
// without types, unless it asked anything.
func (nt *NodeTest) WantAsked(types ...string) *NodeTest {
	nt.tb.Helper()
	nt.wantNoError()
	if !nt.action.Asks() {
		nt.tb.Fatalf("the node left by %q; want it to ask", nt.action.Outcome())
	}
	var asked []string
	for _, item := range nt.asked {
		asked = append(asked, item.Callback.Type())
	}
	if len(types) > 0 && !slices.Equal(asked, types) {
		nt.tb.Fatalf("asked %v; want %v", asked, types)
	}
	return nt
}

// WantSuspended fails the test unless the node suspended the journey.
func (nt *NodeTest) WantSuspended() *NodeTest {
	nt.tb.Helper()
	nt.wantNoError()
	if _, _, ok := nt.action.Suspends(); !ok {
		nt.tb.Fatalf("outcome %q, asked %d callbacks; want the journey suspended", nt.action.Outcome(), len(nt.asked))
	}
	return nt
}

// WantError fails the test unless the node could not decide.
func (nt *NodeTest) WantError() error {
	nt.tb.Helper()
	if nt.err == nil {
		nt.tb.Fatalf("no error, outcome %q, asked %d callbacks", nt.action.Outcome(), len(nt.asked))
	}
	return nt.err
}

// WantState fails the test unless the state holds this value.
func (nt *NodeTest) WantState(key string, want any) *NodeTest {
	nt.tb.Helper()
	if got, _ := nt.input.State.Get(key); got != want {
		nt.tb.Fatalf("state %q is %v; want %v", key, got, want)
	}
	return nt
}

// State is what the journey knows.
func (nt *NodeTest) State() *journey.State { return nt.input.State }

// Action is what the node decided last.
func (nt *NodeTest) Action() journey.Action { return nt.action }

func (nt *NodeTest) wantNoError() {
	nt.tb.Helper()
	if nt.err != nil {
		nt.tb.Fatalf("the node could not decide: %v", nt.err)
	}
}
