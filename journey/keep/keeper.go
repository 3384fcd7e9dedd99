package keep

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/amgate/amgate/journey"
	"github.com/amgate/amgate/store"
	"github.com/amgate/amgate/token"
)

// Config is what a Keeper is made of.
type Config struct {
	// Store is the CTS. Keys are the realm's. Both are needed.
	Store store.Store
	Keys  *token.Keys
	// NoAllowlisting lets a step be answered again, see the package's comment.
	// It is a risk.
	NoAllowlisting bool
	// Table holds the journeys of NewMemory; nil for one of its own.
	Table *Table
}

// Keeper is a journey.Keeper. There are three kinds, which differ in where a
// journey rests between two steps.
type Keeper struct {
	scheme  scheme
	records *records
	ids     authIDs
	locks   *locks
	// salt tells what this process finishes from what others do.
	salt []byte
}

var _ journey.Keeper = (*Keeper)(nil)

// scheme is what the kinds of Keepers differ in. The journeys that its methods
// are given have an *origin as their Origin.
type scheme interface {
	// load finds the journey that an authId names, with its origin.
	load(ctx context.Context, o opened) (*journey.Snapshot, error)
	// place gives a journey that begins, or was loaded from its suspension, a
	// place to rest in.
	place(ctx context.Context, s *journey.Snapshot) error
	// keep makes s the journey's only answerable step. Its allowlist state is
	// a new one.
	keep(s *journey.Snapshot) (authID string, c change, err error)
	// withdraw makes no step of the journey answerable.
	withdraw(s *journey.Snapshot) change
	// end ends a journey that was kept.
	end(s *journey.Snapshot, failed bool) (change, error)
}

// change is what a step changes.
type change struct {
	// ops are for the store. left is the allowlist state that they leave in
	// the record that the journey was loaded from.
	ops  []store.Op
	left string
	// then, unless nil, is done once ops are committed; doubt, unless nil, if
	// they are to end the journey and it is not known whether they are.
	then, doubt func()
}

func (c change) done() {
	if c.then != nil {
		c.then()
	}
}

func (c change) doubted() {
	if c.doubt != nil {
		c.doubt()
	}
}

// origin is where a journey was loaded from.
type origin struct {
	// id is what a commit in doubt is remembered by, before the record as it
	// was found, until when that makes sense. What no commit can leave in
	// doubt has none of them.
	id     journey.ID
	before []byte
	until  time.Time
	// ref is what the journey's client knows it by.
	ref journey.ID
	// state is the record that the journey has, of revision 0 if it has none
	// yet; link is the suspension that it was loaded from.
	state, link place
	// left is what a commit was to leave, "" if there was none.
	left string

	// first, opening and latest are as in stored. start is first for a journey
	// in memory.
	first   json.RawMessage
	start   *resting
	opening bool
	latest  time.Time
}

func originOf(s *journey.Snapshot) *origin { return s.Origin.(*origin) }

// gone reports whether a commit in doubt has removed what the journey was
// loaded from.
func (o *origin) gone() bool { return o.state.revision == gone || o.link.revision == gone }

func newKeeper(cfg Config, kind token.Kind) (*Keeper, error) {
	if cfg.Store == nil || cfg.Keys == nil {
		return nil, errors.New("keep: a keeper needs a store and its realm's keys")
	}
	r, err := newRecords(cfg.Store, cfg.Keys)
	if err != nil {
		return nil, err
	}
	return &Keeper{
		records: r,
		ids:     authIDs{keys: cfg.Keys, kind: kind, noAllowlisting: cfg.NoAllowlisting},
		locks:   new(locks),
		salt:    newSalt(),
	}, nil
}

func newSalt() []byte {
	salt := make([]byte, 16)
	rand.Read(salt) // never fails since Go 1.24
	return salt
}

// Begin implements journey.Keeper.
func (k *Keeper) Begin(ctx context.Context, s *journey.Snapshot) (string, error) {
	s.Origin = new(origin)
	if err := k.scheme.place(ctx, s); err != nil {
		return "", err
	}
	return k.keep(ctx, s)
}

// Step implements journey.Keeper.
func (k *Keeper) Step(
	ctx context.Context, realm, authID string, fn func(context.Context, *journey.Snapshot) error,
) (string, error) {
	o, err := k.ids.open(realm, authID)
	if err != nil {
		return "", err
	}
	return k.answer(ctx, o.ref, fn, func() (*journey.Snapshot, error) { return k.scheme.load(ctx, o) })
}

// answer walks the journey that load finds on and keeps where it came to.
func (k *Keeper) answer(
	ctx context.Context, id journey.ID, fn func(context.Context, *journey.Snapshot) error,
	load func() (*journey.Snapshot, error),
) (next string, err error) {
	release, err := k.locks.acquire(ctx, id)
	if err != nil {
		return "", err
	}
	defer release()
	s, err := load()
	if err != nil {
		return "", err
	}
	from := originOf(s)
	s.Salt = k.salt
	s.Doubted = s.Doubted || k.records.doubts.finishing(from.id)
	if err = fn(ctx, s); err == nil && !s.Ended {
		next, err = k.keep(ctx, s)
	}
	switch {
	case errors.Is(err, store.ErrUnavailable) && from.left != "" && from.before != nil:
		k.records.doubts.add(from.id, from.left, s.Doubted, from.before, from.until)
	case s.Doubted && !(s.Ended && from.left != ""):
		// It goes on, though a Finish may end it yet.
	case err == nil, errors.Is(err, journey.ErrUsed):
		k.records.doubts.settle(from.id)
	}
	return next, err
}

// keep makes s the journey's only answerable step, in the place of the one
// that was loaded, if there was one. The authId is made first: a step that
// cannot be answered must not replace one that can.
func (k *Keeper) keep(ctx context.Context, s *journey.Snapshot) (authID string, err error) {
	s.Allow = newAllow()
	if s.Suspended != nil {
		return k.suspend(ctx, s)
	}
	authID, c, err := k.scheme.keep(s)
	if err != nil {
		return "", err
	}
	return authID, k.apply(ctx, s, c)
}

// apply commits a change, and with it that the journey's link was followed.
func (k *Keeper) apply(ctx context.Context, s *journey.Snapshot, c change) error {
	from := originOf(s)
	if from.link != (place{}) {
		c.ops = append(c.ops, k.records.replace(from.link, encodeMark(markResumed, s.Allow), from.link.expires)...)
	}
	if len(c.ops) > 0 {
		from.left = s.Allow
	}
	if err := k.records.commit(ctx, c.ops); err != nil {
		return mapConflict(err)
	}
	c.done()
	return nil
}

// Finish implements journey.Keeper.
func (k *Keeper) Finish(ctx context.Context, s *journey.Snapshot, commit journey.Commit) error {
	if s.Ended {
		return journey.ErrUsed
	}
	c, err := k.end(s, commit == nil)
	if err != nil {
		return err
	}
	if commit != nil {
		err = commit(ctx, c.ops...)
	} else {
		err = k.records.commit(ctx, c.ops)
	}
	if errors.Is(err, store.ErrUnavailable) && commit != nil {
		s.Doubted = true
		c.doubted()
	}
	if err != nil {
		return mapConflict(err)
	}
	c.done()
	s.Ended = true
	return nil
}

// end is what ends a journey. One that was never kept has nothing to end, nor
// has one that fails after a commit in doubt has ended it.
func (k *Keeper) end(s *journey.Snapshot, failed bool) (change, error) {
	from, ok := s.Origin.(*origin)
	if !ok || failed && from.gone() {
		return change{}, nil
	}
	c, err := k.scheme.end(s, failed)
	if err != nil {
		return change{}, err
	}
	from.left = c.left
	if ops := from.link.remove(); len(ops) > 0 {
		c.ops, from.left = append(c.ops, ops...), removed
	}
	return c, nil
}

// mapConflict says what it means that a journey's record has changed.
func mapConflict(err error) error {
	if errors.Is(err, store.ErrConflict) || errors.Is(err, store.ErrExists) {
		return fmt.Errorf("%w: %w", journey.ErrUsed, err)
	}
	return err
}
