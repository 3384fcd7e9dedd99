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

	// The rest is for NewMemory. Table holds the journeys; nil for one of its
	// own.
	Table *Table
	// SurviveNodeLoss lets other nodes take over the journeys of a node that is
	// gone, from what their authIds carry.
	SurviveNodeLoss bool
	// Nodes are the others; nil for none.
	Nodes Nodes
}

// Nodes tells what a keeper of journeys in memory must know of the nodes that
// have them. Affinities are those of package affinity.
type Nodes interface {
	// Pinned returns the affinity of a journey that goes on in this process.
	Pinned(affinity string) string
	// Elsewhere returns an error, which Keeper.Step then returns, if a step
	// should be answered by the node that the affinity of its journey names:
	// because that node is there, and not about to leave unless leaving counts,
	// too. It is asked of journeys that this process does not hold.
	Elsewhere(ctx context.Context, affinity string, leaving bool) error
}

// alone are the nodes of a process without others.
type alone struct{}

func (alone) Pinned(affinity string) string                 { return affinity }
func (alone) Elsewhere(context.Context, string, bool) error { return nil }

// Keeper is a journey.Keeper. There are three kinds, which differ in where a
// journey rests between two steps.
type Keeper struct {
	scheme  scheme
	records *records
	ids     authIDs
	locks   *locks
	// salt tells what this process finishes from what others do; nil where
	// each journey has its own.
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
	// then, unless nil, is done once ops are committed, with their revision if
	// it is the keeper who commits them; yield, unless nil, if the record has
	// changed; doubt, unless nil, if they are to end the journey and it is not
	// known whether they are.
	then         func(revision int64)
	yield, doubt func()
}

// refused says what it means that the ops were not committed.
func (c change) refused(err error) error {
	if isConflict(err) {
		if c.yield != nil {
			c.yield()
		}
		return fmt.Errorf("%w: %w", journey.ErrUsed, err)
	}
	return err
}

func (c change) done(revision int64) {
	if c.then != nil {
		c.then(revision)
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
	// answered is the allowlist state of the step that is being answered, and
	// suspends the key of the link that the answer leads to.
	answered string
	suspends store.Key

	// first, opening, latest and epoch are as in stored. start is first for a
	// journey in memory, and held says that it is there. moves says that its
	// record must be written with the next step, carried that other nodes may
	// take the journey over from an authId.
	first   json.RawMessage
	start   *resting
	held    bool
	moves   bool
	carried bool
	opening bool
	latest  time.Time
	epoch   int
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
		ids: authIDs{
			keys: cfg.Keys, sealer: cfg.Keys.Sealer(purposeJourney), kind: kind, noAllowlisting: cfg.NoAllowlisting,
		},
		locks: new(locks),
		salt:  newSalt(),
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
	if k.salt != nil {
		s.Salt = k.salt
	}
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
		c.ops = append(c.ops, k.records.replace(from.link, marking{Mark: markResumed, Allow: s.Allow}.encode(), from.link.expires)...)
	}
	if len(c.ops) > 0 {
		from.left = s.Allow
	}
	revision, err := k.records.commit(ctx, c.ops)
	if err != nil {
		return c.refused(err)
	}
	c.done(revision)
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
	switch {
	case commit == nil:
		_, err = k.records.commit(ctx, c.ops)
	case s.Doubted:
		err = k.finishAgain(ctx, commit, c.ops)
	default:
		err = commit(ctx, c.ops...)
	}
	if errors.Is(err, store.ErrUnavailable) && commit != nil {
		s.Doubted = true
		c.doubted()
	}
	if err != nil {
		return c.refused(err)
	}
	c.done(0)
	s.Ended = true
	return nil
}

// finishAgain commits the end of a journey after a commit in doubt. What was to
// be created may be there already; then nothing of this commit was applied, and
// the journey's own part of it is still to be.
func (k *Keeper) finishAgain(ctx context.Context, commit journey.Commit, ops []store.Op) error {
	if err := commit(ctx, ops...); err != nil {
		return err
	}
	if _, err := k.records.commit(ctx, ops); err != nil && !isConflict(err) {
		return err
	}
	return nil
}

// end is what ends a journey. One that was never kept has nothing to end. One
// that a commit in doubt has brought to its success can no longer fail.
func (k *Keeper) end(s *journey.Snapshot, failed bool) (change, error) {
	from, ok := s.Origin.(*origin)
	if !ok {
		return change{}, nil
	}
	if failed && from.gone() {
		return change{}, journey.ErrUsed
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

func isConflict(err error) bool {
	return errors.Is(err, store.ErrConflict) || errors.Is(err, store.ErrExists)
}

func isNotFound(err error) bool { return errors.Is(err, store.ErrNotFound) }
