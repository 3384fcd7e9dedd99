package keep

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"github.com/amgate/amgate/journey"
	"github.com/amgate/amgate/store"
	"github.com/amgate/amgate/store/sealed"
	"github.com/amgate/amgate/token"
)

// records are a keeper's records in the store.
type records struct {
	store store.Store
	codec *sealed.Codec
	// doubts are the commits of which nobody knows whether they happened.
	doubts doubts
}

func newRecords(st store.Store, realmKeys *token.Keys) (*records, error) {
	var keys []sealed.Key
	for _, k := range realmKeys.SealKeys() {
		keys = append(keys, sealed.Key{ID: k.ID, Key: k.Key})
	}
	codec, err := sealed.New(keys)
	if err != nil {
		return nil, fmt.Errorf("keep: %w", err)
	}
	return &records{store: st, codec: codec, doubts: newDoubts()}, nil
}

// The keys of records are a kind and 20 bytes of a hash in base64url. Who
// reads the store cannot name a journey to us. A journey, its suspension and
// its allowlist state are hashed differently, so that what names the one never
// names another.

// journeyKey is where a journey lies that its client knows as ref.
func journeyKey(ref journey.ID) store.Key { return hashedKey("j/", "amgate journey\x00", ref) }

// linkKey is where a suspended journey lies.
func linkKey(head journey.ID) store.Key { return hashedKey("j/", "amgate suspended\x00", head) }

// allowKey is where the allowlist state of a journey lies that its client
// carries.
func allowKey(id journey.ID) store.Key { return hashedKey("a/", "amgate allow\x00", id) }

func hashedKey(kind store.Key, what string, id journey.ID) store.Key {
	sum := sha256.Sum256(append([]byte(what), id[:]...))
	return kind + store.Key(base64.RawURLEncoding.EncodeToString(sum[:20]))
}

// place is a record that a keeper found, or, with the revision 0, one that it
// will make. The zero place is none.
type place struct {
	key      store.Key
	revision int64
	expires  time.Time
}

// replace puts something else into a place, if it is as it was found.
func (r *records) replace(p place, plain []byte, expires time.Time) []store.Op {
	switch {
	case p.key == "":
		return nil
	case p.revision == 0:
		return []store.Op{r.create(p.key, plain, expires)}
	}
	return []store.Op{store.Check(p.key, p.revision), store.Put(p.key, r.codec.Seal(p.key, plain), expires)}
}

func (r *records) create(key store.Key, plain []byte, expires time.Time) store.Op {
	return store.Create(key, r.codec.Seal(key, plain), expires)
}

// remove removes a record, if it is as it was found.
func (p place) remove() []store.Op {
	if p.key == "" || p.revision == 0 {
		return nil
	}
	return []store.Op{store.Check(p.key, p.revision), store.Delete(p.key)}
}

// record is a record that was read.
type record struct {
	*stored
	place
	plain []byte
}

// get reads a record. Errors: store.ErrNotFound, those of the store, and
// errVersion.
func (r *records) get(ctx context.Context, key store.Key) (record, error) {
	rec, _, err := r.store.Get(ctx, key, store.Fresh)
	if err != nil {
		return record{}, err
	}
	plain, err := r.codec.Open(key, rec.Value)
	if err != nil {
		return record{}, fmt.Errorf("keep: the record of a journey: %w", err)
	}
	s, err := decode(plain)
	if err != nil {
		return record{}, err
	}
	return record{s, place{key, rec.Revision, rec.Expires}, plain}, nil
}

// read is get, but what a commit in doubt has left under key does not count:
// nobody has seen it. What was there before does.
func (r *records) read(ctx context.Context, id journey.ID, key store.Key) (record, error) {
	rec, err := r.get(ctx, key)
	left := removed
	switch {
	case err == nil:
		left = cmp.Or(rec.Left, rec.Allow)
	case !errors.Is(err, store.ErrNotFound):
		return record{}, err
	}
	before := r.doubts.before(id, left)
	if before == nil {
		return rec, err
	}
	if left == removed || rec.Mark == markEnded {
		rec.place = place{key: key, revision: gone}
	}
	rec.plain = before
	rec.stored, err = decode(before)
	return rec, err
}

// commit applies what a step has led to.
func (r *records) commit(ctx context.Context, ops []store.Op) (revision int64, err error) {
	if len(ops) == 0 {
		return 0, nil
	}
	return r.store.Commit(ctx, ops...)
}
