package journey

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/amgate/amgate/identity"
	"github.com/amgate/amgate/journey/callback"
)

// walk is one step of a journey on its way through a tree.
type walk struct {
	engine  *Engine
	tree    *Tree
	at      string // the node to call next
	client  *Client
	answers []callback.Callback // for the first node only
	state   *State
	snap    Snapshot       // becomes the caller's if all goes well
	subject *identity.User // whom this step identified, nil if none
}

// run calls node after node until one asks or the journey ends.
func (w *walk) run(ctx context.Context) (Result, error) {
	var visited []string
	for len(visited) < MaxVisits {
		switch w.at {
		case Success:
			return w.succeed(ctx)
		case Failure:
			return Result{Failed: &Failed{FailureURL: w.state.String(KeyFailureURL)}}, nil
		}
		placed := w.tree.Nodes[w.at]
		if placed == nil {
			return Result{}, w.fail("it is no longer part of the journey")
		}
		visited = append(visited, w.at)
		action, err := w.process(ctx, placed)
		if err != nil {
			return Result{}, w.fail("%w", err)
		}
		w.answers = nil
		w.learn(action)
		if action.Asks() {
			return Result{Asked: true}, w.ask(placed, action)
		}
		next, err := placed.follow(action.outcome)
		if err != nil {
			return Result{}, w.fail("%w", err)
		}
		w.at = next
	}
	return Result{}, fmt.Errorf("journey %s: %d nodes were visited without asking anything; there is a loop among: %s",
		w.tree.Name, MaxVisits, strings.Join(distinct(visited[MaxVisits/2:]), ", "))
}

// fail is an error that says where the journey was.
func (w *walk) fail(format string, args ...any) error {
	return fmt.Errorf("journey %s: node %s: "+format, append([]any{w.tree.Name, w.at}, args...)...)
}

// process calls a node. A panic in it becomes an error, and a line in the log
// with what is safe to tell: a panic's own value may hold an answer.
func (w *walk) process(ctx context.Context, p *Placed) (action Action, err error) {
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
	return p.Node.Process(ctx, &Input{
		Realm:     w.snap.Realm,
		Journey:   w.tree.Name,
		NodeID:    p.ID,
		JourneyID: w.snap.ID.String(),
		Step:      w.snap.Step,
		Client:    w.client,
		Users:     w.engine.users,
		Answers:   w.answers,
		State:     w.state,
	})
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
func (w *walk) learn(a Action) {
	if a.subject != nil {
		w.subject, w.snap.Subject = a.subject, a.subject.ID
	}
	for name, value := range a.properties {
		if w.snap.Properties == nil {
			w.snap.Properties = make(map[string]string, len(a.properties))
		}
		w.snap.Properties[name] = value
	}
	for _, name := range a.authTypes {
		if !slices.Contains(w.snap.AuthTypes, name) {
			w.snap.AuthTypes = append(w.snap.AuthTypes, name)
		}
	}
}

// ask puts into the snapshot what the client is asked and what the journey
// must remember meanwhile.
func (w *walk) ask(p *Placed, a Action) error {
	if len(a.callbacks) == 0 {
		return w.fail("it asks without a callback")
	}
	for _, item := range a.callbacks {
		if !callback.Known(item.Callback) {
			return w.fail("it asks with a callback of type %T, which cannot be kept between two steps", item.Callback)
		}
	}
	w.promote(p)
	for _, drawer := range []map[string]any{w.state.shared, w.state.secure} {
		for key, value := range drawer {
			if !isJSON(value) {
				return w.fail("the state %q holds a %T, which JSON cannot express", key, value)
			}
		}
	}
	w.snap.Node = p.ID
	w.snap.Asked = a.callbacks
	w.snap.Stage, w.snap.Header, w.snap.Description = a.stage, a.header, a.description
	w.snap.Shared, w.snap.Secure = w.state.shared, w.state.secure
	return nil
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
	for id := range w.tree.reachable(asking.ID) {
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
		return Result{Failed: &Failed{FailureURL: w.state.String(KeyFailureURL)}}, nil
	case err != nil:
		return Result{}, fmt.Errorf("journey %s: %w", w.tree.Name, err)
	case user == nil:
		w.engine.log.ErrorContext(ctx, "a journey reached success, but none of its nodes identified a user", "journey", w.tree.Name)
		return Result{Failed: &Failed{FailureURL: w.state.String(KeyFailureURL)}}, nil
	case !user.Active:
		return Result{Failed: &Failed{Message: MessageLockedOut, FailureURL: w.state.String(KeyFailureURL)}}, nil
	}
	return Result{Succeeded: &Succeeded{
		Subject:    user,
		Properties: w.snap.Properties,
		AuthTypes:  w.snap.AuthTypes,
		AuthLevel:  w.state.Int(KeyAuthLevel),
		SuccessURL: w.state.String(KeySuccessURL),
	}}, nil
}

// identified is the journey's user as the realm knows them now; nil if nobody
// was identified.
func (w *walk) identified(ctx context.Context) (*identity.User, error) {
	if w.subject != nil || w.snap.Subject == "" {
		return w.subject, nil
	}
	return w.engine.users.ByID(ctx, w.snap.Subject)
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
func distinct(list []string) []string {
	var once []string
	for _, s := range list {
		if !slices.Contains(once, s) {
			once = append(once, s)
		}
	}
	return once
}
