package journey

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/amgate/amgate/identity"
	"github.com/amgate/amgate/journey/callback"
)

// actionKind tells what an Action does.
type actionKind uint8

const (
	actionGoto actionKind = iota + 1
	actionAsk
	actionSuspend
)

// Action is what a node decided: a value, made by Goto, Ask or Suspend and
// extended by the With methods.
type Action struct {
	kind        actionKind
	outcome     string
	callbacks   callback.List
	suspension  suspension
	stage       string
	header      string
	description string

	subject  *identity.User
	findings Findings
	dropped  []string // properties
	duration time.Duration
	hook     bool
	hooks    []string
	cookies  []*http.Cookie
}

// suspension is what Suspend adds.
type suspension struct {
	duration time.Duration
	send     Send
}

// Send tells the user the link by which a suspended journey goes on. It runs
// after the journey is kept and after the client has its answer, perhaps more
// than once until it returns nil. It must not keep link anywhere else: who has
// it can go on with the journey.
type Send func(ctx context.Context, link string) error

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

// Suspend stops the journey until somebody follows its link, for at most d; 0
// is the realm's own bound. The client is shown message. When the link is
// followed the node is called again, with Input.Resumed. Nothing else can
// continue the journey: no answer to the step that the client sees. send is
// nil if nobody is to be told the link: the client must not learn that.
func Suspend(message string, d time.Duration, send Send) Action {
	a := Ask(callback.SuspendedTextOutput{Message: message, MessageType: callback.Information})
	a.kind, a.suspension = actionSuspend, suspension{duration: d, send: send}
	return a
}

// WithSubject says whom the node found the user to be. The last one counts.
func (a Action) WithSubject(u *identity.User) Action { a.subject = u; return a }

// WithAuthType adds a name to the session's AuthType, such as "DataStore".
func (a Action) WithAuthType(name string) Action {
	a.findings.AuthTypes = append(slices.Clip(a.findings.AuthTypes), name)
	return a
}

// WithProperty sets a property of the session that a successful journey
// creates.
func (a Action) WithProperty(name, value string) Action {
	a.findings.Properties = with(a.findings.Properties, name, value)
	return a
}

// WithoutProperty drops a property that an earlier node set.
func (a Action) WithoutProperty(name string) Action {
	a.dropped = append(slices.Clip(a.dropped), name)
	return a
}

// WithSessionTimes bounds the session that a successful journey creates: its
// whole life and its idle time. 0 leaves a bound as it is.
func (a Action) WithSessionTimes(maxTime, idleTime time.Duration) Action {
	if maxTime > 0 {
		a.findings.MaxTime = maxTime
	}
	if idleTime > 0 {
		a.findings.IdleTime = idleTime
	}
	return a
}

// WithDuration sets how long the whole journey may take from its start, from
// now on.
func (a Action) WithDuration(d time.Duration) Action { a.duration = d; return a }

// WithWebhook names a webhook of the realm to be called when the session that
// a successful journey creates ends.
func (a Action) WithWebhook(name string) Action {
	a.findings.Webhooks = append(slices.Clip(a.findings.Webhooks), name)
	return a
}

// WithHook asks that the node, a Completer, be called when the journey has
// succeeded.
func (a Action) WithHook() Action { a.hook = true; return a }

// WithSuccessDetails adds members to the reply that reports success.
func (a Action) WithSuccessDetails(details map[string]any) Action {
	a.findings.SuccessDetails = withAll(a.findings.SuccessDetails, details)
	return a
}

// WithSuccessProperty adds a session property to the reply that reports
// success, as the member of that name.
func (a Action) WithSuccessProperty(member, property string) Action {
	a.findings.SuccessProperties = with(a.findings.SuccessProperties, member, property)
	return a
}

// WithFailureDetails says what the client is told if the journey fails: a
// message instead of AM's, unless it is "", and further members.
func (a Action) WithFailureDetails(message string, details map[string]any) Action {
	if message != "" {
		a.findings.FailureMessage = message
	}
	a.findings.FailureDetails = withAll(a.findings.FailureDetails, details)
	return a
}

// WithErrorDetails is WithFailureDetails for a journey that ends with an
// error.
func (a Action) WithErrorDetails(message string, details map[string]any) Action {
	if message != "" {
		a.findings.ErrorMessage = message
	}
	a.findings.ErrorDetails = withAll(a.findings.ErrorDetails, details)
	return a
}

// WithCookie sets a cookie with the reply to this step.
func (a Action) WithCookie(c *http.Cookie) Action {
	a.cookies = append(slices.Clip(a.cookies), c)
	return a
}

// WithFindings takes over what another action found out: everything but what
// it decided and what it showed. A node that is made of others uses it to pass
// on what they learned; node is the id under which the other one is called if
// it asked for a hook, see Input.NodeID.
func (a Action) WithFindings(from Action, node string) Action {
	if from.subject != nil {
		a.subject = from.subject
	}
	if from.duration != 0 {
		a.duration = from.duration
	}
	a.findings = a.findings.clone()
	a.findings.add(from.findings)
	a.dropped = append(slices.Clip(a.dropped), from.dropped...)
	a.cookies = append(slices.Clip(a.cookies), from.cookies...)
	a.hooks = append(slices.Clip(a.hooks), from.hooks...)
	if from.hook {
		a.hooks = append(a.hooks, node)
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

// Callbacks are what an Ask or a Suspend shows; nil for a Goto.
func (a Action) Callbacks() callback.List { return a.callbacks }

// Subject is whom the node identified, nil if nobody.
func (a Action) Subject() *identity.User { return a.subject }

// Asks reports whether the action sends callbacks and waits for the answers.
func (a Action) Asks() bool { return a.kind == actionAsk }

// Suspends reports whether the action suspends the journey, for how long, and
// how its link is sent.
func (a Action) Suspends() (d time.Duration, send Send, ok bool) {
	return a.suspension.duration, a.suspension.send, a.kind == actionSuspend
}

// Findings are what the action found out for the end of the journey. The
// result must not be changed.
func (a Action) Findings() Findings { return a.findings }

// Dropped are the session properties that the action drops.
func (a Action) Dropped() []string { return a.dropped }

// Duration is how long the journey may take from now on; 0 if the action
// leaves that as it is.
func (a Action) Duration() time.Duration { return a.duration }

// Hooked reports whether the node asked to be called at success.
func (a Action) Hooked() bool { return a.hook }

// Cookies are the cookies that go with the reply to this step.
func (a Action) Cookies() []*http.Cookie { return a.cookies }

// with is a copy of m with one more entry.
func with[V any](m map[string]V, key string, value V) map[string]V {
	return withAll(m, map[string]V{key: value})
}

// withAll is a copy of m with more entries; nil if there are none at all.
func withAll[V any](m, more map[string]V) map[string]V {
	if len(m)+len(more) == 0 {
		return nil
	}
	all := make(map[string]V, len(m)+len(more))
	maps.Copy(all, m)
	maps.Copy(all, more)
	return all
}
