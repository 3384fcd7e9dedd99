// Package routing decides which AM node answers a request: on an edge, before
// it is sent, and on a node that a step has reached whose journey is another
// node's.
//
// Words. A Decision is made once for each request, from the affinity that the
// request carries and the nodes that there are (a Table); if a node does not
// answer, the Decision goes on to the next one. An owner is the node that has a
// journey in its memory; a step that reaches another node is passed on to it,
// once.
//
// The rules of an edge, in this order:
//
//  1. A journey stays on its node, the one whose pin its affinity has, as long as
//     that one is there, draining or not.
//  2. What begins a journey goes to the one of the two best-ranked nodes that has
//     fewer journeys; everything else to the best-ranked one. So several edges
//     agree without talking.
//  3. A node that is draining is left out, and one that the directory does not
//     have although it has others of the same edge, unless there is no other.
//
// Nothing here knows Caddy.
package routing
