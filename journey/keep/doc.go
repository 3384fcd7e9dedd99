// Package keep remembers unfinished journeys, in one of three places: the
// shared store (NewServer), the memory of this process (NewMemory), or the
// authId itself, sealed (NewClient). In all three the client gets an authId
// that carries the journey's allowlist state (AM's whitelist-state), a random
// value that is new at each step: an authId answers one step, once.
//
// A suspended journey rests in the store, whatever the place of the others,
// under a secret that only its link tells.
//
// A keeper works for one realm, with that realm's keys. Answers to one journey
// are taken one after the other in a process, so that of many at once only
// one runs its nodes; between processes the store decides which one counts.
//
// # Commits in doubt
//
// A commit that fails with store.ErrUnavailable may have happened. This node
// remembers for a while how the journey was before, so that the client can
// send the step again to it; on another node such a step counts as answered.
//
// # Without allowlisting
//
// An authId then carries no allowlist state. In the store and in memory an
// older step's answers are applied to the step that the journey is at, as in
// AM; a client that carries its journey goes back with the older authId. Still
// a journey yields at most one session.
package keep

const (
	// MaxState is how many bytes the state of one journey may take up in the
	// store and in memory. More is journey.ErrTooLarge.
	MaxState = 256 << 10
	// MaxCarried is the same for a journey that its client carries: sealed
	// and signed it must fit into token.MaxAuthID.
	MaxCarried = 32 << 10
)
