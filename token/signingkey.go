package token

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"

	"github.com/go-jose/go-jose/v4"
)

// The sizes of RSA keys in bits: RFC 7518 §3.3 asks for at least 2048, and the
// signature of a larger one leaves a cookie no room.
const (
	minRSA = 2048
	maxRSA = 4096
)

// SigningKey is a key that sessions are signed with, or a public one that only
// verifies. Its type decides its algorithm. What it shows of itself is its name.
type SigningKey struct {
	name string
	signer
}

// Private reports whether the key can sign.
func (k SigningKey) Private() bool { return k.sign != nil }

// ParseSigningKey reads a key in PEM: a private one in PKCS #8, PKCS #1 or
// SEC 1, or a public one in PKIX. name is what errors call it; they never say
// what was in it.
func ParseSigningKey(name string, text []byte) (SigningKey, error) {
	fail := func(format string, args ...any) (SigningKey, error) {
		return SigningKey{}, fmt.Errorf("key %s: %s", name, fmt.Sprintf(format, args...))
	}
	block, err := onlyBlock(text)
	if err != nil {
		return fail("%v", err)
	}
	key, err := parseBlock(block)
	if err != nil {
		return fail("%v", err)
	}
	s, public, err := signerOf(key)
	if err != nil {
		return fail("%v", err)
	}
	sum, err := (&jose.JSONWebKey{Key: public}).Thumbprint(crypto.SHA256)
	if err != nil {
		return fail("%v", err)
	}
	s.kid = keyID([32]byte(sum))
	return SigningKey{name, s}, nil
}

// onlyBlock finds the one key in a PEM file. What openssl writes before an EC
// key, the name of its curve, is left out: the key has it too.
func onlyBlock(text []byte) (found *pem.Block, err error) {
	for {
		block, rest := pem.Decode(text)
		switch {
		case block == nil && found == nil:
			return nil, errors.New("there is no key in PEM in it; openssl genpkey makes one")
		case block == nil:
			return found, nil
		case block.Type == "EC PARAMETERS":
		case found != nil:
			return nil, fmt.Errorf("there is more in it than one key, after %q also %q; name a file for each", found.Type, block.Type)
		default:
			found = block
		}
		text = rest
	}
}

func parseBlock(b *pem.Block) (key any, err error) {
	switch b.Type {
	case "PRIVATE KEY":
		key, err = x509.ParsePKCS8PrivateKey(b.Bytes)
	case "RSA PRIVATE KEY":
		if b.Headers["DEK-Info"] != "" {
			return nil, errEncrypted
		}
		key, err = x509.ParsePKCS1PrivateKey(b.Bytes)
	case "EC PRIVATE KEY":
		if b.Headers["DEK-Info"] != "" {
			return nil, errEncrypted
		}
		key, err = x509.ParseECPrivateKey(b.Bytes)
	case "PUBLIC KEY":
		key, err = x509.ParsePKIXPublicKey(b.Bytes)
	case "ENCRYPTED PRIVATE KEY":
		return nil, errEncrypted
	default:
		return nil, fmt.Errorf("it holds %q, which is no key that signs", b.Type)
	}
	if err != nil {
		// The library's error may quote what it read.
		return nil, fmt.Errorf("its %q cannot be read", b.Type)
	}
	return key, nil
}

var errEncrypted = errors.New("it is encrypted; decrypt it with openssl pkey")

// signerOf judges a key by its type.
func signerOf(key any) (s signer, public any, err error) {
	switch k := key.(type) {
	case *rsa.PrivateKey:
		return checkRSA(&k.PublicKey, k)
	case *rsa.PublicKey:
		return checkRSA(k, nil)
	case *ecdsa.PrivateKey:
		return checkECDSA(&k.PublicKey, k)
	case *ecdsa.PublicKey:
		return checkECDSA(k, nil)
	case ed25519.PrivateKey:
		public := k.Public().(ed25519.PublicKey)
		return signerEd25519(public, k), public, nil
	case ed25519.PublicKey:
		return signerEd25519(k, nil), k, nil
	}
	return signer{}, nil, fmt.Errorf("it is a %T; use an RSA key, an EC key on P-256, P-384 or P-521, or an Ed25519 key", key)
}

func checkRSA(public *rsa.PublicKey, private *rsa.PrivateKey) (signer, any, error) {
	if bits := public.N.BitLen(); bits < minRSA || bits > maxRSA {
		return signer{}, nil, fmt.Errorf("it is an RSA key of %d bits; it must have %d to %d", bits, minRSA, maxRSA)
	}
	return signerRSA(public, private), public, nil
}

func checkECDSA(public *ecdsa.PublicKey, private *ecdsa.PrivateKey) (signer, any, error) {
	name := public.Curve.Params().Name
	if _, ok := curves[name]; !ok {
		return signer{}, nil, fmt.Errorf("it is an EC key on %s; use P-256, P-384 or P-521", name)
	}
	return signerECDSA(public, private), public, nil
}
