package realm

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/amgate/amgate/store"
)

const (
	// minWait and maxWait are between two tries to read the secrets.
	minWait = 100 * time.Millisecond
	maxWait = 2 * time.Second
	// renewTime bounds how long a secret is still used that was destroyed, while
	// its successor cannot be read.
	renewTime = 2 * time.Second
)

// ErrNoKey says that a realm has no generated secret: it has its own
// signing_key, or was never at work.
var ErrNoKey = errors.New("there is no generated key")

// DestroyKey destroys the generated secret of a realm, whether or not that is
// configured now. From then on nothing opens what was sealed or signed with it:
// sessions, journeys, links, persistent cookies. Nodes that run hear of it at
// once. Errors: ErrNoKey, and what wraps store.ErrUnavailable, after which it
// may have happened.
func (s *Set) DestroyKey(ctx context.Context, path string) error {
	if err := CheckPath(path); err != nil {
		return err
	}
	if r, ok := s.realms[path]; ok && len(r.SigningKeys) > 0 {
		return fmt.Errorf("realm %s: %w: it has signing_key in the configuration; replace it there and reload every node", path, ErrNoKey)
	}
	k, err := s.keys()
	if err != nil {
		return err
	}
	key := realmSecretKey(path)
	rec, _, err := k.store.Get(ctx, key, store.Fresh)
	if err == nil {
		// Of two at once one counts: the other must not destroy the successor.
		_, err = k.store.Commit(ctx, store.Check(key, rec.Revision), store.Delete(key))
	}
	switch {
	case err == nil:
		s.cfg.Logger.Warn("the key of a realm was destroyed: nobody is signed in to it any more", "realm", path)
		return nil
	case errors.Is(err, store.ErrNotFound), errors.Is(err, store.ErrConflict):
		return fmt.Errorf("realm %s: %w in the store", path, ErrNoKey)
	}
	return fmt.Errorf("realm %s: %w", path, err)
}

// keepKeys reads the secrets until that has succeeded, and again whenever one
// of them was destroyed, until ctx ends. They were read at revision from, or
// not at all if that is 0.
func (s *Set) keepKeys(ctx context.Context, b Backend, from int64) {
	for wait := minWait; ; wait = min(2*wait, maxWait) {
		if from == 0 {
			if from = s.keepLoading(ctx, b); from == 0 {
				return
			}
		}
		began := time.Now()
		from = s.followKeys(ctx, b, from)
		if time.Since(began) > maxWait {
			wait = minWait
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

// keepLoading reads the secrets, however often that fails. It returns 0 if it
// is given up: ctx has ended, or the secrets cannot be used.
func (s *Set) keepLoading(ctx context.Context, b Backend) (from int64) {
	for wait := minWait; ; wait = min(2*wait, maxWait) {
		from, err := s.load(ctx, b)
		switch {
		case err == nil:
			s.cfg.Logger.Info("the secrets in the store were read; requests are served")
			return from
		case ctx.Err() != nil:
			return 0
		case !errors.Is(err, store.ErrUnavailable):
			s.retire()
			s.cfg.Logger.Error("the installation's secrets cannot be used; requests are answered with 503", "error", err)
			return 0
		}
		select {
		case <-ctx.Done():
			return 0
		case <-time.After(wait):
		}
	}
}

// followKeys watches the secrets from a revision on. It returns the revision
// to go on from, or 0 if the secrets have to be read first.
func (s *Set) followKeys(ctx context.Context, b Backend, from int64) int64 {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	w, err := b.Store.Watch(ctx, from, sharedSecrets)
	if err == nil {
		for ev := range w.Events() {
			if ev.Kind != store.Deleted || !s.uses(ev.Record.Key) {
				continue
			}
			s.cfg.Logger.Warn("a secret in the store was destroyed; what it sealed and signed is good no more", "key", ev.Record.Key)
			if from = s.renew(ctx, b); from == 0 {
				return 0
			}
		}
		err = w.Err()
	}
	if errors.Is(err, store.ErrCompacted) {
		return 0 // one may have been destroyed unheard
	}
	return from
}

// renew reads the secrets anew after one was destroyed, and makes its
// successor. If that fails nothing is served until it succeeds.
func (s *Set) renew(ctx context.Context, b Backend) (from int64) {
	ctx, cancel := context.WithTimeout(ctx, renewTime)
	defer cancel()
	from, err := s.load(ctx, b)
	if err != nil {
		s.retire()
		s.cfg.Logger.Warn("the secrets cannot be read anew; requests are answered with 503 until they can", "error", err)
	}
	return from
}

// uses reports whether the secret under a key is one of this configuration.
func (s *Set) uses(key store.Key) bool {
	if key == installationKey {
		return true
	}
	for path, r := range s.realms {
		if len(r.SigningKeys) == 0 && realmSecretKey(path) == key {
			return true
		}
	}
	return false
}

// retire forgets all secrets.
func (s *Set) retire() {
	s.keyed.Store(nil)
	for _, r := range s.realms {
		r.running.Store(nil)
	}
}
