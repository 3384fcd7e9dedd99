package keep

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/amgate/amgate/journey"
	"github.com/amgate/amgate/store"
)

// suspend keeps a journey until its link is followed. The link's secret is
// random, so nothing that the client has tells it. The authId that suspend
// returns answers nothing.
func (k *Keeper) suspend(ctx context.Context, s *journey.Snapshot) (string, error) {
	if !time.Now().Before(s.Suspended.Until) {
		return "", fmt.Errorf("keep: a journey suspended until %v", s.Suspended.Until)
	}
	plain, err := encode(&stored{Snapshot: s, Latest: originOf(s).latest}, MaxState, "the store")
	if err != nil {
		return "", err
	}
	authID, err := k.ids.signSpent(s)
	if err != nil {
		return "", err
	}
	head := journey.NewID()
	originOf(s).suspends = linkKey(head)
	c := k.scheme.withdraw(s)
	c.ops = append(c.ops, k.records.create(linkKey(head), plain, s.Suspended.Until))
	if err := k.apply(ctx, s, c); err != nil {
		return "", err
	}
	s.SuspendedID = k.ids.keys.MintLink(head)
	return authID, nil
}

// Resume implements journey.Keeper.
func (k *Keeper) Resume(
	ctx context.Context, realm, suspendedID string, fn func(context.Context, *journey.Snapshot) error,
) (string, error) {
	head, err := k.ids.keys.OpenLink(suspendedID)
	if err != nil {
		return "", journey.ErrNotSuspended
	}
	next, err := k.answer(ctx, head, fn, func() (*journey.Snapshot, error) { return k.suspended(ctx, realm, head) })
	if errors.Is(err, journey.ErrUsed) { // somebody else was faster
		return "", fmt.Errorf("%w: %w", journey.ErrNotSuspended, err)
	}
	return next, err
}

// suspended loads a suspended journey. Errors: journey.ErrNotSuspended and
// those of the store.
func (k *Keeper) suspended(ctx context.Context, realm string, head journey.ID) (*journey.Snapshot, error) {
	rec, err := k.records.read(ctx, head, linkKey(head))
	switch {
	case errors.Is(err, store.ErrNotFound), errors.Is(err, errVersion):
		return nil, fmt.Errorf("%w: %w", journey.ErrNotSuspended, err)
	case err != nil:
		return nil, err
	case rec.Mark != "", rec.Realm != realm, rec.Suspended == nil:
		return nil, journey.ErrNotSuspended
	}
	s := rec.Snapshot
	s.Origin = &origin{id: head, before: rec.plain, until: s.Suspended.Until, link: rec.place, latest: rec.Latest}
	if err := k.scheme.place(ctx, s); err != nil {
		return nil, err
	}
	return s, nil
}
