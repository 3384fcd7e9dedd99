package nodes

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/amgate/amgate/identity"
	"github.com/amgate/amgate/journey"
)

// persistentCookie is what the nodes that set and read a persistent cookie must
// agree on, and how it is written.
type persistentCookie struct {
	name             string
	key, keyLabel    string
	secure, httpOnly bool
}

// defaultPersistentCookie is AM's name for it.
const defaultPersistentCookie = "session-jwt"

// maxPersistentCookies is how many cookies of one name are looked at: a page of
// another host can plant one beside ours.
const maxPersistentCookies = 4

// The least size in bytes of a signing key (AM 8.1, "Set Persistent Cookie").
const minSigningKey = 32

// cookieClaims are what a persistent cookie says, under AM's names.
type cookieClaims struct {
	Context cookieContext `json:"org.forgerock.authentication.context"`
	Issued  int64         `json:"iat"`
	// Idle and Expires, in seconds since 1970, are when it is over unless it is
	// used, and in any case.
	Idle    int64 `json:"tokenIdleTimeSeconds"`
	Expires int64 `json:"exp"`
	// Stamp is the user's, see identity.Standing, when the cookie was first set;
	// "" if the realm's people had none.
	Stamp string `json:"stamp,omitempty"`
}

type cookieContext struct {
	Realm string `json:"openam.rlm"`
	// User is the user's id, which nobody else ever has; AM has the name here.
	User     string `json:"openam.usr"`
	Journey  string `json:"openam.aty"`
	ClientIP string `json:"openam.clientip"`
}

// purpose is that under which the cookie is sealed. The quotes keep its parts
// from running into each other.
func (p persistentCookie) purpose() string {
	key, _ := base64.StdEncoding.DecodeString(p.key) // see check
	return fmt.Sprintf("persistent cookie %q %q %x", p.name, p.keyLabel, sha256.Sum256(key))
}

// needs are that no cookie of amgate's own has the name.
func (p persistentCookie) needs() []journey.Need {
	return []journey.Need{{Kind: journey.NeedCookie, Name: p.name}}
}

// check tells what is wrong with the name and the key. The error does not hold
// the key.
func (p persistentCookie) check() error {
	cookie := http.Cookie{Name: p.name, Value: "x"} //nolint:gosec // G124: it is never set.
	if err := cookie.Valid(); err != nil {
		return fmt.Errorf("cookie %q: it is not the name of a cookie; use letters, digits, - and _", p.name)
	}
	if (strings.HasPrefix(p.name, "__Host-") || strings.HasPrefix(p.name, "__Secure-")) && !p.secure {
		return fmt.Errorf("cookie %s: browsers take a cookie of this name only with secure on", p.name)
	}
	key, err := base64.StdEncoding.DecodeString(p.key)
	if err != nil || p.key != "" && len(key) < minSigningKey {
		return fmt.Errorf("signing_key: at least %d bytes in base64 are needed", minSigningKey)
	}
	return nil
}

// seal is a cookie with the claims.
func (p persistentCookie) seal(s journey.Sealer, claims cookieClaims) (*http.Cookie, error) {
	plain, err := json.Marshal(claims)
	if err != nil {
		return nil, err
	}
	value, err := s.Seal(p.purpose(), plain)
	if err != nil {
		return nil, fmt.Errorf("the persistent cookie could not be sealed: %w", err)
	}
	left := time.Until(time.Unix(claims.Expires, 0))
	return &http.Cookie{ //nolint:gosec // G124: the operator says so.
		Name: p.name, Value: value, Path: "/", MaxAge: int(left.Seconds()),
		Secure: p.secure, HttpOnly: p.httpOnly, SameSite: http.SameSiteLaxMode,
	}, nil
}

// find is what the client's persistent cookie says; false if it has none that
// is sealed by us, of this realm and still good.
func (p persistentCookie) find(in *journey.Input) (cookieClaims, bool, error) {
	looked := 0
	for _, cookie := range in.Client.Cookies {
		if cookie.Name != p.name {
			continue
		}
		if looked++; looked > maxPersistentCookies {
			break
		}
		plain, err := in.Services.Sealer.Open(p.purpose(), cookie.Value)
		if errors.Is(err, journey.ErrSignature) {
			continue
		}
		if err != nil {
			return cookieClaims{}, false, fmt.Errorf("the persistent cookie could not be opened: %w", err)
		}
		var claims cookieClaims
		if json.Unmarshal(plain, &claims) == nil && claims.good(in) {
			return claims, true, nil
		}
	}
	return cookieClaims{}, false, nil
}

// good reports whether the claims are about a user of the realm who stands, and
// not over.
func (c cookieClaims) good(in *journey.Input) bool {
	now := time.Now().Unix()
	return c.Context.Realm == in.Realm && c.Context.User != "" && now < c.Idle && now < c.Expires && c.stands(in.Users)
}

// stands reports whether the user signs in by what was so when the cookie was
// set. A cookie without a stamp does not tell, and so does not stand; nor does
// one whose stamp this node does not know yet: to sign in once more is the
// lesser harm.
func (c cookieClaims) stands(users identity.Store) bool {
	stamp, known := stampOf(users, c.Context.User)
	return !known || stamp != "" && stamp == c.Stamp
}

// stampOf is the stamp of a user, if the people know when they change.
func stampOf(users identity.Store, id string) (stamp string, known bool) {
	standing, known := users.(identity.Standing)
	if known {
		stamp, _ = standing.Stamp(id)
	}
	return stamp, known
}

// clientIP is the client's address in its one form; "" if it is not known.
func clientIP(in *journey.Input) string {
	if !in.Client.Address.IsValid() {
		return ""
	}
	return in.Client.Address.Unmap().String()
}
