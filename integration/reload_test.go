package integration

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// rewrite changes the process's Caddyfile.
func (p *process) rewrite(old, replacement string) {
	p.t.Helper()
	b, err := os.ReadFile(p.configPath())
	must(p.t, err)
	if !strings.Contains(string(b), old) {
		p.t.Fatalf("the Caddyfile has no %q", old)
	}
	writeFile(p.t, p.configPath(), strings.Replace(string(b), old, replacement, 1))
}

// A reload that is refused changes nothing: sessions go on, and so do journeys
// that live in memory. (Caddy's own acme_server answered 500 after one.)
func TestRefusedReloadHarmsNothing(t *testing.T) {
	t.Parallel()
	s := startOneSite(t, "in_memory")
	p := s.people(t)
	for _, mistake := range []string{
		"default_journey Nowhere",
		"goto_allow no-origin",
		"idle_timeout soon",
		"signing_key c2hvcnQ=",
		"identities file missing.json",
	} {
		good, err := os.ReadFile(s.configPath())
		must(t, err)
		s.rewrite("success_url /enduser", mistake+"\n\t\t\tsuccess_url /enduser")
		if err := s.reload(); err == nil {
			t.Fatalf("a configuration with %q was accepted", mistake)
		}
		writeFile(t, s.configPath(), string(good))
		if !p.client.valid(p.token) {
			t.Fatalf("after the refusal of %q the session is gone", mistake)
		}
	}
	p.goOn(t)
}

// TestRepeatedReloads reloads fifty times, with changed settings now and
// then: nothing is lost, and nothing is left over.
func TestRepeatedReloads(t *testing.T) {
	t.Parallel()
	s := startOneSite(t, "in_memory")
	p := s.people(t)
	must(t, s.reload())
	before := s.goroutines(t)

	for i := range 50 {
		if i%10 == 5 {
			s.rewrite("success_url", fmt.Sprintf("idle_timeout %dm\n\t\t\tsuccess_url", 20+i))
		}
		if i%10 == 6 {
			s.rewrite(fmt.Sprintf("idle_timeout %dm\n", 20+i-1), "")
		}
		must(t, s.reload())
	}
	p.goOn(t)
	eventually(t, 20*time.Second, func() error {
		if after := s.goroutines(t); after > before+10 {
			return fmt.Errorf("%d goroutines before the reloads, %d after", before, after)
		}
		return nil
	})
}

// TestReloadUnderLoad changes what the store and the cache are made of while
// requests are served: not one fails.
func TestReloadUnderLoad(t *testing.T) {
	t.Parallel()
	s := startOneSite(t, "server")
	c := s.client("/alpha")
	c.login(s.bjensen)

	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	var served atomic.Int64
	for range 4 {
		wg.Go(func() {
			for ctx.Err() == nil {
				r, err := c.try(http.MethodGet, s.url+"/whoami", "", nil)
				if err != nil {
					// The kernel resets connections that wait on the old
					// listener when Caddy closes it: nobody served them, and
					// clients connect again.
					continue
				}
				served.Add(1)
				if r.status != http.StatusOK {
					t.Errorf("during a reload: %s", r)
					return
				}
			}
		})
	}
	for i := range 10 {
		if i == 0 {
			s.rewrite("identities file users.json", "cache 16MiB\n\t\tidentities file users.json")
		} else {
			s.rewrite(fmt.Sprintf("cache %dMiB", 15+i), fmt.Sprintf("cache %dMiB", 16+i))
		}
		must(t, s.reload())
	}
	stop()
	wg.Wait()
	if served.Load() < 100 {
		t.Errorf("only %d requests were served", served.Load())
	}
}

// goroutines asks the process's admin API how many there are.
func (p *process) goroutines(t *testing.T) int {
	t.Helper()
	admin := &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", p.adminSocket())
		},
	}}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://admin/debug/pprof/goroutine?debug=1", nil)
	must(t, err)
	// A unix socket has no host; Caddy's admin API wants an empty one.
	req.Host = ""
	res, err := admin.Do(req)
	must(t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	must(t, err)
	found := regexp.MustCompile(`goroutine profile: total (\d+)`).FindSubmatch(body)
	if found == nil {
		t.Fatalf("no profile: %s %s", res.Status, body)
	}
	n, err := strconv.Atoi(string(found[1]))
	must(t, err)
	return n
}
