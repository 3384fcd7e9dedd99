// Package password checks passwords against their hashes, and bounds how many
// checks run at once.
//
// Hashing is slow on purpose, so a flood of wrong passwords would take all
// processors from the requests of those who are signed in. A Gate lets no
// more hashes run than there are processors, queues a few, and refuses the
// rest at once.
package password
