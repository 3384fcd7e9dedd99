package token

import (
	"bytes"
	"errors"
	"fmt"
)

// The errors of the package. They say nothing about the value refused.
var (
	// ErrInvalid says that a reference was not made by this ring.
	ErrInvalid = errors.New("token: not a token of ours")
	// ErrMalformed says that an authId is no JWT of the form that we sign.
	ErrMalformed = errors.New("token: malformed")
	// ErrSignature says that an authId was not signed, or a text not sealed, by
	// this installation for this realm.
	ErrSignature = errors.New("token: signature not valid")
)

// minInstallation is the least length of an installation's id in bytes.
const minInstallation = 16

// Ring is all keys of an installation. It is immutable and safe for
// concurrent use.
type Ring struct {
	installation []byte
	root         Secret
	realms       map[string]*Keys
	byID         map[[keyIDSize]byte]*key
}

// Keys is the keys of one realm, newest first. It is immutable and safe for
// concurrent use.
type Keys struct {
	realm string
	keys  []*key
}

// Realm is the path of the realm.
func (k *Keys) Realm() string { return k.realm }

// key is what is derived from one secret for one realm.
type key struct {
	id        string
	realm     string
	reference *mac
	head      *mac
	authID    [32]byte
	header    string // of authIds
	seal      [32]byte
	session   [32]byte // signs sessions by HS256
	// carried is what the keys of sealed texts are derived from.
	carried [32]byte
	// sealedStart begins what a Sealer makes with this key, zippedStart a session
	// that is compressed, carrier what Carry makes.
	sealedStart, zippedStart, carrier string
}

// SealKey is a key for package store/sealed.
type SealKey struct {
	ID  string
	Key [32]byte
}

// NewRing derives the keys of an installation, whose id is random and at
// least 16 bytes long, from its root secrets and those of its realms, by
// path. Every list is newest first and has at least one secret; a secret that
// is listed twice counts once.
func NewRing(installation []byte, root []Secret, realms map[string][]Secret) (*Ring, error) {
	if len(installation) < minInstallation {
		return nil, fmt.Errorf("token: an installation id of %d bytes, at least %d are needed", len(installation), minInstallation)
	}
	if err := checkSecrets(root); err != nil {
		return nil, fmt.Errorf("token: root secrets: %w", err)
	}
	r := &Ring{
		installation: bytes.Clone(installation),
		root:         root[0],
		realms:       make(map[string]*Keys, len(realms)),
		byID:         make(map[[keyIDSize]byte]*key),
	}
	for path, secrets := range realms {
		if err := checkSecrets(secrets); err != nil {
			return nil, fmt.Errorf("token: secrets of realm %s: %w", path, err)
		}
		if err := r.add(path, secrets); err != nil {
			return nil, err
		}
	}
	return r, nil
}

func checkSecrets(secrets []Secret) error {
	if len(secrets) == 0 {
		return errors.New("none is given")
	}
	for _, s := range secrets {
		if s.bytes == nil {
			return errors.New("one of them is empty")
		}
	}
	return nil
}

// add derives the keys of one realm.
func (r *Ring) add(path string, secrets []Secret) error {
	ks := &Keys{realm: path}
	seen := make(map[string]bool, len(secrets))
	for _, s := range secrets {
		if material := string(s.material()); seen[material] {
			continue
		} else {
			seen[material] = true
		}
		k := r.newKey(path, s)
		id := [keyIDSize]byte([]byte(k.id))
		if other, taken := r.byID[id]; taken {
			return fmt.Errorf("token: realms %s and %s have a key of the same id %s; give one of them another secret", other.realm, path, k.id)
		}
		r.byID[id] = k
		ks.keys = append(ks.keys, k)
	}
	r.realms[path] = ks
	return nil
}

func (r *Ring) newKey(path string, s Secret) *key {
	purpose := func(name string) [32]byte { return derive(s, r.installation, scopeRealm, name, path) }
	id := keyID(purpose("key id"))
	return &key{
		id:        id,
		realm:     path,
		reference: newMAC(purpose("reference")),
		head:      newMAC(purpose("head")),
		authID:    purpose("authId"),
		header:    authIDHeader(id),
		seal:      purpose("seal"),
		session:   purpose("session"),
		carried:   purpose("carried"),

		sealedStart: sealedStartOf(sealedHeader, id),
		zippedStart: sealedStartOf(zippedHeader, id),
		carrier:     carrierOf(JWTAuth, id),
	}
}

// Realm returns the keys of the realm with this path.
func (r *Ring) Realm(path string) (*Keys, bool) {
	ks, ok := r.realms[path]
	return ks, ok
}

// RealmOf returns the path of the realm that has the key with this id, as
// package store/sealed writes it beside what it seals.
func (r *Ring) RealmOf(keyID string) (path string, ok bool) {
	if len(keyID) != keyIDSize {
		return "", false
	}
	k, ok := r.byID[[keyIDSize]byte([]byte(keyID))]
	if !ok {
		return "", false
	}
	return k.realm, true
}

// Derive derives a key for a purpose of the whole installation from the
// newest root secret.
func (r *Ring) Derive(purpose string) [32]byte {
	return derive(r.root, r.installation, scopeInstallation, purpose)
}

// DeriveLasting derives a key for a purpose of the whole installation that
// stays the same when secrets are rotated, for the names of records that
// outlive them. It is as secret as the installation's id.
func (r *Ring) DeriveLasting(purpose string) [32]byte {
	return derive(hide(r.installation), nil, scopeLasting, purpose)
}

// DeriveHead makes the head of a session's reference from the id of its
// journey. Who repeats a login's last step arrives at the same session, until
// the realm's newest secret changes.
func (k *Keys) DeriveHead(seed []byte) [headSize]byte {
	sum := k.keys[0].head.sum(string(seed))
	return [headSize]byte(sum[:headSize])
}

// SealKeys returns the keys to seal the realm's records with, newest first.
func (k *Keys) SealKeys() []SealKey {
	out := make([]SealKey, len(k.keys))
	for i, key := range k.keys {
		out[i] = SealKey{ID: key.id, Key: key.seal}
	}
	return out
}

// find returns the realm's key with this id.
func (k *Keys) find(id string) *key {
	for _, key := range k.keys {
		if key.id == id {
			return key
		}
	}
	return nil
}
