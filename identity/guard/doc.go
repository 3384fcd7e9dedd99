// Package guard is what a realm keeps about its accounts in the CTS, exactly
// across nodes: counters of journeys, which accounts are switched off, and
// which names are locked out after failed logins.
//
// A realm's people are seen through a Guard's Users. There every check of
// credentials passes, whichever way it came in, so that none evades a lockout
// and none is forgotten.
//
// In the store, sealed under the realm's keys and bound to their names:
//
//	c/<hash>   a counter of a user, and the attempts that it counted last
//	a/<hash>   an account that is switched off
//	l/<hash>   the credential checks of a name that count, and its lock
//
// The hashes are keyed, of the realm and a user's id or a name's canonical
// form, 20 bytes in base64url: who reads the store learns nobody's name, not
// even by trying names.
//
// A record that cannot be opened was damaged, or its key was rotated out. A
// counter, or what counts for a lockout, then begins anew, as if somebody had
// removed the record; an account that is switched off stays so, since the
// record is there.
package guard
