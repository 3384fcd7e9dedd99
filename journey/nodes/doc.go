// Package nodes has the nodes that amgate ships, a file each. A node is a
// struct that holds its configuration and nothing else; its JSON members are
// AM's, so that a node of an AM export decodes into it. All lists them with
// what adapters, documentation and tests need to know.
package nodes

// Outcomes that many of AM's nodes share.
const (
	outcomeTrue  = "true"
	outcomeFalse = "false"
	outcomeOnly  = "outcome" // of a node that has just one
)

// outcomeOf is the outcome of a yes-or-no decision.
func outcomeOf(yes bool) string {
	if yes {
		return outcomeTrue
	}
	return outcomeFalse
}
