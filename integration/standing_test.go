package integration

import (
	"fmt"
	"strings"
	"testing"
)

// TestChangedUserIsSignedOut: a password is changed in the file of users, and
// then the user is removed from it: what was signed in before is refused by
// every gateway, in each kind of sessions. SECURITY 16, 33.
func TestChangedUserIsSignedOut(t *testing.T) {
	for _, sessions := range []string{"server", "client"} {
		t.Run(sessions, func(t *testing.T) {
			t.Parallel()
			c := startGateways(t, clusterSpec{nodes: 2, journeySessions: "client", sessions: sessions})
			other := newUser("scarter")
			write := func(users ...user) {
				for _, node := range c.nodes {
					writeUsers(t, node.dir, users...)
				}
			}
			at := func(i int) *client { return c.nodes[i].client("/alpha").withoutCookies() }
			login := func(u user) (tok string) {
				eventually(t, startLimit, func() error {
					r := at(0).zeroPage(u.name, u.password)
					if !strings.Contains(string(r.body), `"tokenId"`) {
						return fmt.Errorf("the login goes on: %s", r) // the file is not read yet
					}
					tok = r.success(t).TokenID
					return nil
				})
				return tok
			}
			refused := func(tok string) {
				t.Helper()
				for i := range c.nodes {
					eventually(t, startLimit, func() error {
						if at(i).valid(tok) {
							return fmt.Errorf("the session is valid at gateway %d", i)
						}
						return nil
					})
				}
			}
			write(c.user, other)
			tok, hers := login(c.user), login(other)
			if !at(0).valid(tok) || !at(1).valid(tok) {
				t.Fatal("the session is not valid")
			}
			changed := newUser(c.user.name)
			changed.password += " is another one"
			write(changed, other)
			refused(tok)
			tok = login(changed)
			if !at(0).valid(tok) || !at(1).valid(tok) {
				t.Error("the session by the new password is not valid")
			}
			write(other)
			refused(tok)
			if !at(0).valid(hers) || !at(1).valid(hers) {
				t.Error("the session of somebody else is not valid")
			}
		})
	}
}
