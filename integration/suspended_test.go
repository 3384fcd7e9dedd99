package integration

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"testing"
	"time"

	amcluster "github.com/amgate/amgate/cluster"
	"github.com/amgate/amgate/mail/mailtest"
)

// mailedJourney is a journey that goes on by the link of a mail.
const mailedJourney = `
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
			}`

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
%s
		}`, am, mails.Host, mails.Port, mailtest.Username, mails.CAFile, scheme, mailedJourney),
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

// TestLinkLeadsToTheNodeOfItsJourney: whoever follows a link, through another
// edge and with no cookie, goes on at the node where the journey was suspended,
// and on any other when that one is gone.
func TestLinkLeadsToTheNodeOfItsJourney(t *testing.T) {
	mails := mailtest.Start(t, mailtest.Options{})
	demo := newUser("demo")
	demo.attributes = map[string]string{"mail": "demo@example.com"}
	c := startCluster(t, clusterSpec{
		nodes: 2, edges: 2, journeySessions: "in_memory", directory: true, users: []user{demo},
		env: []string{"SMTP_PASSWORD=" + mailtest.Password},
		options: fmt.Sprintf(`
		base_url http://login.example.com
		smtp %s:%d {
			from no-reply@example.com
			username %s
			password {env.SMTP_PASSWORD}
			ca %s
		}`, mails.Host, mails.Port, mailtest.Username, mails.CAFile),
		realm: mailedJourney,
	})
	c.awaitNodes(t, 2)
	key := c.edge.explainKey(t, time.Minute)
	went := regexp.MustCompile(`node="(am-[12])".*why=([a-z-]+);tries`)
	var homes, ids []string
	for i := range 6 {
		client := c.edge.client("/alpha").withoutCookies().with(amcluster.ExplainHeader, key)
		waiting := client.answer(client.begin("Mailed").step(t), demo.name)
		if waiting.step(t).Callbacks[0].Type != "SuspendedTextOutputCallback" {
			t.Fatalf("the journey is not suspended: %s", waiting)
		}
		homes = append(homes, went.FindStringSubmatch(waiting.header.Get(amcluster.ExplainHeader))[1])
		for _, m := range mails.Await("demo@example.com", i+1) { // in no order
			followed, err := url.Parse(link.FindString(m.Text))
			must(t, err)
			if id := remember("a suspendedId", followed.Query().Get("suspendedId")); !slices.Contains(ids, id) {
				ids = append(ids, id)
			}
		}
		if len(ids) != len(homes) {
			t.Fatalf("%d journeys have %d links", len(homes), len(ids))
		}
	}
	resume := func(i int) reply {
		client := c.edges[1].client("/alpha").withoutCookies().with(amcluster.ExplainHeader, key)
		return client.send(http.MethodPost, client.endpoint("authenticate")+"?suspendedId="+url.QueryEscape(ids[i]), "", authenticateHeader())
	}
	for i := range 5 {
		r := resume(i)
		m := went.FindStringSubmatch(r.header.Get(amcluster.ExplainHeader))
		if r.step(t); m == nil || m[1] != homes[i] || m[2] != "pin" {
			t.Errorf("the link of a journey of %s leads to %q", homes[i], m)
		}
	}
	c.nodes[map[string]int{"am-1": 0, "am-2": 1}[homes[5]]].kill()
	if r := resume(5); r.step(t).Callbacks[0].Type != "PasswordCallback" {
		t.Errorf("the link of a journey whose node is gone leads to %s", r)
	}
}
