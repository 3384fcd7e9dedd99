// Package lint finds what is odd about a journey that can run: ways that lead
// nowhere, loops that never end, and ways to success on which nobody had to
// prove anything.
package lint
