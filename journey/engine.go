package journey

import (
	"context"
	"encoding/json"
	"log/slog"
	"time"

	"github.com/amgate/amgate/identity"
	"github.com/amgate/amgate/journey/callback"
)

// MaxVisits bounds how many nodes a journey may visit in one step: more is a
// loop that never asks anything.
const MaxVisits = 200

// MaxSuspensions bounds how often a journey may be suspended. Each suspension
// has a bound of its own and adds its time to the journey's, so this bounds how
// long a journey may last in all.
const MaxSuspensions = 10

// EngineConfig is what an Engine is made of.
type EngineConfig struct {
	// Users are the realm's people.
	Users identity.Store
	// Services are what nodes may use; nil for none.
	Services *Services
	// Observe is told of every node that is visited; nil for nobody. It must
	// not block.
	Observe func(context.Context, Visit)
	Logger  *slog.Logger
}

// Engine walks journeys through their trees. It holds no journey: all that
// one learns is in its Snapshot. An Engine is safe for concurrent use.
type Engine struct {
	cfg EngineConfig
	log *slog.Logger
}

// NewEngine returns an engine for the journeys of one realm.
func NewEngine(cfg EngineConfig) *Engine {
	if cfg.Services == nil {
		cfg.Services = new(Services)
	}
	if cfg.Observe == nil {
		cfg.Observe = func(context.Context, Visit) {}
	}
	return &Engine{cfg: cfg, log: cfg.Logger}
}

// Turn is the client's part in a step.
type Turn struct {
	// Client is the request; nil is one that says nothing.
	Client *Client
	// Answers are the client's callbacks array as sent.
	Answers json.RawMessage
	// Session is the session that the client has already; nil if none.
	Session *Session
}

// Advance walks a journey through t, which must be linked and have passed
// Check, until a node asks the client something, suspends the journey, or an
// end is reached. A journey whose s.Node is empty begins at the entry; one that
// is Suspended is resumed; any other answers what its node asked.
//
// Every error leaves s as it was. These leave the step answerable, for the
// same client may try again: callback.ErrAnswer, and faults (see IsFault). Any
// other is a *StoppedError and ends the journey: a node that could not decide
// or panicked, an outcome that is wired nowhere, a loop. What the client
// answered is in no error and no log.
//
// A journey that reaches Success without a user, or with one who may not sign
// in, has Failed, unless it makes no session (Params.NoSession).
func (e *Engine) Advance(ctx context.Context, t *Tree, s *Snapshot, turn Turn) (Result, error) {
	w, err := e.newWalk(t, s, turn)
	if err != nil {
		return Result{}, err
	}
	result, err := w.run(ctx)
	switch {
	case err == nil:
		*s = w.snap
		return result, nil
	case IsFault(err):
		return Result{}, err
	}
	return Result{}, &StoppedError{Err: err, Message: w.snap.ErrorMessage, Details: w.snap.ErrorDetails}
}

// newWalk prepares a step: a copy of the snapshot, at the node that comes
// first, with the answers filled in.
func (e *Engine) newWalk(t *Tree, s *Snapshot, turn Turn) (*walk, error) {
	w := &walk{
		engine:  e,
		tree:    t,
		at:      t.Entry,
		client:  turn.Client.preferring(s.Params.Locale),
		session: turn.Session,
		state:   NewState(s.Shared, s.Secure),
		snap:    *s,
	}
	w.snap.Findings = s.Findings.clone()
	switch {
	case s.Node == "":
		w.state.PutShared(KeyRealm, s.Realm)
		w.state.PutShared(KeyAuthLevel, 0)
		if s.Params.TargetLevel != 0 {
			w.state.PutShared(KeyTargetAuthLevel, s.Params.TargetLevel)
		}
		return w, nil
	case s.Suspended != nil:
		// The time of the suspension has a bound of its own, and there are at
		// most MaxSuspensions.
		w.snap.Deadline = s.Deadline.Add(time.Since(s.Suspended.At))
		w.snap.Suspended = nil
		w.resumed = true
	default:
		filled, err := s.Asked.Answer(turn.Answers)
		if err != nil {
			return nil, err
		}
		w.answers = make([]callback.Callback, len(filled))
		for i, item := range filled {
			w.answers[i] = item.Callback
		}
	}
	w.at = s.Node
	w.snap.Step++
	return w, nil
}

// preferring is a copy of the client whose first language is locale, if there
// is one.
func (c *Client) preferring(locale string) *Client {
	var wishing Client
	if c != nil {
		wishing = *c
	}
	if locale != "" {
		wishing.Languages = append([]string{locale}, wishing.Languages...)
	}
	return &wishing
}
