package nodes

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/amgate/amgate/journey"
)

// SetSuccessURL says where the client goes after success, unless it asked for
// a place of its own with goto.
type SetSuccessURL struct {
	URL string `json:"successUrl" option:"url" doc:"An http or https URL, or a path that begins with a slash. Required." example:"https://app.example.com/welcome"`
}

var (
	_ journey.Node     = (*SetSuccessURL)(nil)
	_ journey.Declarer = (*SetSuccessURL)(nil)
	_ journey.Checker  = (*SetSuccessURL)(nil)
)

// Process implements journey.Node.
func (n *SetSuccessURL) Process(_ context.Context, in *journey.Input) (journey.Action, error) {
	in.State.PutShared(journey.KeySuccessURL, n.URL)
	return journey.Goto(outcomeOnly), nil
}

// Outcomes implements journey.Node.
func (*SetSuccessURL) Outcomes() []string { return []string{outcomeOnly} }

// Reads implements journey.Declarer.
func (*SetSuccessURL) Reads() []string { return nil }

// Writes implements journey.Declarer.
func (*SetSuccessURL) Writes() []string { return []string{journey.KeySuccessURL} }

// Check implements journey.Checker.
func (n *SetSuccessURL) Check() error { return checkURL(n.URL) }

// checkURL tells what is wrong with the option url, a place where a client may
// be sent.
func checkURL(place string) error {
	if place == "" {
		return errors.New("url is missing; give an http or https URL, or a path that begins with a slash")
	}
	u, err := url.Parse(place)
	switch {
	case err != nil:
	case (u.Scheme == "http" || u.Scheme == "https") && u.Host != "":
		return nil
	case u.Scheme == "" && u.Host == "" && strings.HasPrefix(place, "/") && !strings.Contains(place, `\`):
		return nil
	}
	return fmt.Errorf("url %q: an http or https URL is needed, or a path that begins with a slash", place)
}
