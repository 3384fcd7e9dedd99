package realm

import "time"

// Metrics counts what journeys do. All names come from the configuration, so
// that there is a bounded number of them. Methods must not block and are safe
// for concurrent use.
type Metrics interface {
	// JourneyStarted and JourneyEnded frame a journey; how is "succeeded",
	// "failed" or "error". One that is given up never ends.
	JourneyStarted(realm, journey, scheme string)
	JourneyEnded(realm, journey, scheme, how string, took time.Duration)
	// StepRefused counts answers that no journey got to see; why is "expired",
	// "used", "foreign", "lost", "signature", "malformed" or "not_suspended".
	StepRefused(realm, scheme, why string)
	// JourneyMoved counts in-memory journeys that this node went on with after
	// another one; how is "handed_over" or "taken_over".
	JourneyMoved(realm, how string)
	// JourneysHandedOver counts the journeys of a realm that a drain has written
	// to the store.
	JourneysHandedOver(realm string, n int)
	// NodeVisited counts a node by its type; how is an outcome, "asked",
	// "suspended" or "error".
	NodeVisited(realm, journey, nodeType, how string, took time.Duration)
	// Delivered counts what is done after a reply; what is "link" or
	// "webhook", how is "sent", "failed" or, for a webhook that will be called
	// again, "retried".
	Delivered(realm, what, how string)
	// Count and Time are those of Meter and Timer nodes.
	Count(realm, name string)
	Time(realm, name string, took time.Duration)
}

// The words of Metrics.
const (
	deliveredLink    = "link"
	deliveredWebhook = "webhook"
	howSent          = "sent"
	howRetried       = "retried"
	howAsked         = "asked"
	howSuspended     = "suspended"
)

func outcomeOf(err error) string {
	if err != nil {
		return howFailed
	}
	return howSent
}

// nobodyCounts is Metrics for nobody.
type nobodyCounts struct{}

func (nobodyCounts) JourneyStarted(string, string, string)                      {}
func (nobodyCounts) JourneyEnded(string, string, string, string, time.Duration) {}
func (nobodyCounts) StepRefused(string, string, string)                         {}
func (nobodyCounts) JourneyMoved(string, string)                                {}
func (nobodyCounts) JourneysHandedOver(string, int)                             {}
func (nobodyCounts) NodeVisited(string, string, string, string, time.Duration)  {}
func (nobodyCounts) Delivered(string, string, string)                           {}
func (nobodyCounts) Count(string, string)                                       {}
func (nobodyCounts) Time(string, string, time.Duration)                         {}

var _ Metrics = nobodyCounts{}
