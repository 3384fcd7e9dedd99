package keep

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/amgate/amgate/journey"
	"github.com/amgate/amgate/token"
)

// authIDs makes and opens the authIds of one keeper. The sessionId claim is a
// reference in AM's layout whose head is the journey's id.
type authIDs struct {
	keys *token.Keys
	kind token.Kind
}

// newAllow returns the allowlist state of a new step: a UUID of version 4.
func newAllow() string { return uuid.NewString() }

// sign makes the authId that answers the step that s now asks.
func (a authIDs) sign(s *journey.Snapshot) (string, error) {
	authID, err := a.keys.SignAuthID(token.AuthID{
		Realm:      s.Realm,
		SessionID:  a.keys.Mint(a.kind, s.ID),
		IndexType:  s.IndexType,
		IndexValue: s.IndexValue,
		Allow:      s.Allow,
		Affinity:   s.Affinity,
		Issued:     time.Now(),
		Expires:    s.Deadline,
	})
	if err != nil {
		return "", fmt.Errorf("keep: sign an authId: %w", err)
	}
	return authID, nil
}

// opened is a verified authId. It says nothing about the journey's state.
type opened struct {
	token.AuthID
	id journey.ID
	// ours is false for a journey that was begun under another keeper, before
	// the realm's configuration changed.
	ours bool
}

// open verifies an authId: its form, its signature, its realm and its
// deadline, in this order. Errors: journey.ErrMalformed, journey.ErrSignature,
// journey.ErrExpired.
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
	if ref, err := a.keys.OpenReference(a.kind, claims.SessionID); err == nil {
		o.id, o.ours = ref.Head, true
	}
	return o, nil
}

// start is what the client asked for when the journey began.
func (o opened) start() journey.Start {
	return journey.Start{
		Realm: o.Realm, IndexType: o.IndexType, IndexValue: o.IndexValue, Affinity: o.Affinity,
	}
}

// judge decides whether o answers the step that s asks. The deadline is that
// of the authId, which open has judged.
func (o opened) judge(s *journey.Snapshot) error {
	switch {
	case s.ID != o.id || s.Realm != o.Realm:
		return journey.ErrSignature
	case subtle.ConstantTimeCompare([]byte(s.Allow), []byte(o.Allow)) != 1:
		return journey.ErrUsed
	}
	return nil
}
