// Package cluster knows which AM nodes an installation has: the directory that
// edges route by and nodes find each other in.
//
// Each node that has an address writes a record under n/ every two seconds:
// its name, its address, how many journeys it has under way, whether it is
// draining. Everybody who takes part follows these records by watch. They are
// sealed under a key of the installation, for whoever could forge one would
// be sent passwords.
//
// A node that ends says so, and is gone at once; so is one that leaves, though
// it goes on serving what still reaches it. One that falls silent is late
// when its lease is over: then it is probed, and gone when the probe fails, or
// ten seconds later. All this is measured by a clock that stands still while
// the store is silent: an outage of the store freezes the directory and
// empties nothing.
package cluster
