package guard

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/amgate/amgate/store"
	"github.com/amgate/amgate/store/sealed"
)

// The kinds of records.
const (
	kindCounter = "c"
	kindAccount = "i"
	kindLockout = "l"
)

const (
	// version begins the plain form of every record; JSON follows.
	version = 1
	// maxRounds bounds how often an update meets somebody else's.
	maxRounds = 100
	// maxPause bounds how long an update waits before its next round.
	maxPause = 20 * time.Millisecond
)

// errSame is what the change of an update returns to leave the record as it is.
var errSame = errors.New("guard: nothing to change")

// errRestless is why a change is given up after maxRounds.
var errRestless = fmt.Errorf("%w: a record about an account changes all the time", store.ErrUnavailable)

// records reads and writes a realm's records.
type records struct {
	store   store.Store
	codec   *sealed.Codec
	nameKey [32]byte
	realm   string
	log     *slog.Logger
}

func newRecords(cfg Config) (*records, error) {
	var keys []sealed.Key
	for _, k := range cfg.Keys.SealKeys() {
		keys = append(keys, sealed.Key{ID: k.ID, Key: k.Key})
	}
	codec, err := sealed.New(keys)
	if err != nil {
		return nil, err
	}
	return &records{
		store: cfg.Store, codec: codec, nameKey: cfg.NameKey, realm: cfg.Realm,
		log: cfg.Logger.With("realm", cfg.Realm),
	}, nil
}

// key names the record of a kind: a keyed hash of the realm and the names,
// each after its length.
func (r *records) key(kind string, names ...string) store.Key {
	mac := hmac.New(sha256.New, r.nameKey[:])
	var size [8]byte
	for _, field := range append([]string{"amgate guard", kind, r.realm}, names...) {
		binary.BigEndian.PutUint64(size[:], uint64(len(field)))
		mac.Write(size[:])
		mac.Write([]byte(field))
	}
	return store.Key(kind + "/" + base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:20]))
}

// there reports whether there is a record, whatever it holds. The error wraps
// store.ErrUnavailable.
func (r *records) there(ctx context.Context, key store.Key) (bool, error) {
	_, _, err := r.store.Get(ctx, key, store.Fresh)
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// held is what a record holds and the revision that it has; 0 and the zero T
// if there is no record.
type held[T any] struct {
	value    T
	revision int64
}

// read reads a record. One that cannot be opened holds the zero T.
func read[T any](ctx context.Context, r *records, key store.Key) (held[T], error) {
	rec, _, err := r.store.Get(ctx, key, store.Fresh)
	if errors.Is(err, store.ErrNotFound) {
		return held[T]{}, nil
	}
	if err != nil {
		return held[T]{}, err
	}
	h := held[T]{revision: rec.Revision}
	plain, err := r.codec.Open(key, rec.Value)
	if err == nil {
		h.value, err = decode[T](plain)
	}
	if err != nil {
		r.log.Error("a record about an account cannot be read and begins anew", "kind", key.Kind(), "error", err)
	}
	return h, nil
}

// write puts what h holds in the place of the record of its revision, until
// expires; the zero T removes it. Errors: store.ErrConflict, store.ErrExists,
// store.ErrUnavailable.
func write[T any](ctx context.Context, r *records, key store.Key, h held[T], expires time.Time) (held[T], error) {
	var zero T
	plain, nothing := encode(h.value), encode(zero)
	var ops []store.Op
	switch value := r.codec.Seal(key, plain); {
	case h.revision == 0 && bytes.Equal(plain, nothing):
		return h, nil
	case h.revision == 0:
		ops = []store.Op{store.Create(key, value, expires)}
	case bytes.Equal(plain, nothing):
		ops = []store.Op{store.Check(key, h.revision), store.Delete(key)}
	default:
		ops = []store.Op{store.Check(key, h.revision), store.Put(key, value, expires)}
	}
	var err error
	if h.revision, err = r.store.Commit(ctx, ops...); err != nil || bytes.Equal(plain, nothing) {
		h.revision = 0
	}
	return h, err
}

// update changes a record by compare-and-swap: change makes of what is there
// what is to be there until expires. It may be called several times; its
// error, such as errSame, ends the update and is returned. Other errors wrap
// store.ErrUnavailable: the update may have happened.
//
// from is what the record is thought to hold, nil to read it first.
func update[T any](
	ctx context.Context, r *records, key store.Key, from *held[T], change func(*T) (expires time.Time, err error),
) (held[T], error) {
	for round := range maxRounds {
		if err := pause(ctx, min(time.Duration(round)*time.Millisecond, maxPause)); err != nil {
			return held[T]{}, fmt.Errorf("%w: %w", store.ErrUnavailable, err)
		}
		if from == nil {
			now, err := read[T](ctx, r, key)
			if err != nil {
				return held[T]{}, err
			}
			from = &now
		}
		h := *from
		from = nil
		expires, err := change(&h.value)
		if err != nil {
			return held[T]{}, err
		}
		if h, err = write(ctx, r, key, h, expires); !isConflict(err) {
			return h, err
		}
	}
	return held[T]{}, errRestless
}

func isConflict(err error) bool {
	return errors.Is(err, store.ErrConflict) || errors.Is(err, store.ErrExists)
}

// pause returns after d, or ctx's error when that ends first.
func pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// encode cannot fail for the records of this package: numbers, texts, times.
func encode(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("guard: %v", err))
	}
	return append([]byte{version}, text...)
}

func decode[T any](plain []byte) (T, error) {
	var v, zero T
	if len(plain) == 0 || plain[0] != version {
		return zero, errors.New("guard: a record of an unknown version")
	}
	if err := json.Unmarshal(plain[1:], &v); err != nil {
		return zero, fmt.Errorf("guard: %w", err)
	}
	return v, nil
}

// remove removes records, all at once; that there are none is no error. It
// removes what it finds and nothing else: a removal that was in doubt and
// happens after all, when somebody has long written anew, removes nothing.
func (r *records) remove(ctx context.Context, keys ...store.Key) error {
	for round := range maxRounds {
		if err := pause(ctx, min(time.Duration(round)*time.Millisecond, maxPause)); err != nil {
			return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
		}
		var ops []store.Op
		for _, key := range keys {
			rec, _, err := r.store.Get(ctx, key, store.Fresh)
			switch {
			case err == nil:
				ops = append(ops, store.Check(key, rec.Revision), store.Delete(key))
			case !errors.Is(err, store.ErrNotFound):
				return err
			}
		}
		if len(ops) == 0 {
			return nil
		}
		if _, err := r.store.Commit(ctx, ops...); !errors.Is(err, store.ErrConflict) {
			return err
		}
	}
	return errRestless
}
