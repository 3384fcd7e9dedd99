package realm

import (
	"context"

	"github.com/amgate/amgate/journey"
	"github.com/amgate/amgate/session"
)

// Messages and error codes of a Failure, in AM's words.
const (
	messageLoginFailure = "Login failure"
	messageTimedOut     = "Session has timed out"
	messageOtherUser    = "Session Upgrade fails since user is different than original authenticated user"
	messageQuota        = "You have reached your session limit."
	errorCodeTimedOut   = "110"
	errorCodeQuota      = "115"
	// ErrorCodeOtherUser is the Failure of a user who has signed in while the
	// client had a session of somebody else.
	ErrorCodeOtherUser = "124"
)

// Authenticate starts or continues a journey. Errors: ErrNoConfiguration,
// ErrIndexType, ErrAdvice, ErrUpgradeToken, journey.ErrMalformed,
// journey.ErrSignature, journey.ErrNotSuspended, journey.ErrTooLarge,
// callback.ErrAnswer, and the faults of journey.IsFault, after which the same
// request can be sent again. However a journey ends is no error but in the
// Reply.
func (r *Realm) Authenticate(ctx context.Context, req Request) (Reply, error) {
	k, err := r.set.keys()
	if err != nil {
		return Reply{}, err
	}
	req.SuspendedID, _ = PartLink(req.SuspendedID)
	c := &call{Realm: r, running: r.running.Load(), keyed: k, req: req}
	c.reply.Affinity = k.Pinned(req.Affinity)
	switch {
	case req.AuthID != "":
		return c.answer(ctx)
	case c.beginsElsewhere(ctx):
		return Reply{}, ErrElsewhere
	case req.SuspendedID != "":
		return c.resume(ctx)
	}
	return c.start(ctx)
}

// call is one Request on its way to its Reply.
type call struct {
	*Realm
	*running
	keyed *keyed
	req   Request
	reply Reply
	// session is the one that the client has, nil if none counts.
	session *session.Session
	// snap is the journey, nil until it is found.
	snap *journey.Snapshot
	// end is how the journey ended, nil if it goes on.
	end *end
	// send tells the link of a journey that this step suspended.
	send journey.Send
	// transaction names the call in the audit log, tracking its journey; ""
	// until an event needs them.
	transaction, tracking string
}
