package keep

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/amgate/amgate/journey"
	"github.com/amgate/amgate/store"
	"github.com/amgate/amgate/token"
)

// grace is for how long the allowlist state of a journey outlives the last of
// its authIds, so that neither a slow read nor a clock that is ahead finds it
// gone while one of them is still good.
const grace = time.Minute

// inAuthID keeps journeys in their authIds. The store holds only which step may
// be answered, in a record that is made when the first step is: until then a
// journey has none.
type inAuthID struct {
	*records
	ids authIDs
}

var _ scheme = (*inAuthID)(nil)

// NewClient returns a keeper of journeys that their clients carry, sealed, so
// that any node can answer any step, for the realm of the keys. A journey may
// be as large as MaxCarried. A step takes one read and one commit, the first
// one before it is answered none; without allowlisting steps take one read,
// and only the last one a commit.
func NewClient(cfg Config) (*Keeper, error) {
	k, err := newKeeper(cfg, token.JWTAuth)
	if err != nil {
		return nil, err
	}
	k.scheme = &inAuthID{k.records, k.ids}
	return k, nil
}

func (k *inAuthID) load(ctx context.Context, o opened) (*journey.Snapshot, error) {
	st := o.carried
	from := &origin{
		id: st.ID, before: marking{Mark: markCurrent, Allow: st.Allow}.encode(), until: o.Expires,
		state: place{key: allowKey(st.ID)}, latest: st.Latest,
	}
	rec, err := k.read(ctx, st.ID, from.state.key)
	switch {
	case errors.Is(err, store.ErrNotFound):
		if !k.ids.noAllowlisting && !st.Opening {
			return nil, journey.ErrExpired
		}
		rec.stored = st
	case errors.Is(err, errVersion):
		return nil, o.lost()
	case err != nil:
		return nil, err
	default:
		from.found(rec.place)
	}
	switch {
	case rec.Mark == markEnded, rec.Mark == markSuspended:
		return nil, journey.ErrExpired
	case !k.ids.allows(o, rec.Allow):
		return nil, journey.ErrUsed
	}
	s := st.Snapshot
	s.Origin = from
	return s, nil
}

// found notes the record of the journey's allowlist state.
func (o *origin) found(p place) {
	o.state, o.latest = p, later(o.latest, p.expires.Add(-grace))
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// place has nothing to do for a journey that begins.
func (k *inAuthID) place(ctx context.Context, s *journey.Snapshot) error {
	from := originOf(s)
	switch {
	case from.link.key == "":
		from.opening = true
		return nil
	case from.gone():
		return nil // its end will meet what the first try created
	}
	from.state = place{key: allowKey(s.ID)}
	rec, err := k.get(ctx, from.state.key)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil
	case errors.Is(err, errVersion), err == nil && rec.Mark == markEnded:
		return journey.ErrNotSuspended
	case err != nil:
		return err
	}
	from.found(rec.place)
	return nil
}

func (k *inAuthID) keep(s *journey.Snapshot) (string, change, error) {
	from := originOf(s)
	st := stored{Snapshot: s, OTK: token.NewOTK(), Opening: from.opening, Latest: later(from.latest, s.Deadline)}
	plain, err := encode(&st, MaxCarried, "an authId")
	if err != nil {
		return "", change{}, err
	}
	sealed, err := k.ids.sealer.Seal(plain)
	if err != nil {
		return "", change{}, fmt.Errorf("keep: %w", err)
	}
	authID, err := k.ids.sign(s, k.ids.keys.Carry(sealed), st.OTK, "")
	if err != nil {
		return "", change{}, err
	}
	var c change
	// Without allowlisting the store need only know for how long to remember
	// the journey's end: until no authId of it is good any more.
	if !from.opening && (!k.ids.noAllowlisting || st.Latest.After(from.latest)) {
		c.ops = k.replace(from.state, marking{Mark: markCurrent, Allow: s.Allow}.encode(), st.Latest.Add(grace))
	}
	return authID, c, nil
}

func (k *inAuthID) withdraw(s *journey.Snapshot) change {
	from := originOf(s)
	if from.opening || k.ids.noAllowlisting {
		return change{}
	}
	return change{ops: k.replace(from.state, marking{Mark: markSuspended, Allow: s.Allow}.encode(), from.latest.Add(grace))}
}

func (k *inAuthID) end(s *journey.Snapshot, failed bool) (change, error) {
	if failed && k.ids.noAllowlisting {
		return change{}, nil
	}
	from, left := originOf(s), newAllow()
	expires := later(from.latest, s.Deadline).Add(grace)
	return change{ops: k.replace(from.state, marking{Mark: markEnded, Allow: left}.encode(), expires), left: left}, nil
}
