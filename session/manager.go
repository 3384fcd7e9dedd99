package session

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sync/singleflight"

	"github.com/amgate/amgate/store"
	"github.com/amgate/amgate/store/outbox"
	"github.com/amgate/amgate/store/sealed"
	"github.com/amgate/amgate/token"
)

// The errors of the package. Whatever else a method returns wraps
// store.ErrUnavailable and means that nothing could be decided: an outage is
// not a logout.
var (
	// ErrInvalid says that what was presented is no token of ours. Finding
	// that out costs no read of the store.
	ErrInvalid = errors.New("session: not a session of ours")
	// ErrEnded says that the session is over: timed out, logged out, removed.
	ErrEnded = errors.New("session: ended")
)

// Use says whether a lookup counts as an access.
type Use uint8

const (
	// Touch counts: the session's idle time begins anew.
	Touch Use = iota
	// Peek does not count.
	Peek
)

// Config is what a Manager works with.
type Config struct {
	// Store is the CTS; put a cache in front.
	Store store.Store
	// Keys are those of the installation.
	Keys *token.Ring
	// Access knows when sessions were used last.
	Access *Access
	// Outbox delivers the notices of sessions that have ended. nil: what is
	// posted is left to other nodes.
	Outbox *outbox.Outbox
	// Webhooks names the webhooks that are called when a session ends. nil:
	// none are.
	Webhooks func(Session) []string
	// Outages has, by realm, what Lookup asks of records: store.Any if it has
	// nothing. See there what each means while the store does not answer.
	Outages map[string]store.Freshness
	// Carried are the realms whose sessions their clients are to carry. Each
	// realm takes its tokens of both kinds.
	Carried map[string]Carried
	// Quotas has, by realm, how many sessions a user may have.
	Quotas map[string]Quota
	// Logger is told of sessions that went idle and of records that are not
	// what they should be; never of a token.
	Logger *slog.Logger
}

// Carried says how the clients of a realm carry their sessions.
type Carried struct {
	// Room is the length that a token may have to fit into its cookie.
	Room int
	// Signing is how tokens are signed.
	Signing token.Signing
	// Track has the store keep small records of them: they are listed, counted
	// and idle as those are that the store has.
	Track bool
}

// Manager issues, finds and ends the sessions of an installation's realms. It
// is safe for concurrent use and has nothing to close.
type Manager struct {
	store   store.Store
	keys    *token.Ring
	access  *Access
	outbox  *outbox.Outbox
	hooks   func(Session) []string
	outages map[string]store.Freshness
	carried map[string]Carried
	carrier *token.Carrier
	quotas  map[string]Quota
	log     *slog.Logger
	userKey [32]byte

	judging singleflight.Group // by session id and Use
	opened  opened

	realms atomic.Pointer[map[string]*realm] // copied on write
	mu     sync.Mutex                        // held while writing realms
}

// realm is what the sessions of one realm are made with.
type realm struct {
	path   string
	keys   *token.Keys
	codec  *sealed.Codec
	outage store.Freshness
	// room is how long a token may be of a session that its client carries, 0
	// if the store is to have the sessions. track is for those with room.
	room  int
	track bool
	quota Quota
}

// NewManager returns a Manager.
func NewManager(cfg Config) *Manager {
	m := &Manager{
		store:   cfg.Store,
		keys:    cfg.Keys,
		access:  cfg.Access,
		outbox:  cfg.Outbox,
		hooks:   cfg.Webhooks,
		outages: cfg.Outages,
		carried: cfg.Carried,
		quotas:  cfg.Quotas,
		log:     cfg.Logger,
		userKey: cfg.Keys.DeriveLasting("session user"),
	}
	if m.hooks == nil {
		m.hooks = func(Session) []string { return nil }
	}
	signings := make(map[string]token.Signing, len(cfg.Carried))
	for path, c := range cfg.Carried {
		signings[path] = c.Signing
	}
	m.carrier = token.NewCarrier(cfg.Keys, signings)
	m.realms.Store(new(map[string]*realm))
	return m
}

// Lookup finds the session of a token. Errors: ErrInvalid, ErrEnded, and what
// wraps store.ErrUnavailable.
//
// With a cached record and a recent access it takes about a microsecond and
// no lock that others wait for. The first use in this process and one after a
// long pause also read the user's index.
//
// While the store does not answer, sessions in the cache work as the realm's
// rule for outages says. Those that were not used here for longer than their
// idle time cannot be judged then. For sessions that their clients carry the
// same holds of what the cache knows of their ends.
func (m *Manager) Lookup(ctx context.Context, tok string, use Use) (Session, error) {
	return m.lookup(ctx, tok, use, nil)
}

// LookupDuring is Lookup with another rule for outages than the realm's.
func (m *Manager) LookupDuring(ctx context.Context, tok string, use Use, outage store.Freshness) (Session, error) {
	return m.lookup(ctx, tok, use, &outage)
}

// lookup is Lookup; a nil outage is the realm's rule.
func (m *Manager) lookup(ctx context.Context, tok string, use Use, outage *store.Freshness) (Session, error) {
	if token.IsSession(tok) {
		r, s, err := m.openCarried(tok)
		if err != nil {
			return Session{}, err
		}
		if s.carried {
			return m.findCarried(ctx, s, r.during(outage))
		}
		return m.findTracked(ctx, r, s, use, r.during(outage))
	}
	r, id, err := m.verify(tok)
	if err != nil {
		return Session{}, err
	}
	return m.find(ctx, r, id, use, r.during(outage))
}

// during is a rule for outages, the realm's if it is nil.
func (r *realm) during(outage *store.Freshness) store.Freshness {
	if outage == nil {
		return r.outage
	}
	return *outage
}

// verify says of a token whose session it names.
func (m *Manager) verify(tok string) (*realm, hash, error) {
	ref, err := m.keys.OpenReference(tok)
	if err != nil || ref.Kind != token.CTS {
		return nil, hash{}, ErrInvalid
	}
	r, err := m.realm(ref.Realm)
	return r, sessionID(&ref.Head), err
}

func (m *Manager) find(ctx context.Context, r *realm, id hash, use Use, outage store.Freshness) (Session, error) {
	s, err := m.load(ctx, r, id, outage)
	if err != nil {
		return Session{}, err
	}
	return m.alive(ctx, r, s, use)
}

// alive decides about the times of a session whose record was read.
func (m *Manager) alive(ctx context.Context, r *realm, s Session, use Use) (Session, error) {
	now := time.Now()
	if s.maxedOut(now) {
		return Session{}, ErrEnded
	}
	if err := m.admit(ctx, r, &s, use, now); err != nil {
		return Session{}, err
	}
	return s, nil
}

// load reads the record of a session. It decides nothing about its times.
func (m *Manager) load(ctx context.Context, r *realm, id hash, want store.Freshness) (Session, error) {
	key := sessionKey(id)
	rec, _, err := m.store.Get(ctx, key, want)
	if err != nil {
		return Session{}, m.readError(ctx, err)
	}
	return m.open(r, id, rec)
}

// open reads the record of a session, whose value it overwrites.
func (m *Manager) open(r *realm, id hash, rec store.Record) (Session, error) {
	plain, err := r.codec.OpenInPlace(rec.Key, rec.Value)
	if err != nil {
		m.log.Error("a session's record was not sealed for it and is refused", "realm", r.path, "error", err)
		return Session{}, ErrInvalid
	}
	s := Session{record: view(plain), id: id, revision: rec.Revision}
	if !checkRecord(s.record) || s.Realm() != r.path {
		m.log.Error("a session's record cannot be read and is refused", "realm", r.path)
		return Session{}, ErrInvalid
	}
	return s, nil
}

// view is a string over bytes that are never written again. Those of a record
// are ours alone (store.Store) and were opened in place, so a copy would be
// the one allocation of a lookup that nobody needs.
func view(b []byte) string {
	return unsafe.String(unsafe.SliceData(b), len(b)) //nolint:gosec // G103: see above
}

// readError turns an error of the store's Get into ours, and notes if the
// store does not answer.
func (m *Manager) readError(ctx context.Context, err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return ErrEnded
	}
	// Else it was the caller who did not wait, or the store was not asked.
	if ctx.Err() == nil && !errors.Is(err, store.ErrBusy) {
		m.access.failed(err)
	}
	return err
}

// realm returns what the sessions of a realm are made with, preparing it at
// its first use.
func (m *Manager) realm(path string) (*realm, error) {
	if r, ok := (*m.realms.Load())[path]; ok {
		return r, nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	keys, ok := m.keys.Realm(path)
	if !ok {
		return nil, fmt.Errorf("session: no realm %q", path)
	}
	var sealKeys []sealed.Key
	for _, k := range keys.SealKeys() {
		sealKeys = append(sealKeys, sealed.Key{ID: k.ID, Key: k.Key})
	}
	codec, err := sealed.New(sealKeys)
	if err != nil {
		return nil, fmt.Errorf("session: realm %s: %w", path, err)
	}
	carried := m.carried[path]
	r := &realm{
		path: path, keys: keys, codec: codec, outage: m.outages[path], quota: m.quotas[path],
		room: min(carried.Room, token.MaxSession), track: carried.Track,
	}
	realms := maps.Clone(*m.realms.Load())
	if realms == nil {
		realms = make(map[string]*realm)
	}
	realms[path] = r
	m.realms.Store(&realms)
	return r, nil
}
