package keep

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/amgate/amgate/journey"
	"github.com/amgate/amgate/store"
	"github.com/amgate/amgate/store/sealed"
	"github.com/amgate/amgate/token"
)

// ServerConfig is what a Server is made of. Both fields are needed.
type ServerConfig struct {
	// Store is the CTS.
	Store store.Store
	// Keys are the realm's.
	Keys *token.Keys
}

// Server keeps journeys in the shared store, so that any node can answer any
// step. A step is consumed by a compare-and-swap of the journey's record.
//
// A commit that fails with store.ErrUnavailable may have happened. This node
// remembers for a while how the journey was before, so that the client can
// send the step again to it; on another node such a step counts as answered.
type Server struct {
	store store.Store
	codec *sealed.Codec
	ids   authIDs
	locks locks
	// doubts are the commits of which nobody knows whether they happened.
	doubts doubts
}

var _ journey.Keeper = (*Server)(nil)

// NewServer returns a keeper for the realm of the keys.
func NewServer(cfg ServerConfig) (*Server, error) {
	if cfg.Store == nil || cfg.Keys == nil {
		return nil, errors.New("keep: a server keeper needs a store and its realm's keys")
	}
	var keys []sealed.Key
	for _, k := range cfg.Keys.SealKeys() {
		keys = append(keys, sealed.Key{ID: k.ID, Key: k.Key})
	}
	codec, err := sealed.New(keys)
	if err != nil {
		return nil, fmt.Errorf("keep: %w", err)
	}
	return &Server{
		store:  cfg.Store,
		codec:  codec,
		ids:    authIDs{keys: cfg.Keys, kind: token.CTSAuth},
		doubts: newDoubts(),
	}, nil
}

// recordKey is where a journey lies in the store: "j/" and 20 bytes of a hash
// of its id in base64url. Who reads the store cannot name a journey to us.
func recordKey(id journey.ID) store.Key {
	sum := sha256.Sum256(append([]byte("amgate journey\x00"), id[:]...))
	return store.Key("j/" + base64.RawURLEncoding.EncodeToString(sum[:20]))
}

// Begin implements journey.Keeper.
func (k *Server) Begin(ctx context.Context, s *journey.Snapshot) (string, error) {
	return k.keep(ctx, s)
}

// keep makes s the journey's only answerable step, in the place of the one
// that was loaded, if there was one.
func (k *Server) keep(ctx context.Context, s *journey.Snapshot) (string, error) {
	s.Allow = newAllow()
	plain, err := encode(s)
	if err != nil {
		return "", err
	}
	authID, err := k.ids.sign(s)
	if err != nil {
		return "", err
	}
	key := recordKey(s.ID)
	value := k.codec.Seal(key, plain)
	ops := []store.Op{store.Create(key, value, s.Deadline)}
	if s.Revision != 0 {
		ops = []store.Op{store.Check(key, s.Revision), store.Put(key, value, s.Deadline)}
	}
	if s.Revision, err = k.store.Commit(ctx, ops...); err != nil {
		return "", mapConflict(err)
	}
	return authID, nil
}

// Step implements journey.Keeper.
func (k *Server) Step(
	ctx context.Context, realm, authID string, fn func(context.Context, *journey.Snapshot) error,
) (string, error) {
	o, err := k.ids.open(realm, authID)
	if err != nil {
		return "", err
	}
	if !o.ours {
		return "", journey.ErrExpired
	}
	release, err := k.locks.acquire(ctx, o.id)
	if err != nil {
		return "", err
	}
	defer release()

	s, before, err := k.load(ctx, o)
	if err != nil {
		return "", err
	}
	next, err := k.answer(ctx, s, fn)
	switch {
	case errors.Is(err, store.ErrUnavailable):
		k.doubts.add(s, before)
	case err == nil, errors.Is(err, journey.ErrUsed):
		k.doubts.settle(s.ID)
	}
	return next, err
}

// load reads the journey's record and judges whether o answers what it asks.
// It also returns the snapshot's encoded form. A record that was changed by a
// commit in doubt does not count: nobody has seen what that led to.
func (k *Server) load(ctx context.Context, o opened) (*journey.Snapshot, []byte, error) {
	key := recordKey(o.id)
	rec, _, err := k.store.Get(ctx, key, store.Fresh)
	switch {
	case errors.Is(err, store.ErrNotFound):
		if s, plain := k.doubts.finished(o); s != nil {
			return s, plain, nil
		}
		return nil, nil, journey.ErrExpired
	case err != nil:
		return nil, nil, err
	}
	plain, err := k.codec.Open(key, rec.Value)
	if err != nil {
		return nil, nil, fmt.Errorf("keep: the record of a journey: %w", err)
	}
	s, err := decode(plain)
	if err != nil {
		return nil, nil, err
	}
	s.Revision = rec.Revision
	if err = o.judge(s); errors.Is(err, journey.ErrUsed) {
		if before, plain := k.doubts.stepped(o, s); before != nil {
			return before, plain, nil
		}
	}
	return s, plain, err
}

// answer walks the journey on and keeps where it came to.
func (k *Server) answer(
	ctx context.Context, s *journey.Snapshot, fn func(context.Context, *journey.Snapshot) error,
) (string, error) {
	if err := fn(ctx, s); err != nil || s.Ended {
		return "", err
	}
	return k.keep(ctx, s)
}

// Finish implements journey.Keeper.
func (k *Server) Finish(ctx context.Context, s *journey.Snapshot, commit journey.Commit) error {
	if s.Ended {
		return journey.ErrUsed
	}
	var ops []store.Op
	if s.Revision != 0 {
		key := recordKey(s.ID)
		ops = []store.Op{store.Check(key, s.Revision), store.Delete(key)}
	}
	var err error
	switch {
	case commit != nil:
		err = commit(ctx, ops...)
	case len(ops) > 0:
		_, err = k.store.Commit(ctx, ops...)
	}
	if err != nil {
		return mapConflict(err)
	}
	s.Ended = true
	return nil
}

// mapConflict says what it means that a journey's record has changed.
func mapConflict(err error) error {
	if errors.Is(err, store.ErrConflict) {
		return fmt.Errorf("%w: %w", journey.ErrUsed, err)
	}
	return err
}

// Resume implements journey.Keeper.
func (*Server) Resume(context.Context, string, string, func(context.Context, *journey.Snapshot) error) (string, error) {
	return "", journey.ErrNotSuspended
}
