package integration

import (
	"fmt"
	"testing"
)

// TestFrodo has frodo-cli, unmodified, log in to a real process and look
// around, over http and over TLS.
func TestFrodo(t *testing.T) {
	t.Parallel()
	for _, scheme := range []string{"http", "https"} {
		t.Run(scheme, func(t *testing.T) {
			t.Parallel()
			admin, url, dir := newUser("amadmin", "admin"), scheme+"://localhost:"+freePort(t), newDir(t)
			writeUsers(t, dir, admin)
			tls := ""
			if scheme == "https" {
				tls = "tls internal"
			}
			p := start(t, spec{
				dir: dir,
				url: url,
				am: `
		identities file users.json
		journey Asking {
			node name username
			node pass password
			node check data_store

			name -> pass
			pass -> check
			check true -> success
			check false -> failure
		}`,
				sites: fmt.Sprintf("%s {\n\timport logged\n\t%s\n\tam_server /am/*\n}\n", url, tls),
			})
			env := map[string]string{"AMGATE_AM": url + "/am", "AMGATE_ADMIN": admin.name, "AMGATE_ADMIN_PASSWORD": admin.password}
			if scheme == "https" {
				env["NODE_EXTRA_CA_CERTS"] = p.authority("root.crt")
			}
			runScript(t, "frodo.mjs", env)
		})
	}
}
