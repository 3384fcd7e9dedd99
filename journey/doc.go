// Package journey runs authentication journeys: AM's trees of nodes.
//
// A Tree is nodes and wires. The Engine walks a journey through a tree: it
// calls one Node after another until one asks the client something or the
// journey ends. Between two steps a Keeper remembers where the journey is.
// Nodes decide outcomes; whether a step may succeed at all is the engine's
// business alone.
package journey

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
)

// ID names a journey: 20 random bytes. It opens nothing by itself.
type ID [20]byte

// NewID returns a random ID.
func NewID() ID {
	var id ID
	rand.Read(id[:]) // never fails since Go 1.24
	return id
}

// String is the ID in base64url, 27 characters.
func (id ID) String() string { return base64.RawURLEncoding.EncodeToString(id[:]) }

// MarshalText and UnmarshalText use the form of String.
func (id ID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (id *ID) UnmarshalText(text []byte) error {
	b, err := base64.RawURLEncoding.Strict().DecodeString(string(text))
	if err != nil || len(b) != len(id) {
		return fmt.Errorf("journey: %d characters are no journey id", len(text))
	}
	copy(id[:], b)
	return nil
}
