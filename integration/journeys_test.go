package integration

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"sync"
	"testing"

	"github.com/amgate/amgate/mail/mailtest"
)

// settingsForWalks are what journeysForWalks needs in its realm.
const settingsForWalks = `
			terms 1.0 {
				text "Be nice."
			}
			security_question pet {
				text "What was your first pet's name?"
			}
			security_question city {
				text "Where were you born?"
			}
			mail_template confirm {
				subject Hello
				text "Follow {{resumeURI}}"
			}`

// journeysForWalks are the journeys that clients/walks.mjs goes through.
const journeysForWalks = `
			journey Page {
				node page page {
					header Welcome
					description "Please sign in."
					stage UsernamePassword
					node name username
					node pass password
				}
				node check data_store
				page -> check
				check true -> success
				check false -> failure
			}
			journey Choice {
				node pick choice {
					prompt How?
					choices "give up" password
					default_choice password
				}
				node login inner_tree {
					tree Page
				}
				pick password -> login
				pick "give up" -> failure
				login true -> success
				login false -> failure
			}
			journey Polling {
				node login inner_tree {
					tree Page
				}
				node wait polling_wait {
					seconds_to_wait 1
				}
				login true -> wait
				login false -> failure
				wait -> success
			}
			journey Message {
				node login inner_tree {
					tree Page
				}
				node news message {
					message "News for you."
					yes "Go on"
					no Stop
				}
				login true -> news
				login false -> failure
				news true -> success
				news false -> failure
			}
			journey InnerOnly {
				inner_only
				node login inner_tree {
					tree Message
				}
				login true -> success
				login false -> failure
			}
			journey Outer {
				node inner inner_tree {
					tree InnerOnly
				}
				inner true -> success
				inner false -> failure
			}
			journey Brief {
				timeout 2s
				node login inner_tree {
					tree Page
				}
				login true -> success
				login false -> failure
			}
			journey Metadata {
				node theme set_state {
					attribute theme dark
				}
				node page page {
					node about metadata {
						attributes theme
					}
					node name username
					node pass password
				}
				node check data_store
				theme -> page
				page -> check
				check true -> success
				check false -> failure
			}
			journey Device {
				node login inner_tree {
					tree Page
				}
				node profile device_profile
				login true -> profile
				login false -> failure
				profile -> success
			}
			journey Profile {
				node login inner_tree {
					tree Page
				}
				node about attribute_collector {
					attributes_to_collect givenName
				}
				node terms accept_terms_and_conditions
				node questions kba_create
				login true -> about
				login false -> failure
				about -> terms
				terms -> questions
				questions -> success
			}
			journey Badge {
				node login inner_tree {
					tree Page
				}
				node badge badge
				login true -> badge
				login false -> failure
				badge true -> success
				badge false -> failure
			}
			journey Mailed {
				node login inner_tree {
					tree Page
				}
				node mail email_suspend {
					template confirm
					message "Look into your mail."
					lookup on
				}
				login true -> mail
				login false -> failure
				mail -> success
			}
`

// TestJourneysWithTheSDK walks all kinds of journeys with Ping's JavaScript
// SDK, in Node and in Chromium, and with the login page, in each of the three
// journey-session schemes: what a client sees is the same in all of them.
func TestJourneysWithTheSDK(t *testing.T) {
	t.Parallel()
	for _, scheme := range []string{"client", "server", "in_memory"} {
		t.Run(scheme, func(t *testing.T) {
			t.Parallel()
			env := startForWalks(t, scheme)
			t.Run("JavaScript SDK in Node", func(t *testing.T) { runScript(t, "walks-node.mjs", env) })
			t.Run("login page in Chromium", func(t *testing.T) { runScript(t, "walks-page.mjs", withChromium(t, env)) })
			t.Run("JavaScript clients in Chromium", func(t *testing.T) { runScript(t, "walks-browser.mjs", withChromium(t, env)) })
		})
	}
}

// startForWalks runs a process with the journeys, a mail server, and what the
// scripts need, and returns the environment that tells them where it is.
func startForWalks(t *testing.T, scheme string) map[string]string {
	t.Helper()
	mails := mailtest.Start(t, mailtest.Options{})
	demo := newUser("demo")
	badge := remember("a badge", rand.Text())
	demo.attributes = map[string]string{"mail": scheme + "@example.com", "badge": badge}
	dir := newDir(t)
	writeUsers(t, dir, demo)
	am, page := "http://localhost:"+freePort(t), "http://localhost:"+freePort(t)
	start(t, spec{
		dir:    dir,
		url:    am,
		binary: badgeBinary(t),
		am: fmt.Sprintf(`
		base_url %s
		smtp %s:%d {
			from no-reply@example.com
			username %s
			password {env.SMTP_PASSWORD}
			ca %s
		}
		realm /alpha {
			identities file users.json
			journey_sessions %s
			cors %s
			%s
		}`, am, mails.Host, mails.Port, mailtest.Username, mails.CAFile, scheme, page, settingsForWalks+journeysForWalks),
		env: []string{"SMTP_PASSWORD=" + mailtest.Password},
		sites: fmt.Sprintf(`
%s {
	import logged
	am_server /am/*
}
%s {
	header Content-Type "text/html; charset=utf-8"
	respond "<!doctype html><title>A page</title>"
}
`, am, page),
	})
	return map[string]string{
		"AMGATE_AM": am + "/am", "AMGATE_REALM": "/alpha", "AMGATE_PAGE": page + "/",
		"AMGATE_USER": demo.name, "AMGATE_PASSWORD": demo.password,
		"AMGATE_MAIL": demo.attributes["mail"], "AMGATE_MAILBOX": mailbox(t, mails), "AMGATE_BADGE": badge,
	}
}

var link = regexp.MustCompile(`https?://[^\s<>"]+`)

// mailbox serves the links of mails to one address: each request waits for a
// further mail and answers with the link in it.
func mailbox(t *testing.T, mails *mailtest.Server) string {
	t.Helper()
	var mu sync.Mutex
	given := make(map[string]bool)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		for _, mail := range mails.Await(r.URL.Query().Get("to"), len(given)+1) {
			found := link.FindString(mail.Text)
			if given[found] {
				continue
			}
			given[found] = true
			if u, err := url.Parse(found); err == nil {
				remember("a suspendedId", u.Query().Get("suspendedId"))
			}
			fmt.Fprint(w, found)
			return
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}
