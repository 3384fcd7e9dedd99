// Package keep remembers unfinished journeys: Server in the shared store,
// Memory in this process. Both give the client an authId that holds a
// reference to the journey and its allowlist state (AM's whitelist-state),
// a random value that is new at each step: an authId answers one step, once.
//
// A keeper works for one realm, with that realm's keys. Answers to one journey
// are taken one after the other in a process, so that of many at once only
// one runs its nodes; between processes the store decides which one counts.
package keep

// MaxState is how many bytes the state of one journey may take up. More is
// journey.ErrTooLarge.
const MaxState = 256 << 10
