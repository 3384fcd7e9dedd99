package token

import (
	"encoding/base64"
	"strings"
)

// base64url is that of RFC 7515 §2, without padding. strict refuses spare bits
// that are not 0; like every decoder of its package it skips line breaks.
var (
	base64url = base64.RawURLEncoding
	strict    = base64.RawURLEncoding.Strict()
)

// writeBase64url appends the encoding of data. It needs no memory but that of b.
func writeBase64url(b *strings.Builder, data []byte) {
	var part [1024]byte
	for len(data) > 0 {
		n := min(len(data), len(part)/4*3)
		base64url.Encode(part[:], data[:n])
		b.Write(part[:base64url.EncodedLen(n)])
		data = data[n:]
	}
}
