// Package journeytest helps to test nodes and keepers: a kit to call a node
// as the engine does (Given), answers that no honest client sends (Hostile),
// people to sign in (Users), and the suite that every keeper passes
// (RunKeeper).
package journeytest
