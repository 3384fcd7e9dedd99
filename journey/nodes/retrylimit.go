package nodes

import (
	"context"
	"fmt"

	"github.com/amgate/amgate/journey"
)

// RetryLimit lets a journey pass as often as the limit says and rejects it
// after that. The count is kept in the journey, as AM's "<node id>.retryCount".
type RetryLimit struct {
	// Limit is how often the outcome is Retry before it is Reject.
	Limit int `json:"retryLimit" option:"limit" doc:"How often the journey may pass before it is rejected."`
	// OnUser is AM's wish to count a known user's failures across journeys.
	// It is read, so that exports load, and has no effect: amgate counts
	// within the journey alone.
	OnUser bool `json:"incrementUserAttributeOnFailure"`
}

var (
	_ journey.Node    = (*RetryLimit)(nil)
	_ journey.Checker = (*RetryLimit)(nil)
)

// The outcomes of RetryLimit.
const (
	outcomeRetry  = "Retry"
	outcomeReject = "Reject"
)

func newRetryLimit() journey.Node { return &RetryLimit{Limit: 3, OnUser: true} }

// Process implements journey.Node.
func (n *RetryLimit) Process(_ context.Context, in *journey.Input) (journey.Action, error) {
	key := in.NodeID + ".retryCount"
	count := in.State.Int(key)
	if count >= n.Limit {
		in.State.Remove(key)
		return journey.Goto(outcomeReject), nil
	}
	in.State.PutShared(key, count+1)
	return journey.Goto(outcomeRetry), nil
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
