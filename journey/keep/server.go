package keep

import (
	"context"
	"errors"

	"github.com/amgate/amgate/journey"
	"github.com/amgate/amgate/store"
	"github.com/amgate/amgate/token"
)

// inStore keeps journeys in the store. A step is consumed by a compare-and-swap
// of the journey's record.
type inStore struct {
	*records
	ids authIDs
}

var _ scheme = (*inStore)(nil)

// NewServer returns a keeper of journeys in the shared store, so that any node
// can answer any step, for the realm of the keys. A step takes one read and
// one commit.
func NewServer(cfg Config) (*Keeper, error) {
	k, err := newKeeper(cfg, token.CTSAuth)
	if err != nil {
		return nil, err
	}
	k.scheme = &inStore{k.records, k.ids}
	return k, nil
}

func (k *inStore) load(ctx context.Context, o opened) (*journey.Snapshot, error) {
	rec, err := k.read(ctx, o.ref, journeyKey(o.ref))
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil, journey.ErrExpired
	case errors.Is(err, errVersion):
		return nil, o.lost()
	case err != nil:
		return nil, err
	case rec.Mark != "":
		return nil, journey.ErrExpired
	}
	from := &origin{id: o.ref, before: rec.plain, until: o.Expires, ref: o.ref, state: rec.place}
	if k.ids.noAllowlisting {
		from.first = rec.firstOr(rec.plain)
	}
	s := rec.Snapshot
	s.Origin = from
	return s, k.ids.judge(o, s)
}

func (k *inStore) place(_ context.Context, s *journey.Snapshot) error {
	from := originOf(s)
	from.ref = journey.NewID()
	from.state = place{key: journeyKey(from.ref)}
	return nil
}

func (k *inStore) keep(s *journey.Snapshot) (string, change, error) {
	from := originOf(s)
	plain, err := encode(&stored{Snapshot: s, First: from.first}, MaxState, "the store")
	if err != nil {
		return "", change{}, err
	}
	authID, err := k.ids.sign(s, k.ids.reference(from.ref), "", "")
	if err != nil {
		return "", change{}, err
	}
	return authID, change{ops: k.replace(from.state, plain, s.Deadline)}, nil
}

func (k *inStore) withdraw(s *journey.Snapshot) change {
	from := originOf(s)
	if from.state.revision == 0 {
		return change{}
	}
	return change{ops: k.replace(from.state, marking{Mark: markSuspended, Allow: s.Allow}.encode(), from.until)}
}

func (k *inStore) end(s *journey.Snapshot, failed bool) (change, error) {
	from := originOf(s)
	if !failed || from.first == nil {
		return change{ops: from.state.remove(), left: removed}, nil
	}
	again, plain, err := beginAgain(from.first)
	if err != nil {
		return change{}, err
	}
	return change{ops: k.replace(from.state, plain, again.Deadline), left: again.Allow}, nil
}
