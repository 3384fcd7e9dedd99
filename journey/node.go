package journey

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"net/netip"
	"net/url"
	"time"

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
	// step, and never picks an outcome. A step that ended with a fault (see
	// IsFault) may be answered again; any other error ends the journey.
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

// PropertyError says which property of a node is wrong, by its name in AM's
// JSON, and what would be right.
type PropertyError struct {
	Property string
	Err      error
}

func (e *PropertyError) Error() string { return "property " + e.Property + ": " + e.Err.Error() }

// Unwrap returns what is wrong with the property.
func (e *PropertyError) Unwrap() error { return e.Err }

// Requirer is a Node that cannot work without something that the realm's
// configuration must provide. A journey with a node whose needs are not met
// is not started.
type Requirer interface {
	Needs() []Need
}

// Completer is a Node that has something to do once the journey that it took
// part in has succeeded: it says so with Action.WithHook. This is how AM's
// nodes use tree hooks.
type Completer interface {
	// Complete is called when the journey has reached Success with a user who
	// may sign in, before there is a session. The outcome of the Action does
	// not count; what it found out and its cookies do. It may be called again
	// for the same journey when the store fails at the last step. An error
	// means the same as one of Process.
	Complete(ctx context.Context, in *Input) (Action, error)
}

// Finisher is a Completer that is also called at the success of a journey that
// never came to it, or that it did not ask to be called for (AM's
// LifecycleNode).
type Finisher interface {
	Completer
	// Finishes reports whether it wants to be called so.
	Finishes() bool
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
	// Services are what else the realm lends to its nodes; never nil.
	Services *Services
	// Session is the session that the client has already; nil if none.
	Session *Session
	// Subject is the id of the user whom the journey has identified so far,
	// "" if none.
	Subject string
	// Resumed says that the client came back by the link of a suspension that
	// this node asked for. Answers is then nil.
	Resumed bool
	// Started and Deadline bound the journey.
	Started, Deadline time.Time
	// Answers are the callbacks this node asked for last, in that order,
	// with the client's input filled in; nil when the journey arrives.
	Answers []callback.Callback
	// State is what the journey has learned.
	State *State

	reach func(outcome string) int
	visit int // of this step
}

// Attempt names this visit of this node: the same answer sent twice, at once
// or after a fault, has the same name. Who has an effect outside, such as a
// mail or a counter, uses it to have the effect once.
func (in *Input) Attempt() string {
	return fmt.Sprintf("%s.%d.%d.%s", in.JourneyID, in.Step, in.visit, in.NodeID)
}

// Reach is the highest authentication level that the journey can come to if
// this node is left by an outcome; math.MaxInt if nothing bounds it.
func (in *Input) Reach(outcome string) int {
	if in.reach == nil {
		return math.MaxInt
	}
	return in.reach(outcome)
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
	// Cookies are those that the client sent, without amgate's own.
	Cookies []*http.Cookie
	// Secure says that the client speaks TLS to us.
	Secure bool
}

// Cookie is the value of the first cookie of a name.
func (c *Client) Cookie(name string) (string, bool) {
	for _, cookie := range c.Cookies {
		if cookie.Name == name {
			return cookie.Value, true
		}
	}
	return "", false
}

// Session is what nodes may know of a session that the client has already:
// never its token.
type Session struct {
	UserID, Username string
	// Journey is the name of the journey that made it.
	Journey    string
	AuthLevel  int
	Properties map[string]string
}
