package nodes

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1" //nolint:gosec // G505: what RFC 4226 has
	"encoding/binary"
	"fmt"
	"time"

	"github.com/amgate/amgate/journey"
)

// OTPGenerator makes a one-time password and keeps it in the journey's state.
// A new one replaces the old one.
type OTPGenerator struct {
	Length int `json:"length" option:"length" doc:"How many digits it has, 6 or 8."`
}

var (
	_ journey.Node     = (*OTPGenerator)(nil)
	_ journey.Declarer = (*OTPGenerator)(nil)
	_ journey.Checker  = (*OTPGenerator)(nil)
)

func newOTPGenerator() journey.Node { return &OTPGenerator{Length: 8} }

// Keys of the state about a one-time password. The first two are AM's: the
// password, and when it was made, in seconds since 1970.
const (
	keyOTP     = "oneTimePassword"
	keyOTPTime = "oneTimePasswordTimestamp"
	// keyOTPUser is the id of the user to whom it was mailed; "" if it went to an
	// address that was typed.
	keyOTPUser = "oneTimePasswordUser"
	// keyOTPGuesses counts the wrong answers.
	keyOTPGuesses = "oneTimePasswordGuesses"
)

// otpKeys are all of them.
var otpKeys = []string{keyOTP, keyOTPTime, keyOTPUser, keyOTPGuesses}

// Process implements journey.Node.
func (n *OTPGenerator) Process(_ context.Context, in *journey.Input) (journey.Action, error) {
	secret := make([]byte, sha1.Size)
	rand.Read(secret) // never fails since Go 1.24
	forgetOTP(in.State)
	in.State.PutTransient(keyOTP, hotp(secret, 0, n.Length))
	in.State.PutTransient(keyOTPTime, int(time.Now().Unix()))
	return journey.Goto(outcomeOnly), nil
}

func forgetOTP(s *journey.State) {
	for _, key := range otpKeys {
		s.Remove(key)
	}
}

// hotp is the one-time password of RFC 4226, section 5.3. SHA-1 is sound in an
// HMAC.
func hotp(secret []byte, counter uint64, digits int) string {
	m := hmac.New(sha1.New, secret)
	m.Write(binary.BigEndian.AppendUint64(nil, counter))
	sum := m.Sum(nil)
	offset := sum[len(sum)-1] & 0xf
	number := binary.BigEndian.Uint32(sum[offset:]) & 0x7fffffff
	modulus := uint32(1)
	for range digits {
		modulus *= 10
	}
	return fmt.Sprintf("%0*d", digits, number%modulus)
}

// Outcomes implements journey.Node.
func (*OTPGenerator) Outcomes() []string { return []string{outcomeOnly} }

// Reads implements journey.Declarer.
func (*OTPGenerator) Reads() []string { return nil }

// Writes implements journey.Declarer.
func (*OTPGenerator) Writes() []string { return otpKeys }

// Check implements journey.Checker.
func (n *OTPGenerator) Check() error {
	if n.Length != 6 && n.Length != 8 {
		return fmt.Errorf("length %d: 6 or 8 is needed", n.Length)
	}
	return nil
}
