package journey

import (
	"context"
	"encoding/json"
	"log/slog"
	"maps"
	"slices"

	"github.com/amgate/amgate/identity"
	"github.com/amgate/amgate/journey/callback"
)

// MaxVisits bounds how many nodes a journey may visit in one step: more is a
// loop that never asks anything.
const MaxVisits = 200

// EngineConfig is what an Engine is made of. Both fields are needed.
type EngineConfig struct {
	// Users are the realm's people.
	Users  identity.Store
	Logger *slog.Logger
}

// Engine walks journeys through their trees. It holds no journey: all that
// one learns is in its Snapshot. An Engine is safe for concurrent use.
type Engine struct {
	users identity.Store
	log   *slog.Logger
}

// NewEngine returns an engine for the journeys of one realm.
func NewEngine(cfg EngineConfig) *Engine {
	return &Engine{users: cfg.Users, log: cfg.Logger}
}

// Advance walks a journey through t, which must have passed Check, until a
// node asks the client something or an end is reached. A journey whose s.Node
// is empty begins at the entry; any other answers what its node asked, and
// answers is the client's callbacks array as sent.
//
// Every error leaves s as it was. These leave the step answerable, for the
// same client may try again: callback.ErrAnswer, store.ErrUnavailable,
// identity.ErrUnavailable, identity.ErrBusy, and ctx's own error. Any other
// ends the journey: a node that could not decide or panicked, an outcome that
// is wired nowhere, a loop. What the client answered is in no error and no
// log.
//
// A journey that reaches Success without a user, or with one who may not sign
// in, has Failed.
func (e *Engine) Advance(
	ctx context.Context, t *Tree, s *Snapshot, c *Client, answers json.RawMessage,
) (Result, error) {
	w, err := e.newWalk(t, s, c, answers)
	if err != nil {
		return Result{}, err
	}
	result, err := w.run(ctx)
	if err != nil {
		return Result{}, err
	}
	*s = w.snap
	return result, nil
}

// newWalk prepares a step: a copy of the snapshot, at the node that comes
// first, with the answers filled in.
func (e *Engine) newWalk(t *Tree, s *Snapshot, c *Client, answers json.RawMessage) (*walk, error) {
	w := &walk{
		engine: e,
		tree:   t,
		at:     t.Entry,
		client: c.preferring(s.Params.Locale),
		state:  NewState(s.Shared, s.Secure),
		snap:   *s,
	}
	w.snap.Properties = maps.Clone(s.Properties)
	w.snap.AuthTypes = slices.Clone(s.AuthTypes)
	if s.Node == "" {
		w.state.PutShared(KeyRealm, s.Realm)
		w.state.PutShared(KeyAuthLevel, 0)
		return w, nil
	}
	filled, err := s.Asked.Answer(answers)
	if err != nil {
		return nil, err
	}
	w.at = s.Node
	w.snap.Step++
	w.answers = make([]callback.Callback, len(filled))
	for i, item := range filled {
		w.answers[i] = item.Callback
	}
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
