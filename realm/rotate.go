package realm

import (
	"context"
	"errors"
	"fmt"

	"github.com/amgate/amgate/store"
	"github.com/amgate/amgate/store/sealed"
)

// sharedSecrets is the prefix of all that is sealed with the root secrets.
const sharedSecrets store.Key = "k/"

// rotate seals what nodes share under the newest root secret, and says when
// the older ones can go. That it failed does no harm, as long as they are
// listed: the next start tries again.
func (s *Set) rotate(ctx context.Context, b Backend) {
	if len(b.SigningKeys) < 2 {
		return
	}
	codec, err := rootCodec(b.SigningKeys)
	var done resealed
	if err == nil {
		done, err = reseal(ctx, b.Store, codec)
	}
	log := s.cfg.Logger.With("resealed", done.moved)
	switch {
	case err != nil:
		log.Warn("the secrets in the store are not all sealed under the first signing_key; keep the older ones", "error", err)
	case len(done.foreign) > 0:
		log.Warn("secrets in the store are sealed under a signing_key that is not listed; "+
			"their realms cannot start, and the older signing_keys should be kept", "keys", done.foreign)
	default:
		log.Info("the secrets in the store are sealed under the first signing_key; " +
			"once every node was reloaded with that one first, the others can be removed")
	}
}

// resealed is what reseal did: how many records it sealed anew, and the keys
// of those that none of the root secrets opens.
type resealed struct {
	moved   int
	foreign []store.Key
}

// reseal seals every record of the shared secrets under the newest root
// secret, those of realms that are not configured now too: they may come back
// when the older secrets are gone. Each record is replaced only if it is as
// it was read, so that nodes may do it side by side.
func reseal(ctx context.Context, st store.Store, codec *sealed.Codec) (resealed, error) {
	var done resealed
	for after := store.Key(""); ; {
		page, _, err := st.List(ctx, sharedSecrets, store.Page{After: after})
		if err != nil {
			return done, err
		}
		if len(page) == 0 {
			return done, nil
		}
		for _, rec := range page {
			if err := done.record(ctx, st, codec, rec); err != nil {
				return done, fmt.Errorf("%s: %w", rec.Key, err)
			}
		}
		after = page[len(page)-1].Key
	}
}

// record seals one record anew. Whoever meets another node's write reads what
// it wrote: that node may know another secret as the newest.
func (d *resealed) record(ctx context.Context, st store.Store, codec *sealed.Codec, rec store.Record) error {
	for {
		plain, err := codec.Open(rec.Key, rec.Value)
		if err != nil {
			d.foreign = append(d.foreign, rec.Key)
			return nil //nolint:nilerr // it is reported, and the others go on
		}
		if !codec.Stale(rec.Value) {
			return nil
		}
		_, err = st.Commit(ctx, store.Check(rec.Key, rec.Revision), store.Put(rec.Key, codec.Seal(rec.Key, plain), rec.Expires))
		if err == nil {
			d.moved++
			return nil
		}
		if !errors.Is(err, store.ErrConflict) {
			return err
		}
		switch rec, _, err = st.Get(ctx, rec.Key, store.Fresh); {
		case errors.Is(err, store.ErrNotFound):
			return nil // an operator destroyed it
		case err != nil:
			return err
		}
	}
}
