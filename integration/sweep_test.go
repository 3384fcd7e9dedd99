package integration

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"
)

// hookCall is a call of a webhook.
type hookCall struct{ id, body string }

// startReceiver runs what webhooks call. It never answers the first call.
func startReceiver(t *testing.T) (url string, calls chan hookCall) {
	t.Helper()
	calls = make(chan hookCall, 10)
	over := make(chan struct{})
	first := make(chan struct{}, 1)
	first <- struct{}{}
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		calls <- hookCall{r.Header.Get("Webhook-Id"), string(body)}
		select {
		case <-first:
			<-over
		default:
		}
	}))
	t.Cleanup(server.Close)
	t.Cleanup(func() { close(over) })
	return server.URL, calls
}

// TestEndsAreToldThoughTheNodeDies kills the process while it calls the webhook
// of a logout, and while a session waits to time out. Its next start calls that
// webhook again, by the same id, and tells of the time-out: once.
func TestEndsAreToldThoughTheNodeDies(t *testing.T) {
	t.Parallel()
	receiver, calls := startReceiver(t)
	bjensen := newUser("bjensen")
	dir := newDir(t)
	writeUsers(t, dir, bjensen)
	site := "http://localhost:" + freePort(t)
	realm := func(path, options string) string {
		return fmt.Sprintf(`
		realm %s {
			identities file users.json
			webhook hook {
				url %s
				body "${Organization} ${UserId}"
			}
			journey Hooked {
				node name username
				node pass password
				node check data_store
				node hook register_logout_webhook {
					webhook hook
				}
				name -> pass
				pass -> check
				check true -> hook
				check false -> failure
				hook -> success
			}
			default_journey Hooked
			%s
		}`, path, receiver, options)
	}
	p := start(t, spec{
		dir: dir, url: site,
		am:    "identities file users.json" + realm("/alpha", "") + realm("/beta", "max_time 1s"),
		sites: fmt.Sprintf("%s {\n\tam_server /am/*\n}\n", site),
	})
	login := func(c *client) string {
		name := c.begin("").step(t)
		pass := c.answer(name, bjensen.name).step(t)
		return c.answer(pass, bjensen.password).success(t).TokenID
	}
	login(p.client("/beta"))
	alpha := p.client("/alpha")
	alpha.session("logout", login(alpha))
	hung := awaitCall(t, calls)
	if hung.body != "%2Falpha bjensen" || hung.id == "" {
		t.Fatalf("called with %+v", hung)
	}
	p.kill()
	p.start()
	told := map[string]string{}
	for range 2 { // the claims, and the term, of the process that died run out
		c := awaitCall(t, calls)
		told[c.body] = c.id
	}
	if told["%2Falpha bjensen"] != hung.id || told["%2Fbeta bjensen"] == "" || told["%2Fbeta bjensen"] == hung.id {
		t.Errorf("the logout was told by %q; later %q", hung.id, told)
	}
	log, err := os.ReadFile(p.logPath())
	must(t, err)
	if n := strings.Count(string(log), `"AM-SESSION-MAX_TIMED_OUT"`); n != 1 {
		t.Errorf("the time-out was audited %d times", n)
	}
	if len(calls) > 0 {
		t.Errorf("called again: %+v", <-calls)
	}
}

func awaitCall(t *testing.T, calls chan hookCall) hookCall {
	t.Helper()
	select {
	case c := <-calls:
		return c
	case <-time.After(3 * time.Minute):
		t.Fatal("the webhook was not called")
		return hookCall{}
	}
}
