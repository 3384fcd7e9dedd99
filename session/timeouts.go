package session

import (
	"context"
	"encoding/base64"
	"slices"
	"strings"
	"time"

	"github.com/amgate/amgate/store"
	"github.com/amgate/amgate/store/reaper"
)

// foreignGrace is how long past its deadline a session stays whose realm this
// node does not know: others may, and tell of it.
const foreignGrace = time.Hour

// Why sessions are removed by a sweep, for the counts.
const (
	reasonIdle = "idle"
	reasonMax  = "max"
	// reasonForeign is a session whose realm's keys are gone.
	reasonForeign = "foreign"
	// reasonAlone is an entry of a user's index without its session.
	reasonAlone = "alone"
)

// Timeouts is the Judge of sessions: it ends those whose max time is over and
// those that are idle, by the entries of the users' indexes, and posts that it
// did. A Lookup comes to the same judgement.
type Timeouts struct{ m *Manager }

var _ reaper.Judge = Timeouts{}

// Timeouts returns the Judge of this Manager's sessions.
func (m *Manager) Timeouts() Timeouts { return Timeouts{m} }

// Prefix implements reaper.Judge.
func (Timeouts) Prefix() store.Key { return "u/" }

// verdict is an entry of a user's index whose session is over.
type verdict struct {
	entry store.Record
	realm *realm
	key   store.Key // of the session
	id    hash
	why   Why
}

// Judge implements reaper.Judge.
func (t Timeouts) Judge(ctx context.Context, in store.Scanner, scanned []store.Record, now time.Time) ([]reaper.Removal, error) {
	var over []reaper.Removal
	var timedOut []verdict
	for _, rec := range scanned {
		v, ok := t.judge(rec, now)
		switch {
		case !ok:
		case v.realm == nil:
			over = append(over, v.removal(reasonForeign))
		default:
			timedOut = append(timedOut, v)
		}
	}
	for some := range slices.Chunk(timedOut, store.MaxOps) {
		ended, err := t.ended(ctx, in, some, now)
		if err != nil {
			return nil, err
		}
		over = append(over, ended...)
	}
	return over, nil
}

// judge decides about one entry; ok means that its session is over. A verdict
// without a realm is about an entry that nobody can read.
func (t Timeouts) judge(rec store.Record, now time.Time) (v verdict, ok bool) {
	v = verdict{entry: rec}
	if v.id, ok = sessionOf(rec.Key); !ok {
		return v, rec.Expired(now.Add(-foreignGrace))
	}
	v.key = sessionKey(v.id)
	r, known := t.m.realmOf(rec.Value)
	if !known {
		return v, rec.Expired(now.Add(-foreignGrace))
	}
	if rec.Expired(now.Add(-reaper.Grace)) {
		v.realm, v.why = r, MaxTimedOut
		return v, true
	}
	plain, err := r.codec.OpenInPlace(rec.Key, rec.Value)
	if err != nil {
		return v, false // it is counted; its deadline ends it
	}
	e, err := decodeEntry(plain)
	if err != nil || rec.Expired(now) || !t.m.access.idle(e, now) {
		return v, false
	}
	v.realm, v.why = r, IdleTimedOut
	return v, true
}

// ended reads the sessions of verdicts, for what is to be told of them.
func (t Timeouts) ended(ctx context.Context, in store.Scanner, verdicts []verdict, now time.Time) ([]reaper.Removal, error) {
	keys := make([]store.Key, len(verdicts))
	for i, v := range verdicts {
		keys[i] = v.key
	}
	records, err := in.Read(ctx, keys...)
	if err != nil {
		return nil, err
	}
	found := make(map[store.Key]store.Record, len(records))
	for _, rec := range records {
		found[rec.Key] = rec
	}
	over := make([]reaper.Removal, len(verdicts))
	for i, v := range verdicts {
		rec, there := found[v.key]
		if !there {
			over[i] = v.removal(reasonAlone)
			continue
		}
		s, err := t.m.open(v.realm, v.id, rec)
		if err != nil {
			over[i] = v.removal(reasonForeign) // it is logged
			continue
		}
		over[i] = t.removal(v, Ended{s, v.why, now})
	}
	return over, nil
}

// removal removes a session with its entry and posts what is to be told of it.
func (t Timeouts) removal(v verdict, e Ended) reaper.Removal {
	reason := reasonMax
	if e.Why == IdleTimedOut {
		reason = reasonIdle
	}
	r := v.removal(reason)
	r.Cached = e.Why == IdleTimedOut // of the other, every reader sees that it is over
	r.News, r.Group, r.Size = e, v.realm.path, endedSize+len(e.record)
	webhooks := t.m.postWebhooks(v.realm, e)
	r.Ops = append(r.Ops, webhooks...)
	r.Size *= 1 + len(webhooks)
	return r
}

// removal removes a session with its entry and tells nobody.
func (v verdict) removal(reason string) reaper.Removal {
	r := reaper.Removal{
		Ops:  []store.Op{store.Check(v.entry.Key, v.entry.Revision), store.Delete(v.entry.Key)},
		Kind: v.entry.Key.Kind(), Reason: reason,
	}
	if v.key != "" {
		r.Ops = append(r.Ops, store.Delete(v.key))
	}
	return r
}

// Tell implements reaper.Judge.
func (t Timeouts) Tell(rs []reaper.Removal) (write store.Op, told func(revision int64)) {
	ended := make([]Ended, len(rs))
	for i, r := range rs {
		ended[i] = r.News.(Ended)
	}
	r, err := t.m.realm(ended[0].Realm())
	if err != nil {
		panic(err) // it was there when the removals were made, and none goes
	}
	write = t.m.post(r, "", ended...)
	return write, func(revision int64) {
		t.m.posted(revision, write)
		for _, removal := range rs {
			t.m.posted(revision, removal.Ops...)
		}
	}
}

// sessionOf is the id of the session that an entry of a user's index is for.
func sessionOf(index store.Key) (id hash, ok bool) {
	at := strings.LastIndexByte(string(index), '/') + 1
	if len(index)-at != hashText {
		return hash{}, false
	}
	_, err := base64.RawURLEncoding.Strict().Decode(id[:], []byte(index[at:]))
	return id, err == nil
}
