package journey

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/amgate/amgate/identity"
	"github.com/amgate/amgate/journey/callback"
)

// walk is one step of a journey on its way through a tree.
type walk struct {
	engine  *Engine
	tree    *Tree
	at      string // the node to call next
	client  *Client
	session *Session
	answers []callback.Callback // for the first node only
	resumed bool                // for the first node only
	state   *State
	snap    Snapshot       // becomes the caller's if all goes well
	subject *identity.User // whom this step identified, nil if none
	visits  int
	cookies []*http.Cookie
}

// run calls node after node until one asks or the journey ends.
func (w *walk) run(ctx context.Context) (Result, error) {
	var visited []string
	for len(visited) < MaxVisits {
		switch w.at {
		case Success:
			return w.succeed(ctx)
		case Failure:
			return w.failed(""), nil
		}
		placed := w.tree.Nodes[w.at]
		if placed == nil {
			return Result{}, w.fail("it is no longer part of the journey")
		}
		visited = append(visited, w.at)
		action, err := w.visit(ctx, placed)
		if err != nil {
			if w.at, err = w.detour(placed, err); err != nil {
				return Result{}, err
			}
			continue
		}
		w.learn(placed, action)
		if action.kind == actionAsk || action.kind == actionSuspend {
			return w.ask(placed, action)
		}
		if w.at, err = placed.follow(action.outcome); err != nil {
			w.at = placed.ID
			return Result{}, w.fail("%w", err)
		}
	}
	return Result{}, fmt.Errorf("journey %s: %d nodes were visited without asking anything; there is a loop among: %s",
		w.tree.Name, MaxVisits, strings.Join(distinct(visited[MaxVisits/2:]), ", "))
}

// fail is an error that says where the journey was.
func (w *walk) fail(format string, args ...any) error {
	return fmt.Errorf("journey %s: node %s: "+format, append([]any{w.tree.Name, w.at}, args...)...)
}

// visit calls a node and tells the observer.
func (w *walk) visit(ctx context.Context, p *Placed) (Action, error) {
	began := time.Now()
	in := w.input(p.ID)
	in.Answers, in.Resumed = w.answers, w.resumed
	in.reach = func(outcome string) int { return w.reach(p, outcome) }
	action, err := w.guard(ctx, p, func() (Action, error) { return p.Node.Process(ctx, in) })
	w.answers, w.resumed = nil, false
	w.visits++
	subject := w.snap.Subject
	if action.subject != nil {
		subject = action.subject.ID
	}
	w.engine.cfg.Observe(ctx, Visit{
		Realm: w.snap.Realm, JourneyID: w.snap.ID.String(), Journey: w.tree.Name, Tree: p.tree(w.tree),
		NodeID: p.ID, Type: p.Type, Name: p.Name,
		Outcome: action.outcome, Asked: action.kind == actionAsk, Suspends: action.kind == actionSuspend,
		Err: err, Step: w.snap.Step, Subject: subject, Took: time.Since(began),
	})
	return action, err
}

// input is what a node may know, but for what the client answered.
func (w *walk) input(node string) *Input {
	return &Input{
		Realm:     w.snap.Realm,
		Journey:   w.tree.Name,
		NodeID:    node,
		JourneyID: w.snap.ID.String(),
		Step:      w.snap.Step,
		Client:    w.client,
		Users:     w.engine.cfg.Users,
		Services:  w.engine.cfg.Services,
		Session:   w.session,
		Subject:   w.snap.Subject,
		Started:   w.snap.Started,
		Deadline:  w.snap.Deadline,
		State:     w.state,
		visit:     w.visits,
	}
}

// guard calls a node. A panic in it becomes an error, and a line in the log
// with what is safe to tell: a panic's own value may hold an answer.
func (w *walk) guard(ctx context.Context, p *Placed, call func() (Action, error)) (action Action, err error) {
	if err := ctx.Err(); err != nil {
		return Action{}, err
	}
	defer func() {
		v := recover()
		if v == nil {
			return
		}
		what := fmt.Sprintf("a %T", v)
		if e, ok := v.(runtime.Error); ok {
			what = e.Error()
		}
		w.engine.log.ErrorContext(ctx, "a node panicked",
			"journey", w.tree.Name, "node", p.ID, "type", p.Type, "panic", what, "stack", string(debug.Stack()))
		action, err = Action{}, fmt.Errorf("panicked: %s", what)
	}()
	return call()
}

// detour is where a journey goes on after a node that could not decide: out of
// the innermost inner journey that has a way out for that. A fault is no
// reason to take it.
func (w *walk) detour(p *Placed, err error) (string, error) {
	failure := w.fail("%w", err)
	if p.OnError == "" || IsFault(err) || errors.Is(err, callback.ErrAnswer) {
		return w.at, failure
	}
	w.engine.log.Warn("a node of an inner journey could not decide; the journey goes on at its error outcome",
		"journey", w.tree.Name, "node", p.ID, "type", p.Type, "error", err)
	w.state.PutShared(KeyErrorNode, map[string]any{"id": p.ID, "displayName": p.Name, "type": p.Type})
	w.state.PutShared(KeyErrorMessage, "Node "+p.Name+" could not decide")
	return p.OnError, nil
}

// follow is where an outcome leads. A node that was checked when the tree was
// loaded may still choose one that it did not announce.
func (p *Placed) follow(outcome string) (string, error) {
	next, wired := p.Next[outcome]
	if outcomes := p.Node.Outcomes(); !wired || !slices.Contains(outcomes, outcome) {
		return "", fmt.Errorf("it chose the outcome %q, but its outcomes are: %s", outcome, strings.Join(outcomes, ", "))
	}
	return next, nil
}

// learn takes over what a node found out.
func (w *walk) learn(p *Placed, a Action) {
	if a.subject != nil {
		w.subject, w.snap.Subject = a.subject, a.subject.ID
	}
	if a.duration > 0 {
		w.snap.Deadline = w.snap.Started.Add(a.duration)
	}
	w.snap.Findings.add(a.findings)
	for _, name := range a.dropped {
		delete(w.snap.Properties, name)
	}
	if a.hook {
		w.snap.Hooks = union(w.snap.Hooks, []string{p.ID})
	}
	w.snap.Hooks = union(w.snap.Hooks, a.hooks)
	w.cookies = append(w.cookies, a.cookies...)
}

// ask puts into the snapshot what the client is asked, or shown while the
// journey is suspended, and what the journey must remember meanwhile.
func (w *walk) ask(p *Placed, a Action) (Result, error) {
	if len(a.callbacks) == 0 {
		return Result{}, w.fail("it asks without a callback")
	}
	for _, item := range a.callbacks {
		if !callback.Known(item.Callback) {
			return Result{}, w.fail("it asks with a callback of type %T, which cannot be kept between two steps", item.Callback)
		}
	}
	w.promote(p)
	for _, drawer := range []map[string]any{w.state.shared, w.state.secure} {
		for key, value := range drawer {
			if !isJSON(value) {
				return Result{}, w.fail("the state %q holds a %T, which JSON cannot express", key, value)
			}
		}
	}
	w.snap.Node = p.ID
	w.snap.Asked = a.callbacks
	w.snap.Stage, w.snap.Header, w.snap.Description = a.stage, a.header, a.description
	w.snap.Shared, w.snap.Secure = w.state.shared, w.state.secure
	if duration, send, ok := a.Suspends(); ok {
		if w.snap.Suspensions++; w.snap.Suspensions > MaxSuspensions {
			return Result{}, w.fail("it suspends the journey once more, after %d times", MaxSuspensions)
		}
		return Result{Suspended: &Suspended{Duration: duration, Send: send}, Cookies: w.cookies}, nil
	}
	return Result{Asked: true, Cookies: w.cookies}, nil
}

// promote moves transient values that a later node reads into the secure
// drawer, but not those that the asking node is about to set anew.
func (w *walk) promote(asking *Placed) {
	if len(w.state.transient) == 0 {
		return
	}
	var replaced []string
	if d, ok := asking.Node.(Declarer); ok {
		replaced = d.Writes()
	}
	for id := range w.tree.Reachable(asking.ID) {
		p := w.tree.Nodes[id]
		if p == nil {
			continue
		}
		d, ok := p.Node.(Declarer)
		if !ok {
			continue
		}
		for _, key := range d.Reads() {
			if v, ok := w.state.transient[key]; ok && !slices.Contains(replaced, key) {
				w.state.secure[key] = v
			}
		}
	}
}

// succeed judges a journey that has come to Success: somebody must have been
// identified, and still be allowed to sign in.
func (w *walk) succeed(ctx context.Context) (Result, error) {
	user, err := w.identified(ctx)
	switch {
	case errors.Is(err, identity.ErrNotFound):
		w.engine.log.WarnContext(ctx, "a journey's user is gone", "journey", w.tree.Name, "user", w.snap.Subject)
		return w.failed(""), nil
	case err != nil:
		return Result{}, fmt.Errorf("journey %s: %w", w.tree.Name, err)
	case user == nil && !w.snap.Params.NoSession:
		w.engine.log.ErrorContext(ctx, "a journey reached success, but none of its nodes identified a user", "journey", w.tree.Name)
		return w.failed(""), nil
	case user != nil && !user.Active:
		return w.failed(MessageLockedOut), nil
	}
	if err := w.complete(ctx); err != nil {
		return Result{}, err
	}
	return Result{
		Succeeded: &Succeeded{
			Subject:    user,
			AuthLevel:  w.state.Int(KeyAuthLevel),
			Findings:   w.snap.Findings,
			SuccessURL: w.state.String(KeySuccessURL),
		},
		Cookies: w.cookies,
	}, nil
}

// failed is the end of a journey that fails with a message: that of the
// journey's own nodes, else the one given, else what a decision left.
func (w *walk) failed(message string) Result {
	if message == "" {
		message = w.state.String(KeyLockoutMessage)
	}
	if w.snap.FailureMessage != "" {
		message = w.snap.FailureMessage
	}
	return Result{
		Failed: &Failed{
			Message: message, Details: w.snap.FailureDetails, FailureURL: w.state.String(KeyFailureURL),
		},
		Cookies: w.cookies,
	}
}

// complete calls the nodes that asked to be called at success, and those that
// always are.
func (w *walk) complete(ctx context.Context) error {
	for _, id := range union(slices.Clone(w.snap.Hooks), w.tree.finishers()) {
		p := w.tree.owner(id)
		if p == nil {
			continue // the journey was changed while it was under way
		}
		completer, ok := p.Node.(Completer)
		if !ok {
			continue
		}
		w.at = p.ID
		in := w.input(id)
		action, err := w.guard(ctx, p, func() (Action, error) { return completer.Complete(ctx, in) })
		if err != nil {
			return w.fail("at success: %w", err)
		}
		w.learn(p, action)
	}
	return nil
}

// identified is the journey's user as the realm knows them now; nil if nobody
// was identified.
func (w *walk) identified(ctx context.Context) (*identity.User, error) {
	if w.subject != nil || w.snap.Subject == "" {
		return w.subject, nil
	}
	return w.engine.cfg.Users.ByID(ctx, w.snap.Subject)
}

// reach is the authentication level that the journey can come to from an
// outcome of p.
func (w *walk) reach(p *Placed, outcome string) int {
	next, ok := p.Next[outcome]
	if !ok {
		return math.MinInt
	}
	switch gain := w.tree.gain(next); gain {
	case math.MinInt, math.MaxInt:
		return gain
	default:
		return w.state.Int(KeyAuthLevel) + gain
	}
}

// isJSON reports whether JSON can hold a value.
func isJSON(value any) bool {
	switch v := value.(type) {
	case nil, string, bool, int:
		return true
	case float64:
		return !math.IsNaN(v) && !math.IsInf(v, 0)
	}
	_, err := json.Marshal(value)
	return err == nil
}

// distinct is the list without repetitions, in order.
func distinct(list []string) []string { return union(nil, list) }
