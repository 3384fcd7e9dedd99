package affinity

import (
	"encoding/base64"
	"encoding/json"
	"strings"
)

// maxAuthID is the length beyond which nothing is looked at as an authId.
const maxAuthID = 64 << 10

// FromAuthID reads the claim affinity out of an authId, for an edge whose
// client sends no cookie. The JWT's signature is not verified, which needs
// the realm's key; what is returned has at most the length of an affinity's
// text, and Parse verifies its own MAC.
func FromAuthID(authID string) (string, bool) {
	if len(authID) > maxAuthID || strings.Count(authID, ".") != 2 {
		return "", false
	}
	_, rest, _ := strings.Cut(authID, ".")
	encoded, _, _ := strings.Cut(rest, ".")
	payload, err := base64.RawURLEncoding.DecodeString(encoded)
	if err != nil {
		return "", false
	}
	var claims struct {
		Affinity string `json:"affinity"`
	}
	if json.Unmarshal(payload, &claims) != nil || len(claims.Affinity) != TextSize {
		return "", false
	}
	return claims.Affinity, true
}
