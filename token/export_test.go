package token

import (
	"crypto/elliptic"
	"encoding/base64"
	"math/big"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

// Reencode takes an accepted session apart and writes what it means anew. A
// signature whose algorithm gives another one each time is read as its numbers
// and written from them.
func Reencode(tb testing.TB, c *Carrier, tok string) string {
	tb.Helper()
	key := c.byStart[tok[:sessionStartSize]]
	payload, sig, _ := strings.Cut(tok[sessionStartSize:], ".")
	sealed, err := base64.RawURLEncoding.DecodeString(payload)
	if err != nil {
		tb.Fatal(err)
	}
	object, err := jose.ParseEncryptedCompact(string(sealed), []jose.KeyAlgorithm{jose.DIRECT}, []jose.ContentEncryption{jose.A256GCM})
	if err != nil {
		tb.Fatal(err)
	}
	again, err := object.CompactSerialize()
	if err != nil {
		tb.Fatal(err)
	}
	text := key.start + base64.RawURLEncoding.EncodeToString([]byte(again))
	signature, err := key.signer.sign(text[carrierSize:])
	if err != nil {
		tb.Fatal(err)
	}
	if strings.HasPrefix(string(key.signer.algorithm), "ES") {
		signature = lowerOf(tb, key.signer.algorithm, sig)
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(signature)
}

// lowerOf is the lower of the two signatures of which one is encoded.
func lowerOf(tb testing.TB, by Algorithm, encoded string) []byte {
	tb.Helper()
	sig, err := base64.RawURLEncoding.DecodeString(encoded)
	if err != nil {
		tb.Fatal(err)
	}
	order := map[Algorithm]elliptic.Curve{ES256: elliptic.P256(), ES384: elliptic.P384(), ES512: elliptic.P521()}[by].Params().N
	size := len(sig) / 2
	r, s := new(big.Int).SetBytes(sig[:size]), new(big.Int).SetBytes(sig[size:])
	if other := new(big.Int).Sub(order, s); other.Cmp(s) < 0 {
		s = other
	}
	return append(r.FillBytes(make([]byte, size)), s.FillBytes(make([]byte, size))...)
}

// Bomb is a session of the realm /alpha that inflates to size zeros, sealed and
// signed as it should be.
func Bomb(tb testing.TB, c *Carrier, size int) string {
	tb.Helper()
	key := c.realms["/alpha"].key
	packed, err := deflate(make([]byte, size))
	if err != nil {
		tb.Fatal(err)
	}
	sealed, err := key.zipped.seal(packed)
	if err != nil {
		tb.Fatal(err)
	}
	text := key.start + base64.RawURLEncoding.EncodeToString([]byte(sealed))
	sig, err := key.signer.sign(text[carrierSize:])
	if err != nil {
		tb.Fatal(err)
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(sig)
}
