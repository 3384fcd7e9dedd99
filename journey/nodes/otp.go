package nodes

import (
	"cmp"
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"time"

	"github.com/amgate/amgate/identity"
	"github.com/amgate/amgate/journey"
	"github.com/amgate/amgate/journey/callback"
)

// OTPDecision asks for the one-time password: true if it is the one that was
// generated and young enough. Then it is gone, and the user to whom it was
// mailed is identified. A password that was mailed to somebody else than the
// user whom the journey has identified is false: to another user, or to an
// address that the client typed while there was none.
//
// What is wrong counts for the user's lockout, if the realm has one. Besides, a
// one-time password that was guessed wrong ten times is never true any more
// (RFC 4226, section 7.3, asks for such a bound; AM has none but a Retry Limit
// node). Only a new one is.
type OTPDecision struct {
	// Expiry is in minutes.
	Expiry int `json:"passwordExpiryTime" option:"expiry" doc:"How long the one-time password is good, in minutes."`
}

var (
	_ journey.Node     = (*OTPDecision)(nil)
	_ journey.Declarer = (*OTPDecision)(nil)
	_ journey.Checker  = (*OTPDecision)(nil)
)

// maxGuesses is how many wrong answers a one-time password outlives.
const maxGuesses = 10

func newOTPDecision() journey.Node { return &OTPDecision{Expiry: 5} }

// Process implements journey.Node.
func (n *OTPDecision) Process(ctx context.Context, in *journey.Input) (journey.Action, error) {
	if in.State.String(keyOTP) == "" {
		return journey.Action{}, errNoOTP
	}
	answer, ok := callback.First[callback.Password](in.Answers)
	if !ok || answer.Value == "" {
		return journey.Ask(callback.Password{Prompt: "One Time Password"}), nil
	}
	user, theirs, err := otpUser(ctx, in)
	if err != nil {
		return journey.Action{}, err
	}
	right := func() bool { return theirs && n.accepts(in.State, answer.Value) }
	var accepted bool
	if user == nil {
		accepted = right()
	} else if accepted, err = in.Services.Accounts.Check(ctx, user, right); errors.Is(err, identity.ErrLocked) {
		in.State.PutShared(journey.KeyLockoutMessage, journey.MessageLockedOut)
	} else if err != nil {
		return journey.Action{}, err
	}
	if !accepted {
		in.State.PutShared(keyOTPGuesses, in.State.Int(keyOTPGuesses)+1)
		return journey.Goto(outcomeFalse), nil
	}
	forgetOTP(in.State)
	in.State.Remove(journey.KeyLockoutMessage)
	action := journey.Goto(outcomeTrue)
	if user != nil && in.Subject == "" {
		action = action.WithSubject(user)
	}
	return action, nil
}

// otpUser is the user to whom the one-time password was mailed, else the one
// whom the journey has identified; nil if there is neither. It is not theirs if
// it was mailed to anybody else than the journey's user: to another user, to an
// address that was typed, or to one who is gone.
func otpUser(ctx context.Context, in *journey.Input) (user *identity.User, theirs bool, err error) {
	mailedTo := in.State.String(keyOTPUser)
	_, mailed := in.State.Get(keyOTPUser) // a node of others may bring it in its own way
	theirs = in.Subject == "" || !mailed || mailedTo == in.Subject
	id := cmp.Or(in.Subject, mailedTo)
	if id == "" {
		return nil, theirs, nil
	}
	user, err = in.Users.ByID(ctx, id)
	if errors.Is(err, identity.ErrNotFound) {
		return nil, false, nil
	}
	return user, theirs, err
}

// accepts reports whether an answer is the one-time password.
func (n *OTPDecision) accepts(s *journey.State, answer string) bool {
	made := time.Unix(int64(s.Int(keyOTPTime)), 0)
	right := subtle.ConstantTimeCompare([]byte(answer), []byte(s.String(keyOTP))) == 1
	return right && time.Since(made) < minutes(n.Expiry) && s.Int(keyOTPGuesses) < maxGuesses
}

// Outcomes implements journey.Node.
func (*OTPDecision) Outcomes() []string { return []string{outcomeTrue, outcomeFalse} }

// Reads implements journey.Declarer.
func (*OTPDecision) Reads() []string { return otpKeys }

// Writes implements journey.Declarer. A one-time password outlives the answer.
func (*OTPDecision) Writes() []string { return nil }

// Check implements journey.Checker.
func (n *OTPDecision) Check() error {
	if n.Expiry < 1 {
		return fmt.Errorf("expiry %d: at least 1 minute is needed", n.Expiry)
	}
	return nil
}
