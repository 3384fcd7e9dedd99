package token

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"github.com/golang-jwt/jwt/v5"
)

// Algorithm is by what a session is signed that its client carries, by its name
// in RFC 7518 §3.1 or RFC 8037 §3.1. All these names have one length, which the
// form of a token relies on.
type Algorithm string

// The algorithms. Those of HMAC have keys that are derived from the realm's
// secrets, the others need a SigningKey.
const (
	HS256 Algorithm = "HS256"
	HS384 Algorithm = "HS384"
	HS512 Algorithm = "HS512"
	RS256 Algorithm = "RS256"
	ES256 Algorithm = "ES256"
	ES384 Algorithm = "ES384"
	ES512 Algorithm = "ES512"
	EdDSA Algorithm = "EdDSA"
)

// Algorithms are all that there are.
var Algorithms = []Algorithm{HS256, HS384, HS512, RS256, ES256, ES384, ES512, EdDSA}

// keys says which key an algorithm needs, "" if it is derived.
func (a Algorithm) keys() string {
	switch a {
	case RS256:
		return "an RSA key"
	case ES256:
		return "an EC key on P-256"
	case ES384:
		return "an EC key on P-384"
	case ES512:
		return "an EC key on P-521"
	case EdDSA:
		return "an Ed25519 key"
	}
	return ""
}

// Signing says how the sessions of a realm are signed that their clients carry.
// The zero Signing is HS256.
type Signing struct {
	// Compress has sessions compressed before they are sealed. The length of a
	// token then tells something of what it holds (RFC 8725 §3.6).
	Compress bool

	algorithms []Algorithm
	keys       []SigningKey
}

// NewSigning returns a Signing by the first of the algorithms, with the first
// key that is one of it. Sessions that are signed by the others, or with other
// keys, are accepted too: each key has one algorithm.
func NewSigning(algorithms []Algorithm, keys []SigningKey) (Signing, error) {
	s := Signing{algorithms: slices.Clone(algorithms)}
	for i, a := range algorithms {
		if !slices.Contains(Algorithms, a) {
			return Signing{}, fmt.Errorf("there is no algorithm %q; use one of %s", a, join(Algorithms))
		}
		if slices.Contains(algorithms[:i], a) {
			return Signing{}, fmt.Errorf("algorithm %s is named twice", a)
		}
	}
	for _, k := range keys {
		if !slices.Contains(algorithms, k.algorithm) {
			return Signing{}, fmt.Errorf("key %s: it is %s, which signs by %s; the algorithm here is %s",
				k.name, k.algorithm.keys(), k.algorithm, join(s.named()))
		}
		if !slices.ContainsFunc(s.keys, func(other SigningKey) bool { return other.kid == k.kid }) {
			s.keys = append(s.keys, k)
		}
	}
	for _, a := range algorithms {
		if a.keys() != "" && !slices.ContainsFunc(keys, func(k SigningKey) bool { return k.algorithm == a }) {
			return Signing{}, fmt.Errorf("algorithm %s needs a key: name the PEM file of %s", a, a.keys())
		}
	}
	first := slices.IndexFunc(s.keys, func(k SigningKey) bool { return k.algorithm == s.named()[0] })
	if first >= 0 && s.keys[first].sign == nil {
		return Signing{}, fmt.Errorf("key %s: it is a public key, which cannot sign; the first key must be a private one", s.keys[first].name)
	}
	return s, nil
}

// named are the algorithms, of the zero Signing too.
func (s Signing) named() []Algorithm {
	if len(s.algorithms) == 0 {
		return []Algorithm{HS256}
	}
	return s.algorithms
}

func join(algorithms []Algorithm) string {
	names := make([]string, len(algorithms))
	for i, a := range algorithms {
		names[i] = string(a)
	}
	return strings.Join(names, ", ")
}

// signers are what sessions are signed with that a key seals; the first one is
// for new ones.
func (s Signing) signers(k *key) (signers []signer) {
	for _, a := range s.named() {
		if a.keys() == "" {
			signers = append(signers, k.derived(a))
			continue
		}
		for _, key := range s.keys {
			if key.algorithm == a {
				signers = append(signers, key.signer)
			}
		}
	}
	return signers
}

// signer signs and verifies by one algorithm. Its key is captured by functions,
// as that of a Secret is.
type signer struct {
	algorithm Algorithm
	kid       string
	size      int // of a signature, bytes
	sign      func(text string) ([]byte, error)
	verify    func(text string, sig []byte) error
}

// derived is the signer of an HMAC with a key that only it has.
func (k *key) derived(a Algorithm) signer {
	method, secret := map[Algorithm]*jwt.SigningMethodHMAC{
		HS256: jwt.SigningMethodHS256, HS384: jwt.SigningMethodHS384, HS512: jwt.SigningMethodHS512,
	}[a], k.session[:]
	size := method.Hash.Size()
	if a != HS256 {
		secret = k.expand("sign "+string(a), size)
	}
	return signer{
		algorithm: a, kid: k.id, size: size,
		sign:   func(text string) ([]byte, error) { return method.Sign(text, secret) },
		verify: func(text string, sig []byte) error { return method.Verify(text, sig, secret) },
	}
}

func signerRSA(public *rsa.PublicKey, private *rsa.PrivateKey) signer {
	s := signer{
		algorithm: RS256, size: public.Size(),
		verify: func(text string, sig []byte) error { return jwt.SigningMethodRS256.Verify(text, sig, public) },
	}
	if private != nil {
		s.sign = func(text string) ([]byte, error) { return jwt.SigningMethodRS256.Sign(text, private) }
	}
	return s
}

func signerEd25519(public ed25519.PublicKey, private ed25519.PrivateKey) signer {
	s := signer{
		algorithm: EdDSA, size: ed25519.SignatureSize,
		verify: func(text string, sig []byte) error { return jwt.SigningMethodEdDSA.Verify(text, sig, public) },
	}
	if private != nil {
		s.sign = func(text string) ([]byte, error) { return jwt.SigningMethodEdDSA.Sign(text, private) }
	}
	return s
}

// curves are the algorithms of ECDSA by the names of their curves.
var curves = map[string]struct {
	algorithm Algorithm
	method    *jwt.SigningMethodECDSA
}{
	"P-256": {ES256, jwt.SigningMethodES256},
	"P-384": {ES384, jwt.SigningMethodES384},
	"P-521": {ES512, jwt.SigningMethodES512},
}

var errHighS = errors.New("token: not the lower of two signatures")

// signerECDSA signs on one of the curves. Of the two signatures (r, s) and
// (r, -s) that ECDSA accepts for one another it knows only the lower: else who
// has a token could make a second one of it.
func signerECDSA(public *ecdsa.PublicKey, private *ecdsa.PrivateKey) signer {
	curve := public.Curve.Params()
	by := curves[curve.Name]
	size := (curve.BitSize + 7) / 8
	half := new(big.Int).Rsh(curve.N, 1)
	s := signer{algorithm: by.algorithm, size: 2 * size, verify: func(text string, sig []byte) error {
		if new(big.Int).SetBytes(sig[size:]).Cmp(half) > 0 {
			return errHighS
		}
		return by.method.Verify(text, sig, public)
	}}
	if private == nil {
		return s
	}
	s.sign = func(text string) ([]byte, error) {
		sig, err := by.method.Sign(text, private)
		if err != nil {
			return nil, err
		}
		if low := new(big.Int).SetBytes(sig[size:]); low.Cmp(half) > 0 {
			low.Sub(curve.N, low).FillBytes(sig[size:])
		}
		return sig, nil
	}
	return s
}
