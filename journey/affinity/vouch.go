package affinity

import (
	"crypto/subtle"
	"encoding/base64"
	"strings"
)

const useAddress = "amgate 1 affinity address\x00"

// maxVouched is longer than what Vouch writes of any host and port.
const maxVouched = 320

// Vouch writes a host:port so that nobody without the key can say the same of
// another one: the address, a space and a MAC in base64url.
func (r *Router) Vouch(hostport string) string {
	sum := r.sum(useAddress, hostport)
	return hostport + " " + base64.RawURLEncoding.EncodeToString(sum[:macSize])
}

// Vouched reads the host:port in what Vouch wrote under the same key, and in
// nothing else.
func (r *Router) Vouched(text string) (hostport string, ok bool) {
	hostport, _, ok = strings.Cut(text, " ")
	if !ok || len(text) > maxVouched || subtle.ConstantTimeCompare([]byte(r.Vouch(hostport)), []byte(text)) != 1 {
		return "", false
	}
	return hostport, true
}
