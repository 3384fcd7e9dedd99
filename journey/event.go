package journey

import "time"

// Visit tells that a journey visited a node, for audit and metrics. It holds
// nothing that a client answered.
type Visit struct {
	Realm string
	// JourneyID is the journey's, Journey the name of the journey that was
	// started, Tree that of the tree that the node is written in.
	JourneyID     string
	Journey, Tree string
	// NodeID, Type and Name are those of the node.
	NodeID, Type, Name string
	// Outcome is the outcome that was chosen; "" if the node asked, suspended
	// or failed.
	Outcome         string
	Asked, Suspends bool
	// Err is why the node could not decide.
	Err  error
	Step int
	// Subject is the id of the user who was identified so far.
	Subject string
	Took    time.Duration
}
