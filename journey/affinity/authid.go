package affinity

import (
	"bytes"
	"encoding/base64"
)

// maxAuthID is the length beyond which nothing is looked at as an authId.
const maxAuthID = 64 << 10

// member is how the claim begins in an authId of ours.
const member = `"affinity":"`

var dot = []byte{'.'}

// FromAuthID finds the claim affinity in an authId, for an edge whose client
// sends no cookie. Neither is the JWT's signature verified, which needs the
// realm's key, nor its JSON read: what is returned has the length of an
// affinity's text, and Parse verifies its own MAC.
func FromAuthID(authID []byte) (string, bool) {
	if len(authID) > maxAuthID || bytes.Count(authID, dot) != 2 {
		return "", false
	}
	encoded := authID[bytes.IndexByte(authID, '.')+1 : bytes.LastIndexByte(authID, '.')]
	payload, err := base64.RawURLEncoding.AppendDecode(nil, encoded)
	if err != nil {
		return "", false
	}
	_, claim, found := bytes.Cut(payload, []byte(member))
	if text, _, closed := bytes.Cut(claim, []byte(`"`)); found && closed && len(text) == TextSize {
		return string(text), true
	}
	return "", false
}
