package integration

import (
	"fmt"
	"net/http"
	"net/url"
	"testing"

	"github.com/amgate/amgate/mail/mailtest"
)

// TestLinkOutlivesTheProcess kills the process between a mail and its link: in
// each scheme the journey goes on where it was, and its link works once.
func TestLinkOutlivesTheProcess(t *testing.T) {
	t.Parallel()
	for _, scheme := range []string{"client", "server", "in_memory"} {
		t.Run(scheme, func(t *testing.T) {
			t.Parallel()
			mails := mailtest.Start(t, mailtest.Options{})
			demo := newUser("demo")
			demo.attributes = map[string]string{"mail": "demo@example.com"}
			dir := newDir(t)
			writeUsers(t, dir, demo)
			am := "http://localhost:" + freePort(t)
			p := start(t, spec{
				dir: dir, url: am, env: []string{"SMTP_PASSWORD=" + mailtest.Password},
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
			mail_template confirm {
				subject Hello
				text "Follow {{resumeURI}}"
			}
			journey Mailed {
				node name username
				node mail email_suspend {
					template confirm
					lookup on
				}
				node pass password
				node check data_store
				name -> mail
				mail -> pass
				pass -> check
				check true -> success
				check false -> failure
			}
		}`, am, mails.Host, mails.Port, mailtest.Username, mails.CAFile, scheme),
				sites: fmt.Sprintf("%s {\n\timport logged\n\tam_server /am/*\n}\n", am),
			})
			client := p.client("/alpha")
			waiting := client.answer(client.begin("Mailed").step(t), demo.name).step(t)
			if waiting.Callbacks[0].Type != "SuspendedTextOutputCallback" {
				t.Fatalf("the journey is not suspended: %+v", waiting)
			}
			followed, err := url.Parse(link.FindString(mails.Await("demo@example.com", 1)[0].Text))
			must(t, err)
			id := remember("a suspendedId", followed.Query().Get("suspendedId"))

			p.kill()
			p.start()
			resume := client.endpoint("authenticate") + "?suspendedId=" + url.QueryEscape(id)
			resumed := client.send(http.MethodPost, resume, "", authenticateHeader())
			if done := client.answer(resumed.step(t), demo.password); done.status != http.StatusOK {
				t.Errorf("the journey does not come to its end: %s", done)
			}
			if again := client.send(http.MethodPost, resume, "", authenticateHeader()); again.status != http.StatusUnauthorized {
				t.Errorf("the link works twice: %s", again)
			}
		})
	}
}
