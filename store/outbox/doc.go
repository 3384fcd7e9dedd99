// Package outbox delivers news at least once, whatever becomes of the node
// that had them.
//
// Words. A notice is what is to be told, under o/<id>: it is posted by the
// very transaction that makes the news, so that there is one if and only if
// they are true. To claim a notice is to be the only node that delivers it,
// for a term; who posts one has claimed it. A notice that was delivered is
// deleted; one that could not be is tried again, by any node, after a pause
// that grows, until it is MaxAge old.
//
// A notice whose node died is delivered by another one when the claim is over:
// perhaps for the second time. Whoever is told can know it by its id.
//
// The value of a notice: version (1), posted (8 bytes, big-endian milliseconds
// since 1970), claimed until (8), tries (1), what is to be told. Only the last
// is sealed, by whoever posts it: the rest says nothing.
package outbox
