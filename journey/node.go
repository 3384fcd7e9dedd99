package journey

import (
	"context"
	"maps"
	"net/http"
	"net/netip"
	"net/url"
	"slices"

	"github.com/amgate/amgate/identity"
	"github.com/amgate/amgate/journey/callback"
)

// Node is one step of a journey. It holds its configuration and nothing
// else: one value serves all journeys at once, so Process must not write to
// it. What a journey learns goes into Input.State or into the Action.
type Node interface {
	// Process decides what happens next. It is called when the journey
	// reaches the node (in.Answers is nil) and again each time the client
	// has answered what the node asked. It may block, and must return when
	// ctx ends. An error says that the node could not decide: it ends this
	// step, and never picks an outcome. A step that ended with an error that
	// wraps store.ErrUnavailable, identity.ErrUnavailable or
	// identity.ErrBusy may be answered again; any other ends the journey.
	Process(ctx context.Context, in *Input) (Action, error)
	// Outcomes lists every outcome that Process may choose.
	Outcomes() []string
}

// Declarer is a Node that says which state it touches. What a node that can
// still be reached reads survives the end of a step, even if it was only
// transient.
type Declarer interface {
	// Reads lists the keys that Process looks at.
	Reads() []string
	// Writes lists the keys that Process may set. A node that asks lists
	// only those that it has set whenever it leaves: a transient value that
	// is about to be replaced is not kept while the client answers, and so a
	// mistyped password is forgotten at once.
	Writes() []string
}

// Checker is a Node that can tell what is wrong with its configuration, when
// the journey is loaded.
type Checker interface {
	Check() error
}

// Input is what a node may know. It is valid during one call of Process.
type Input struct {
	// Realm is the path of the realm, "/" or "/alpha".
	Realm string
	// Journey and NodeID say where the journey is.
	Journey, NodeID string
	// JourneyID is random and constant for the whole journey. Step counts
	// the client's answers. Together they name an attempt: a node with an
	// effect outside (a mail, a counter) uses them to do it once.
	JourneyID string
	Step      int
	// Client is the request being answered.
	Client *Client
	// Users are the realm's people.
	Users identity.Store
	// Answers are the callbacks this node asked for last, in that order,
	// with the client's input filled in; nil when the journey arrives.
	Answers []callback.Callback
	// State is what the journey has learned.
	State *State
}

// Client is the request that carries a step: where it came from and what it
// brought along. Only what nodes may see is here: never cookies of ours, nor
// Authorization.
type Client struct {
	Address netip.Addr
	// Languages are the client's wishes, best first ("de-CH", "en").
	Languages []string
	Header    http.Header
	Query     url.Values
}

// actionKind tells what an Action does.
type actionKind uint8

const (
	actionGoto actionKind = iota + 1
	actionAsk
)

// Action is what a node decided: a value, made by Goto or Ask and extended by
// the With methods.
type Action struct {
	kind        actionKind
	outcome     string
	callbacks   callback.List
	subject     *identity.User
	properties  map[string]string
	authTypes   []string
	stage       string
	header      string
	description string
}

// Goto leaves the node by one of its outcomes.
func Goto(outcome string) Action { return Action{kind: actionGoto, outcome: outcome} }

// Ask sends callbacks to the client; the node is called again with the
// answers.
func Ask(callbacks ...callback.Callback) Action {
	list := make(callback.List, len(callbacks))
	for i, c := range callbacks {
		list[i] = callback.Item{Callback: c}
	}
	return AskList(list)
}

// AskList is Ask for callbacks that carry ids, as those of a page do.
func AskList(list callback.List) Action { return Action{kind: actionAsk, callbacks: list} }

// WithSubject says whom the node found the user to be. The last one counts.
func (a Action) WithSubject(u *identity.User) Action { a.subject = u; return a }

// WithAuthType adds a name to the session's AuthType, such as "DataStore".
func (a Action) WithAuthType(name string) Action {
	a.authTypes = append(slices.Clip(a.authTypes), name)
	return a
}

// WithProperty sets a property of the session that a successful journey
// creates.
func (a Action) WithProperty(name, value string) Action {
	properties := make(map[string]string, len(a.properties)+1)
	maps.Copy(properties, a.properties)
	properties[name] = value
	a.properties = properties
	return a
}

// WithFindings takes over what another action found out: its subject, auth
// types and properties, but not what it decided. A node that is made of
// others uses it to pass on what they learned.
func (a Action) WithFindings(from Action) Action {
	if from.subject != nil {
		a.subject = from.subject
	}
	for _, name := range from.authTypes {
		a = a.WithAuthType(name)
	}
	for name, value := range from.properties {
		a = a.WithProperty(name, value)
	}
	return a
}

// WithPage gives the step its stage, header and description; empty ones are
// left out of the reply.
func (a Action) WithPage(stage, header, description string) Action {
	a.stage, a.header, a.description = stage, header, description
	return a
}

// Outcome is the outcome a Goto chose; empty for an Ask.
func (a Action) Outcome() string { return a.outcome }

// Callbacks are what an Ask asks; nil for a Goto.
func (a Action) Callbacks() callback.List { return a.callbacks }

// Subject is whom the node identified, nil if nobody.
func (a Action) Subject() *identity.User { return a.subject }

// Asks reports whether the action sends callbacks.
func (a Action) Asks() bool { return a.kind == actionAsk }
