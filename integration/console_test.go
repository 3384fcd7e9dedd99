package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// TestSessionsPage has an administrator verify sessions as the documentation
// says it (docs/how-to/see-and-end-sessions.md), in Chromium: those of a realm
// that keeps them on the server are found on the page and by REST, and can be
// ended; of a realm whose clients carry them none is found.
func TestSessionsPage(t *testing.T) {
	t.Parallel()
	demo, boss := newUser("demo", "staff"), newUser("boss", "admin")
	demo.id, demo.attributes = "5f0c6ed8-4711", map[string]string{"mail": "demo@example.com", "cn": "Demo User"}
	dir := newDir(t)
	writeUsers(t, dir, demo, boss)
	app, carriedApp, public := "http://localhost:"+freePort(t), "http://localhost:"+freePort(t), "http://localhost:"+freePort(t)
	start(t, spec{
		dir: dir,
		url: app,
		am: `
		identities file users.json
		cookie amRoot
		realm /alpha {
			identities file users.json
		}
		realm /carried {
			identities file users.json
			cookie amCarried
			authenticated_sessions client
		}`,
		sites: fmt.Sprintf(`
(site) {
	import logged
	header Content-Type "text/html; charset=utf-8"
	respond "<!doctype html><title>App</title><h1>Hello {http.auth.user.id}</h1>"
}
%s {
	import site
	am_server /am/*
	am_auth {
		realm /alpha
	}
}
%s {
	import site
	am_server /am/*
	am_auth {
		realm /carried
	}
}
%s {
	import site
	am_server /am/* {
		console off
	}
}
`, app, carriedApp, public),
	})
	env := withChromium(t, map[string]string{
		"AMGATE_APP": app + "/", "AMGATE_CARRIED_APP": carriedApp + "/", "AMGATE_PUBLIC": public + "/",
		"AMGATE_USER": demo.name, "AMGATE_USER_ID": demo.id, "AMGATE_PASSWORD": demo.password,
		"AMGATE_ADMIN": boss.name, "AMGATE_ADMIN_PASSWORD": boss.password,
	})
	if folder := os.Getenv("AMGATE_SCREENSHOTS"); folder != "" {
		env["AMGATE_SCREENSHOTS"] = filepath.Join(folder, "console")
	}
	for _, kind := range []string{"desktop", "no-script", "phone"} {
		t.Run(kind, func(t *testing.T) {
			env["AMGATE_KIND"] = kind
			runScript(t, "console-page.mjs", env)
		})
	}
}
