package identity

import "time"

// Standing is a Store that knows from memory, without asking anybody, whether
// users may sign in and by what: a session that rests on a password that was
// changed since, or on an account that was, must not go on.
type Standing interface {
	Store
	// Stamp names what a user signs in by. It is another one for another
	// password, says nothing about it, and is "" for somebody who is not there or
	// not active. It has been so, as far as this Store knows, since then.
	Stamp(id string) (stamp string, since time.Time)
	// OnChange has fn called with the ids of users whose Stamp has changed, and
	// when the change was made, until stop is called. fn must not block.
	OnChange(fn func(ids []string, made time.Time)) (stop func())
}
