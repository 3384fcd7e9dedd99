package nodes

import (
	"context"

	"github.com/amgate/amgate/journey"
)

// SetFailureURL says where the client goes after failure, unless it asked for
// a place of its own with gotoOnFail.
type SetFailureURL struct {
	URL string `json:"failureUrl" option:"url" doc:"An http or https URL, or a path that begins with a slash. Required." example:"https://app.example.com/sorry"`
}

var (
	_ journey.Node     = (*SetFailureURL)(nil)
	_ journey.Declarer = (*SetFailureURL)(nil)
	_ journey.Checker  = (*SetFailureURL)(nil)
)

// Process implements journey.Node.
func (n *SetFailureURL) Process(_ context.Context, in *journey.Input) (journey.Action, error) {
	in.State.PutShared(journey.KeyFailureURL, n.URL)
	return journey.Goto(outcomeOnly), nil
}

// Outcomes implements journey.Node.
func (*SetFailureURL) Outcomes() []string { return []string{outcomeOnly} }

// Reads implements journey.Declarer.
func (*SetFailureURL) Reads() []string { return nil }

// Writes implements journey.Declarer.
func (*SetFailureURL) Writes() []string { return []string{journey.KeyFailureURL} }

// Check implements journey.Checker.
func (n *SetFailureURL) Check() error { return checkURL(n.URL) }
