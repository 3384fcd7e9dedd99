package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/amgate/amgate/logtest"
	"github.com/amgate/amgate/session"
	"github.com/amgate/amgate/store"
	"github.com/amgate/amgate/store/storetest"
)

func refuse(g *Gateway, r *http.Request, err error) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	g.Refuse(w, r, err)
	return w
}

func TestRefuse(t *testing.T) {
	g := guard(t, unstarted("/alpha"))
	gone, hangUp := context.WithCancel(t.Context())
	hangUp()
	late, cancel := context.WithTimeout(t.Context(), 0)
	defer cancel()

	invalid := fmt.Errorf("%w: %w", ErrUnauthenticated, session.ErrInvalid)
	ended := fmt.Errorf("%w: %w", ErrUnauthenticated, session.ErrEnded)
	for _, test := range []struct {
		name string
		r    *http.Request
		err  error
		want int
	}{
		{"page, no token", browse("/"), errNoToken, 302},
		{"page, foreign token", browse("/"), invalid, 302},
		{"page, ended", browse("/"), ended, 302},
		{"API, no token", get("/"), errNoToken, 401},
		{"API, foreign token", get("/"), invalid, 401},
		{"API, ended", get("/"), ended, 401},
		{"page, outage", browse("/"), storetest.ErrDown, 503},
		{"API, outage", get("/"), storetest.ErrDown, 503},
		{"page, too many reads", browse("/"), store.ErrBusy, 503},
		{"API, too many reads", get("/"), store.ErrBusy, 503},
		{"a mistake of ours is no logout", browse("/"), errors.New("?"), 503},
		{"ended, but not for certain", browse("/"), errors.Join(ended, storetest.ErrDown), 503},
		{"hung up", browse("/").WithContext(gone), fmt.Errorf("%w: %w", storetest.ErrDown, context.Canceled), 499},
		{"hung up, decided", get("/").WithContext(gone), ended, 401},
		{"too slow", browse("/").WithContext(late), fmt.Errorf("%w: %w", storetest.ErrDown, context.DeadlineExceeded), 503},
	} {
		t.Run(test.name, func(t *testing.T) {
			res := refuse(g, test.r, test.err)
			h := res.Header()
			if res.Code != test.want {
				t.Errorf("status %d, want %d", res.Code, test.want)
			}
			if h.Get("Cache-Control") != "no-store" || !strings.Contains(h.Get("Vary"), "Cookie, Sec-Fetch-Mode") {
				t.Errorf("may be cached: %v", h)
			}
			if h.Get("Set-Cookie") != "" {
				t.Errorf("touches a cookie: %v", h)
			}
			if (h.Get("Location") != "") != (test.want == 302) || (h.Get("Retry-After") != "") != (test.want == 503) {
				t.Errorf("headers %v", h)
			}
			if test.want == 401 || test.want == 503 && !isNavigation(test.r) {
				checkJSON(t, res)
				if told := res.Body.String() == bodyBusy; told != errors.Is(test.err, store.ErrBusy) {
					t.Errorf("it says %s", res.Body)
				}
			}
		})
	}
}

func checkJSON(t *testing.T, res *httptest.ResponseRecorder) {
	t.Helper()
	var body struct {
		Code            int
		Reason, Message string
	}
	if err := json.Unmarshal(res.Body.Bytes(), &body); err != nil || body.Code != res.Code ||
		body.Reason != http.StatusText(res.Code) || body.Message == "" {
		t.Errorf("%s: %+v, %v", res.Body, body, err)
	}
	if ct := res.Header().Get("Content-Type"); !strings.HasPrefix(ct, "application/json") {
		t.Errorf("Content-Type %s", ct)
	}
}

// TestChallengeOpensNoWindow: the challenge of a 401 names the realm and is
// none of those for which a browser asks the person for a password.
func TestChallengeOpensNoWindow(t *testing.T) {
	res := refuse(guard(t, unstarted("/alpha")), get("/"), errNoToken)
	if got := res.Header()["Www-Authenticate"]; !slices.Equal(got, []string{`Bearer realm="/alpha"`}) {
		t.Errorf("WWW-Authenticate %q", got)
	}
}

// TestOutageSpreadsAndSpeaksOnce: clients that meet an outage come back at
// different seconds, a person reads a page, and the log has a line a second
// however many there are.
func TestOutageSpreadsAndSpeaksOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log logtest.Log
		g := guard(t, unstarted("/"), func(c *Config) { c.Front.Logger = log.Logger() })
		seconds := map[string]int{}
		for range 100 {
			seconds[refuse(g, get("/"), storetest.ErrDown).Header().Get("Retry-After")]++
		}
		for _, s := range []string{"1", "2", "3", "4", "5"} {
			if seconds[s] != 20 {
				t.Errorf("Retry-After %v", seconds)
				break
			}
		}
		time.Sleep(time.Second)
		page := refuse(g, browse("/"), storetest.ErrDown)
		if !strings.Contains(page.Body.String(), "not been signed out") || page.Header().Get("Content-Type") != htmlType {
			t.Errorf("page %v %s", page.Header(), page.Body)
		}
		if log.Count("\n") != 2 || log.Count("turned_away=101\n") != 1 {
			t.Errorf("log:\n%s", &log)
		}
	})
}
