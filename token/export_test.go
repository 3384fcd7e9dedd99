package token

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

// Reencode takes an accepted session apart and writes what it means anew.
func Reencode(tb testing.TB, r *Ring, tok string) string {
	tb.Helper()
	key := r.byStart[tok[:sessionStartSize]]
	payload, _, _ := strings.Cut(tok[sessionStartSize:], ".")
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
	text := key.sessionStart + base64.RawURLEncoding.EncodeToString([]byte(again))
	mac := hmac.New(sha256.New, key.session[:])
	mac.Write([]byte(text[carrierSize:]))
	return text + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}
