package integration

import (
	"fmt"
	"testing"
)

// TestPolicyAgent has Ping's policy agent for Node, unmodified, protect an app
// of another host: it sends browsers to the login page, asks about their
// sessions, and lets them pass or not.
func TestPolicyAgent(t *testing.T) {
	t.Parallel()
	port, appPort := freePort(t), freePort(t)
	am, app, dir := "http://am.example.test:"+port, "http://app.example.test:"+appPort, newDir(t)
	demo, agent := newUser("demo"), newUser("my-agent")
	writeUsers(t, dir, demo, agent)
	start(t, spec{
		dir: dir,
		url: "http://localhost:" + port,
		am: fmt.Sprintf(`
		cookie iPlanetDirectoryPro {
			domain example.test
		}
		realm /alpha {
			identities file users.json
			cookie iPlanetDirectoryPro {
				domain example.test
			}
			goto_allow %s
			journey Basic {
				node zero zero_page_login
				node check data_store

				zero true -> check
				zero false -> failure
				check true -> success
				check false -> failure
			}
		}`, app),
		sites: fmt.Sprintf("%s, http://localhost:%s {\n\timport logged\n\tam_server /am/*\n}\n", am, port),
	})
	runScript(t, "agent.mjs", withChromium(t, map[string]string{
		"AMGATE_AM": am + "/am", "AMGATE_REALM": "/alpha", "AMGATE_APP": app + "/",
		"AMGATE_USER": demo.name, "AMGATE_PASSWORD": demo.password,
		"AMGATE_AGENT": agent.name, "AMGATE_AGENT_PASSWORD": agent.password,
	}))
}
