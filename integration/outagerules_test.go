package integration

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/amgate/amgate/store/storetest/etcdproc"
	"github.com/amgate/amgate/token"
)

const (
	// The settings of outageSites.
	outageFreshness = 2 * time.Second
	outageGrace     = 8 * time.Second
)

// outageSites is a process on an etcd of its own: realm /alpha, whose apps
// stand behind an am_auth with each rule for outages, realm /carried, whose
// apps do so too and whose sessions are carried by their clients, and realm
// /beta, whose journeys are in memory.
type outageSites struct {
	*process
	etcd *etcdproc.Cluster
	user user
	// The apps, by the rule of their am_auth.
	strict, freshness, grace string
}

func startOutageSites(t *testing.T) outageSites {
	t.Helper()
	o := outageSites{etcd: etcdproc.Start(t, etcdproc.Options{Members: 1}), user: newUser("bjensen")}
	dir := newDir(t)
	writeUsers(t, dir, o.user)
	site := func() string { return "http://localhost:" + freePort(t) }
	am := site()
	o.strict, o.freshness, o.grace = site(), am, site()
	o.process = start(t, spec{
		dir: dir, url: am,
		am: fmt.Sprintf(`
		store etcd %s {
			timeout 1s
		}
		cache 16MiB {
			freshness %v
		}
		signing_key %s
		realm /alpha {
			identities file users.json
			success_url %s/
		}
		realm /carried {
			identities file users.json
			authenticated_sessions client
		}
		realm /beta {
			identities file users.json
			journey_sessions in_memory
			journey TwoSteps {
				node name username
				node pass password
				node check data_store

				name -> pass
				pass -> check
				check true -> success
				check false -> failure
			}
		}`, strings.Join(o.etcd.Endpoints(), " "), outageFreshness, token.GenerateSecret().Base64(), am),
		sites: fmt.Sprintf(`
(app) {
	import logged
	header Content-Type "text/html; charset=utf-8"
	respond "<!doctype html><title>App</title><h1>Hello {http.auth.user.id}</h1>"
}
(protected) {
	@alpha not path /carried
	am_auth @alpha {
		realm /alpha
		{block}
	}
	am_auth /carried {
		realm /carried
		{block}
	}
	import app
}
%s {
	am_server /am/*
	import protected
}
%s {
	import protected {
		outage strict
	}
}
%s {
	import protected {
		outage grace %v
	}
}
`, o.freshness, o.strict, o.grace, outageGrace),
	})
	return o
}

// TestOutageRules takes the store away, by ending it and by freezing it, for
// longer than freshness and grace together. Requests get 200 or 503, as the
// rule of their am_auth says; those under a grace get 200 beyond the freshness.
// Logins wait, and go on where they were.
func TestOutageRules(t *testing.T) {
	t.Parallel()
	for _, outage := range []struct {
		name        string
		begin, over func(*etcdproc.Cluster, int)
	}{
		{"ended", (*etcdproc.Cluster).Stop, (*etcdproc.Cluster).Start},
		{"frozen", (*etcdproc.Cluster).Freeze, (*etcdproc.Cluster).Thaw},
	} {
		t.Run(outage.name, func(t *testing.T) {
			t.Parallel()
			o := startOutageSites(t)
			signedIn := o.client("/alpha")
			signedIn.login(o.user)
			eventually(t, 20*time.Second, o.caches)
			carrying := o.client("/carried")
			carrying.login(o.user)
			clients := map[string]*client{"/": signedIn, "/carried": carrying}
			for path, c := range clients {
				for _, app := range []string{o.freshness, o.strict, o.grace} {
					if r := c.get(app + path); r.status != http.StatusOK {
						t.Fatalf("%s before the outage: %s", path, r)
					}
				}
			}
			onServer, inMemory := o.client("/alpha"), o.client("/beta")
			serverStep := onServer.begin("").step(t)
			memoryStep := inMemory.begin("TwoSteps").step(t)

			outage.begin(o.etcd, 0)
			began := time.Now()
			memoryStep = inMemory.answer(memoryStep, o.user.name).step(t) // asks no store
			late := o.client("/beta")
			lateStep := late.answer(late.begin("TwoSteps").step(t), o.user.name).step(t)
			var watched sync.WaitGroup
			for path, c := range clients {
				watched.Go(func() { o.watchRules(t, c, path, began) })
			}
			watched.Wait()

			for range 2 {
				for _, r := range []reply{
					onServer.answer(serverStep, o.user.name, o.user.password), inMemory.answer(memoryStep, o.user.password),
					late.answer(lateStep, o.user.password), o.client("/alpha").begin(""), o.client("/alpha").navigate(o.url + "/am/XUI/?realm=/alpha"),
				} {
					if r.status != http.StatusServiceUnavailable || r.header.Get("Retry-After") == "" || len(r.header["Set-Cookie"]) > 0 {
						t.Errorf("a login during the outage: %s, headers %v", r, r.header)
					}
				}
			}
			outage.over(o.etcd, 0)
			eventually(t, 20*time.Second, o.ready)
			onServer.answer(serverStep, o.user.name, o.user.password).success(t)
			inMemory.answer(memoryStep, o.user.password).success(t)
			late.answer(lateStep, o.user.password).success(t)
			for path, c := range clients {
				for _, app := range []string{o.freshness, o.strict, o.grace} {
					eventually(t, 20*time.Second, func() error {
						if r := c.get(app + path); r.status != http.StatusOK {
							return fmt.Errorf("%s%s after the outage: %s", app, path, r)
						}
						return nil
					})
				}
			}
		})
	}
}

// caches tells that the cache is not in use yet: what is looked up then is not
// kept, and no rule has anything to go by.
func (o outageSites) caches() error {
	admin := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", o.adminSocket())
	}}}
	defer admin.CloseIdleConnections()
	resp, err := admin.Get("http://localhost/metrics")
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	metrics, err := io.ReadAll(resp.Body)
	if err == nil && !strings.Contains(string(metrics), "\namgate_cache_fresh 1\n") {
		err = errors.New("the cache is not in use")
	}
	return err
}

// watchRules asks all apps during an outage that began at a moment, until even
// the grace must be over.
func (o outageSites) watchRules(t *testing.T, c *client, path string, began time.Time) {
	t.Helper()
	ask := func(app string) (status int, asked time.Duration) {
		asked = time.Since(began)
		r := c.get(app + path)
		if r.status != http.StatusOK && r.status != http.StatusServiceUnavailable || len(r.header["Set-Cookie"]) > 0 {
			t.Errorf("%s during the outage: %s, headers %v", path, r, r.header)
		}
		return r.status, asked
	}
	beyond := false
	for !t.Failed() && time.Since(began) < outageFreshness+outageGrace+time.Second {
		fresh, asked := ask(o.freshness)
		if fresh == http.StatusOK && asked >= outageFreshness {
			t.Errorf("%s, freshness: let through %v after the store was gone", path, asked)
		}
		if strict, _ := ask(o.strict); fresh != http.StatusOK && strict == http.StatusOK {
			t.Errorf("%s, strict: let through when it was known that the store was gone", path)
		}
		grace, asked := ask(o.grace)
		if grace == http.StatusOK && asked >= outageFreshness+outageGrace {
			t.Errorf("%s, grace: let through %v after the store was gone", path, asked)
		}
		beyond = beyond || grace == http.StatusOK && asked >= outageFreshness
		time.Sleep(50 * time.Millisecond)
	}
	if !beyond {
		t.Errorf("%s, grace: nobody was let through beyond the freshness", path)
	}
	if status, _ := ask(o.grace); status != http.StatusServiceUnavailable {
		t.Errorf("%s, grace: %d when it was over", path, status)
	}
}

// TestLoginPageInAnOutage lets a browser sign in while the store goes away and
// comes back.
func TestLoginPageInAnOutage(t *testing.T) {
	t.Parallel()
	o := startOutageSites(t)
	script := withChromium(t, map[string]string{
		"AMGATE_APP": o.url + "/", "AMGATE_REALM": "/alpha", "AMGATE_USER": o.user.name, "AMGATE_PASSWORD": o.user.password,
	})
	// The script waits for each answer, so one goroutine at a time works on the
	// cluster. Should that fail, no answer comes, and so the script fails.
	control := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/down" {
			o.etcd.Stop(0)
		} else {
			o.etcd.Start(0)
			eventually(t, 20*time.Second, o.ready)
		}
		w.WriteHeader(http.StatusNoContent)
	}))
	t.Cleanup(control.Close)
	script["AMGATE_STORE_SWITCH"] = control.URL
	runScript(t, "outage-page.mjs", script)
}
