package token

import "strings"

// Carry makes the sessionId claim of a journey that its client carries: AM's
// layout without a head, the extensions SI, type=JWT_AUTH, S1 and our KI, and
// the sealed journey as tail. It is not signed: the authId around it is.
func (k *Keys) Carry(sealed string) string { return k.keys[0].carrier + sealed }

// Carried returns the sealed journey of a sessionId claim; ok is false if it
// is of another kind or names a key that this realm does not have.
func (k *Keys) Carried(sessionID string) (sealed string, ok bool) {
	for _, key := range k.keys {
		if sealed, ok = strings.CutPrefix(sessionID, key.carrier); ok {
			return sealed, true
		}
	}
	return "", false
}

// carrierOf is what stands before the tail of what a client carries.
func carrierOf(kind Kind, keyID string) string {
	ext := serverID + beforeKind + string(rune(len(kind))) + string(kind) + beforeKeyID + keyID
	return "*" + c66.EncodeToString([]byte(ext)) + "*"
}
