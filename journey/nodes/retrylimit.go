package nodes

import (
	"context"
	"errors"
	"fmt"

	"github.com/amgate/amgate/identity"
	"github.com/amgate/amgate/journey"
)

// RetryLimit lets a journey pass as often as the limit says and rejects it
// after that. The count is kept in the journey, as AM's "<node id>.retryCount",
// and, if wished, also for the user whose name was collected. Whichever comes
// to the limit first rejects.
type RetryLimit struct {
	// Limit is how often the outcome is Retry before it is Reject.
	Limit int `json:"retryLimit" option:"limit" doc:"How often the journey may pass before it is rejected."`
	// OnUser counts a known user's failures across journeys.
	OnUser bool `json:"incrementUserAttributeOnFailure" option:"increment_user_attribute_on_failure" doc:"Also count across journeys, for a user whose name is known, until a rejection or a success."`
}

var (
	_ journey.Node     = (*RetryLimit)(nil)
	_ journey.Checker  = (*RetryLimit)(nil)
	_ journey.Finisher = (*RetryLimit)(nil)
)

// The outcomes of RetryLimit.
const (
	outcomeRetry  = "Retry"
	outcomeReject = "Reject"
)

func newRetryLimit() journey.Node { return &RetryLimit{Limit: 3, OnUser: true} }

// Process implements journey.Node.
func (n *RetryLimit) Process(ctx context.Context, in *journey.Input) (journey.Action, error) {
	key := in.NodeID + ".retryCount"
	count := in.State.Int(key)
	reject := count >= n.Limit
	if n.OnUser {
		rejectUser, err := n.countUser(ctx, in)
		if err != nil {
			return journey.Action{}, err
		}
		reject = reject || rejectUser
	}
	if reject {
		in.State.Remove(key)
		return journey.Goto(outcomeReject), nil
	}
	in.State.PutShared(key, count+1)
	return journey.Goto(outcomeRetry), nil
}

// countUser counts for the user whose name was collected, and reports whether
// that comes to the limit. The count goes on past it and begins anew by its
// remainder, instead of being forgotten: so a step that is repeated after a
// fault is rejected as it was before.
func (n *RetryLimit) countUser(ctx context.Context, in *journey.Input) (reject bool, err error) {
	u, err := named(ctx, in)
	switch {
	case errors.Is(err, identity.ErrNotFound), errors.Is(err, errNobody):
		return false, nil
	case err != nil:
		return false, err
	}
	count, err := in.Services.Counters.Add(ctx, u.ID, n.counter(in), 1, 0, in.Attempt())
	return count%(n.Limit+1) == 0, err
}

// counter is the name of the node's counters.
func (n *RetryLimit) counter(in *journey.Input) string {
	return "retry." + in.Journey + "." + in.NodeID
}

// Finishes implements journey.Finisher.
func (n *RetryLimit) Finishes() bool { return n.OnUser }

// Complete implements journey.Completer: a success forgets the user's failures.
func (n *RetryLimit) Complete(ctx context.Context, in *journey.Input) (journey.Action, error) {
	if in.Subject == "" {
		return journey.Action{}, nil
	}
	count, err := in.Services.Counters.Get(ctx, in.Subject, n.counter(in))
	if err != nil || count == 0 {
		return journey.Action{}, err
	}
	return journey.Action{}, in.Services.Counters.Reset(ctx, in.Subject, n.counter(in))
}

// Outcomes implements journey.Node.
func (*RetryLimit) Outcomes() []string { return []string{outcomeRetry, outcomeReject} }

// Check implements journey.Checker.
func (n *RetryLimit) Check() error {
	if n.Limit < 1 {
		return fmt.Errorf("limit %d: at least 1 is needed", n.Limit)
	}
	return nil
}
