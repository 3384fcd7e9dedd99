package cluster

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"strings"
	"time"
)

// ExplainHeader asks, with a key, which nodes answered a request and why; the
// reply tells it in a header of the same name.
const ExplainHeader = "X-Am-Explain"

// MaxExplain is for how long a key that asks for explanations is good at most.
const MaxExplain = 24 * time.Hour

// explainPrefix marks such a key, for filters of logs. What follows it is
// base64url: when the key ends, in seconds since 1970 (8 bytes), and a MAC (24).
const explainPrefix = "amx1."

// ExplainKeys makes and verifies the keys by which somebody may be told the names
// and addresses of nodes. A key is good for every edge and node of the
// installation, until its time is over; nothing ends it earlier.
type ExplainKeys struct{ key [32]byte }

// NewExplainKeys returns the keys of an installation.
func NewExplainKeys(key [32]byte) *ExplainKeys { return &ExplainKeys{key} }

// Mint makes a key that is good until then, to the second.
func (k *ExplainKeys) Mint(until time.Time) string {
	at := binary.BigEndian.AppendUint64(nil, uint64(until.Unix()))
	return explainPrefix + base64.RawURLEncoding.EncodeToString(append(at, k.mac(at)...))
}

// Valid reports whether a text is a key that is still good.
func (k *ExplainKeys) Valid(text string) bool {
	encoded, ok := strings.CutPrefix(text, explainPrefix)
	if !ok || len(encoded) != base64.RawURLEncoding.EncodedLen(8+explainMAC) {
		return false
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(encoded)
	if err != nil || len(raw) != 8+explainMAC || !hmac.Equal(k.mac(raw[:8]), raw[8:]) {
		return false
	}
	until := time.Unix(int64(binary.BigEndian.Uint64(raw)), 0)
	return time.Now().Before(until)
}

// explainMAC is the length of the MAC in bytes.
const explainMAC = 24

func (k *ExplainKeys) mac(at []byte) []byte {
	m := hmac.New(sha256.New, k.key[:])
	m.Write(at)
	return m.Sum(nil)[:explainMAC]
}
