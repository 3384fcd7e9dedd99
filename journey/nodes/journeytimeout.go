package nodes

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/amgate/amgate/journey"
)

// UpdateJourneyTimeout changes how long the whole journey may take, from now
// on.
type UpdateJourneyTimeout struct {
	Operation string `json:"operation,omitempty" option:"operation" doc:"SET makes value the whole time from the journey's start on; MODIFY adds value to the present one. Required." values:"SET,MODIFY" example:"SET"`
	// Value is in minutes.
	Value int `json:"value" option:"value" doc:"Minutes. For MODIFY it may be negative, but something must be left. Required." example:"10"`
}

var (
	_ journey.Node    = (*UpdateJourneyTimeout)(nil)
	_ journey.Checker = (*UpdateJourneyTimeout)(nil)
)

// The operations of UpdateJourneyTimeout.
const (
	operationSet    = "SET"
	operationModify = "MODIFY"
)

// Process implements journey.Node.
func (n *UpdateJourneyTimeout) Process(_ context.Context, in *journey.Input) (journey.Action, error) {
	d := minutes(n.Value)
	if n.Operation == operationModify {
		d += in.Deadline.Sub(in.Started)
	}
	if d <= 0 {
		return journey.Action{}, errors.New("the resulting timeout value must be positive: value takes away more than the journey has")
	}
	return journey.Goto(outcomeOnly).WithDuration(d), nil
}

// Outcomes implements journey.Node.
func (*UpdateJourneyTimeout) Outcomes() []string { return []string{outcomeOnly} }

// Check implements journey.Checker.
func (n *UpdateJourneyTimeout) Check() error {
	switch {
	case n.Operation != operationSet && n.Operation != operationModify:
		return fmt.Errorf("operation %q is not known; use %s or %s", n.Operation, operationSet, operationModify)
	case n.Operation == operationSet && n.Value < 1:
		return fmt.Errorf("value %d: at least 1 minute is needed to set the time", n.Value)
	}
	return nil
}

// maxMinutes is how many minutes are a time at most: a century, which is less
// than a time.Duration holds, so that times can be added.
const maxMinutes = 100 * 365 * 24 * 60

// minutes is a number of minutes as AM has it, such as 2147483647 for a time
// without an end.
func minutes(n int) time.Duration {
	return time.Duration(min(max(n, -maxMinutes), maxMinutes)) * time.Minute
}

// hours is a number of hours as AM has it.
func hours(n int) time.Duration { return minutes(min(n, math.MaxInt/60) * 60) }
