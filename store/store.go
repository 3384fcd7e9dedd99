// Package store is the contract of the shared store of records with deadlines
// that AM calls the Core Token Service (CTS).
//
// Words. A record is opaque bytes under a key, with a deadline. A revision is
// a number that the whole store raises by one with each commit; a record's
// revision is that of the commit that last wrote it. To sweep is to remove
// records whose deadline has passed; nobody may notice whether it happened.
package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// The errors of the contract. Implementations wrap them with %w and add
// nothing secret; callers tell them apart with errors.Is.
var (
	// ErrNotFound says that no live record is stored under the key.
	ErrNotFound = errors.New("store: not found")
	// ErrExists says that a Create met a live record. Nothing was written.
	ErrExists = errors.New("store: already exists")
	// ErrConflict says that a condition did not hold. Nothing was written.
	ErrConflict = errors.New("store: changed underneath")
	// ErrUnavailable says that the backend did not answer. After a Commit it
	// means that the commit may have happened, or may happen yet.
	ErrUnavailable = errors.New("store: backend unavailable")
	// ErrBusy is an ErrUnavailable: so many reads are under way that this one
	// was not begun. Only what stands in front of a backend says so.
	ErrBusy = fmt.Errorf("%w: too many reads are under way", ErrUnavailable)
	// ErrCompacted says that a Watch cannot begin at the revision asked for,
	// because the store has forgotten that part of its history.
	ErrCompacted = errors.New("store: history compacted")
)

// MaxOps is how many operations one Commit may hold. It leaves room below
// etcd's limit of 128 for what a wrapping store adds.
const MaxOps = 120

// Announcements is the prefix of the records by which a writer tells all
// caches what it changed. A store that wraps another adds one to a Commit.
const Announcements Key = "inv/"

// announcementRoom is how many operations may announce in one Commit.
const announcementRoom = 128 - MaxOps

// Key names a record: a kind, a slash, and names made of hashes, such as
// "s/…" or "u/…/…". A key never holds what a client presents.
type Key string

// Symbols are those of base64url, of which the names in keys are made, in the
// order of keys.
const Symbols = "-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz"

// Kind is the part of the key before its first slash.
func (k Key) Kind() string {
	kind, _, _ := strings.Cut(string(k), "/")
	return kind
}

// HasPrefix reports whether the key lies below prefix.
func (k Key) HasPrefix(prefix Key) bool { return strings.HasPrefix(string(k), string(prefix)) }

// Record is opaque bytes with a deadline. A zero Expires means no deadline.
// Expires is kept to the millisecond. Revision is set by the store.
type Record struct {
	Key      Key
	Value    []byte
	Expires  time.Time
	Revision int64
}

// Expired reports whether the record's deadline has passed at now.
func (r Record) Expired(now time.Time) bool {
	return !r.Expires.IsZero() && !now.Before(r.Expires)
}

// Freshness is what a reader asks of an answer. But for Fresh the values
// differ only where a cache stands in front of the backend; to a backend they
// are all Any.
type Freshness int64

const (
	// Any may answer from a replica or a cache that lags behind.
	Any Freshness = 0
	// Fresh is linearizable: it sees every commit that was acknowledged,
	// anywhere, before the call.
	Fresh Freshness = -1
	// Strict is Any while the backend answers. As soon as it is known that it
	// does not, the answer is ErrUnavailable at once, whatever the cache has.
	Strict Freshness = -2
)

// Grace is Any, except that a cache may answer while the backend does not, for
// so much longer than it otherwise could. The answer may be as much older.
func Grace(longer time.Duration) Freshness { return Freshness(max(0, longer)) }

// Grace is how much longer than for Any a cache may answer.
func (f Freshness) Grace() time.Duration { return time.Duration(max(0, f)) }

// Page selects a part of a List: at most Limit records (0: the
// implementation's own limit, at least 100) with keys greater than After and,
// unless UpTo is empty, not greater than that.
type Page struct {
	After, UpTo Key
	Limit       int
}

// Has reports whether a key lies in the part.
func (p Page) Has(k Key) bool { return k > p.After && (p.UpTo == "" || k <= p.UpTo) }

// Store is a shared store of records with deadlines.
//
// All methods are safe for concurrent use and honour ctx. Every fault of the
// backend, a deadline of its own included, wraps ErrUnavailable; when ctx
// ends first the error also wraps ctx.Err(). A record past its deadline is
// gone for Get, List, Create and Absent, swept or not. Deadlines are judged by
// the reader's clock; the store promises nothing about clocks that disagree.
type Store interface {
	// Get reads one record and says as of which revision it answers, for
	// ErrNotFound too. The value belongs to the caller.
	Get(ctx context.Context, k Key, want Freshness) (r Record, asOf int64, err error)

	// Commit applies all operations at once or none, and returns the new
	// revision; if nothing changed, such as after conditions alone, that is
	// the present one. Only one operation may write a key. If a Create
	// failed the error is ErrExists, whatever else failed; else a condition
	// that did not hold gives ErrConflict. After ErrUnavailable the outcome
	// is unknown. A Commit of conditions alone is allowed.
	Commit(ctx context.Context, ops ...Op) (revision int64, err error)

	// List reads the live records below prefix in the order of their keys,
	// linearizably, and says as of which revision. The last page is the
	// first one that is empty: a page may hold fewer records than its Limit.
	List(ctx context.Context, prefix Key, page Page) (rs []Record, asOf int64, err error)

	// Watch delivers every change of the records below the prefixes, at
	// least one, with a revision greater than from; that one may still be to
	// come. A record that is only past its deadline makes no event; one that
	// is swept makes a Deleted. That history before from is gone is
	// ErrCompacted, here or a little later in the Watcher's Err.
	Watch(ctx context.Context, from int64, prefixes ...Key) (Watcher, error)
}

// Watcher is a running watch. It ends when its context does or when it can
// no longer promise to be complete.
type Watcher interface {
	// Events delivers changes in the order of their revisions for each key.
	// It is closed when the watch ends; Err then says why. A consumer that
	// does not keep up may end the watch, never lose an event of it.
	Events() <-chan Event
	// RequestProgress asks for an event of kind Progress soon. A Progress
	// with revision R promises that all changes up to R were delivered
	// before it. A request may go unanswered; ask again.
	RequestProgress(ctx context.Context) error
	// Err is nil until Events is closed; then ErrCompacted, ErrUnavailable
	// or the context's error.
	Err() error
}

// EventKind tells what an Event reports.
type EventKind uint8

const (
	// Written reports a record created or changed; Record is its new state.
	Written EventKind = iota + 1
	// Deleted reports a record removed; Record has its key and the
	// revision of the removal.
	Deleted
	// Progress reports how far the watch is complete; Record has only a
	// revision.
	Progress
)

// Event is one change, or the news that there was none.
type Event struct {
	Kind   EventKind
	Record Record
}
