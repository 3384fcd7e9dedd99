package token

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash"
	"sync"
)

// The scopes of derivation keep apart what is derived with and without an
// installation's id and a realm, and by secrets that are never rotated. They
// carry the version of the scheme.
const (
	scopeRoot         = "amgate 1 root"
	scopeInstallation = "amgate 1 installation"
	scopeRealm        = "amgate 1 realm"
	scopeLasting      = "amgate 1 lasting"
)

// DeriveRoot derives a key from a root secret alone. It serves only to open
// the records that hold the installation's id and the realms' secrets; all
// else is derived with that id.
func DeriveRoot(root Secret, purpose string) [32]byte {
	return derive(root, nil, scopeRoot, purpose)
}

// derive is HKDF-SHA256 (RFC 5869) with the installation's id as salt and the
// fields as info.
func derive(s Secret, installation []byte, fields ...string) (key [32]byte) {
	b, err := hkdf.Key(sha256.New, s.material(), installation, string(appendFields(nil, fields...)), len(key))
	if err != nil {
		// Only a length beyond 255 hashes, or a secret that FIPS mode finds
		// too short, ends here; NewSecret refuses the latter.
		panic(fmt.Sprintf("token: derive %s: %v", fields[0], err))
	}
	copy(key[:], b)
	return key
}

// keyID is the public name of a derived key: 8 base64url characters.
func keyID(derived [32]byte) string { return base64.RawURLEncoding.EncodeToString(derived[:6]) }

// appendFields is the one form in which fields enter a MAC or a derivation:
// each after its length, so that no two lists of fields give the same bytes.
func appendFields(dst []byte, fields ...string) []byte {
	for _, f := range fields {
		dst = binary.BigEndian.AppendUint32(dst, uint32(len(f)))
		dst = append(dst, f...)
	}
	return dst
}

// mac is HMAC-SHA256 under one key, safe for concurrent use. Its states are
// pooled: a state that is reset keeps the key's two hashed blocks, which
// makes it faster than a new one and free of allocations.
type mac struct{ states sync.Pool }

type macState struct {
	hmac hash.Hash
	in   []byte
	out  [sha256.Size]byte
}

func newMAC(key [32]byte) *mac {
	return &mac{states: sync.Pool{New: func() any {
		return &macState{hmac: hmac.New(sha256.New, key[:]), in: make([]byte, 0, 64)}
	}}}
}

// sum authenticates a list of fields.
func (m *mac) sum(fields ...string) [sha256.Size]byte {
	s := m.states.Get().(*macState)
	defer m.states.Put(s)
	s.in = appendFields(s.in[:0], fields...)
	s.hmac.Reset()
	s.hmac.Write(s.in)
	s.hmac.Sum(s.out[:0])
	return s.out
}
