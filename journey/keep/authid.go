package keep

import (
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/amgate/amgate/journey"
	"github.com/amgate/amgate/token"
)

// authIDs makes and opens the authIds of one keeper.
type authIDs struct {
	keys *token.Keys
	// sealer is for the journeys that their clients carry.
	sealer *token.Sealer
	// kind is that of the sessionId claim.
	kind token.Kind
	// noAllowlisting leaves the allowlist state out.
	noAllowlisting bool
}

// newAllow returns the allowlist state of a new step: a UUID of version 4.
func newAllow() string { return uuid.NewString() }

// sign makes the authId that answers the step that s now asks. otk and
// checkpoint may be "".
func (a authIDs) sign(s *journey.Snapshot, sessionID, otk, checkpoint string) (string, error) {
	claims := token.AuthID{
		Realm:      s.Realm,
		SessionID:  sessionID,
		IndexType:  s.IndexType,
		IndexValue: s.IndexValue,
		Allow:      s.Allow,
		OTK:        otk,
		Affinity:   s.Affinity,
		Params:     paramsOf(s),
		Checkpoint: checkpoint,
		Issued:     time.Now(),
		Expires:    s.Deadline,
	}
	if a.noAllowlisting {
		claims.Allow = ""
	}
	if s.Suspended != nil {
		claims.Expires = s.Suspended.Until
	}
	authID, err := a.keys.SignAuthID(claims)
	switch {
	case errors.Is(err, token.ErrTooLarge):
		return "", fmt.Errorf("%w: %w", journey.ErrTooLarge, err)
	case err != nil:
		return "", fmt.Errorf("keep: sign an authId: %w", err)
	}
	return authID, nil
}

// paramsOf are the parameters that a journey was begun with, as an authId has
// them; "" if there are none. The level is told by what was asked for.
func paramsOf(s *journey.Snapshot) string {
	params := s.Params
	params.TargetLevel = 0
	if params == (journey.Params{}) {
		return ""
	}
	text, _ := json.Marshal(params) // it has texts and switches
	return string(text)
}

// reference is the sessionId claim of a journey that rests here: ref is what
// the journey's client knows it by. That is not its id, for it changes when
// the journey is resumed: no authId from before answers what comes after.
func (a authIDs) reference(ref journey.ID) string { return a.keys.Mint(a.kind, ref) }

// signSpent makes the authId that goes with a suspended journey: one of a
// journey that its client carries, without the journey.
func (a authIDs) signSpent(s *journey.Snapshot) (string, error) {
	return a.sign(s, a.keys.Carry(""), "", "")
}

// opened is a verified authId. It says nothing about the journey's state.
type opened struct {
	token.AuthID
	// ref names the journey: by what its client knows it, or, for one that its
	// client carries, by its id.
	ref journey.ID
	// carried is the journey that its client carries.
	carried *stored
}

// open verifies an authId: its form, its signature, its realm and its
// deadline, in this order. Errors: journey.ErrMalformed, journey.ErrSignature,
// journey.ErrExpired, and *journey.LostError for a journey that was begun
// under another kind of keeper, before the realm's configuration changed.
func (a authIDs) open(realm, authID string) (opened, error) {
	claims, err := a.keys.ParseAuthID(authID)
	switch {
	case errors.Is(err, token.ErrMalformed):
		return opened{}, journey.ErrMalformed
	case err != nil, claims.Realm != realm:
		return opened{}, journey.ErrSignature
	case !time.Now().Before(claims.Expires):
		return opened{}, journey.ErrExpired
	}
	o := opened{AuthID: claims}
	sealed, carries := a.keys.Carried(claims.SessionID)
	switch {
	case carries && sealed == "":
		return opened{}, journey.ErrExpired
	case carries && a.kind == token.JWTAuth:
		err := o.unseal(a.sealer, sealed)
		return o, err
	}
	ref, err := a.keys.OpenReference(a.kind, claims.SessionID)
	if err != nil {
		return opened{}, o.lost()
	}
	o.ref = ref.Head
	return o, nil
}

// purposeJourney is the purpose under which journeys are sealed.
const purposeJourney = "journey"

// unseal opens the journey that an authId carries. What was sealed into one
// authId cannot be moved to another.
func (o *opened) unseal(sealer *token.Sealer, sealed string) error {
	plain, err := sealer.Open(sealed)
	if err != nil {
		return journey.ErrSignature
	}
	s, err := decode(plain)
	switch {
	case errors.Is(err, errVersion):
		return o.lost()
	case err != nil:
		return err
	case s.Start != o.start(), o.Allow != "" && o.Allow != s.Allow,
		!same(s.OTK, o.OTK):
		return journey.ErrSignature
	}
	o.ref, o.carried = s.ID, s
	return nil
}

// start is what the client asked for when the journey began.
func (o *opened) start() journey.Start {
	return journey.Start{
		Realm: o.Realm, IndexType: o.IndexType, IndexValue: o.IndexValue, Affinity: o.Affinity,
	}
}

// lost says that the journey's state cannot be reached here.
func (o *opened) lost() error {
	e := &journey.LostError{Start: o.start()}
	if o.Params == "" {
		return e
	}
	if err := json.Unmarshal([]byte(o.Params), &e.Params); err != nil {
		return journey.ErrMalformed
	}
	return e
}

// judge decides whether o answers the step that s asks. The deadline is that
// of the authId, which open has judged.
func (a authIDs) judge(o opened, s *journey.Snapshot) error {
	switch {
	case s.Realm != o.Realm:
		return journey.ErrSignature
	case !a.allows(o, s.Allow):
		return journey.ErrUsed
	}
	return nil
}

// allows reports whether o carries the allowlist state.
func (a authIDs) allows(o opened, allow string) bool {
	return a.noAllowlisting || same(allow, o.Allow)
}

// same compares secrets in a time that tells nothing of how far they agree.
func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }
