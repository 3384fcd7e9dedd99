// Package treefile reads the files in which AM's journeys travel: exports of
// the platform and of frodo, what fr-config-manager keeps, and plain trees of
// AM's REST API.
//
// A journey that cannot run here is read too: it is disabled, and its Problems
// say what it would need. Judge decides for the journeys of a realm which of
// them run, and whether the rest may be missing.
package treefile
