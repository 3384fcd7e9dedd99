// Package session keeps authenticated sessions: it issues them, finds them by
// what a client presents, knows when they were used last, and ends them.
//
// Words. A session is what a finished journey yields. A token is what the
// client presents for it; the head of the token is its secret part. The id of
// a session is a hash of that head, so who reads the store can present
// nothing. A session lives until its max time is over, until it was idle, or
// until somebody ends it. A user's index is one entry for each session of the
// user; it also holds the last access, so that using a session never changes
// the record that every edge has cached.
//
// In the store, sealed under the realm's keys and bound to their names:
//
//	s/<sid>        the session: identity, deadlines, properties
//	u/<uh>/<sid>   the user's index: deadlines, last access
//
//	d/<sid>        a session is ended that its client carries
//	e/<uh>         all sessions of a user are that were issued before, likewise
//
// A realm's clients can also carry their sessions (Config.Carried): the token
// then is the session's id and record, signed and sealed. The store has nothing
// of it until it is ended, so it is in no index and its idle time is not judged.
//
// sid is a hash of the token's head and uh a keyed hash of realm and user id,
// both 20 bytes in base64url. A session and its entry are made and removed in
// one transaction; an entry that is missing means that the session has ended.
//
// What is promised. The max time is exact. A session that was last used at T
// is refused as idle not before T + idle and, from T + idle + Resolution +
// FlushInterval on, in every case, as long as the store answers. While it does
// not, and for as long afterwards, no session is idle: an outage keeps people
// from using their sessions and is not to log them out.
package session
