package caddymodule

import (
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
)

// TestAdminRoutesAreKnown holds the inventory of what amgate adds to Caddy's
// admin API, with the methods by which each is called: a new route has to be
// written here. Who may call is Caddy's affair, who reaches the socket; that no
// site leads here is TestNoRewriteReachesTheAdminAPI's. (SECURITY 9)
func TestAdminRoutesAreKnown(t *testing.T) {
	want := map[string][]string{
		"/am/store/snapshot":    {http.MethodGet},
		"/am/store/defrag":      {http.MethodPost},
		"/am/realm/destroy-key": {http.MethodPost},
		"/am/sessions":          {http.MethodGet},
		"/am/session":           {http.MethodGet},
		"/am/sessions/end":      {http.MethodPost},
		"/am/journey":           {http.MethodGet},
		"/am/explain-key":       {http.MethodPost},
		"/am/node/drain":        {http.MethodGet, http.MethodPost, http.MethodDelete},
	}
	mustRun(t, `{`+recordedOne+`}`)
	var got []string
	for _, m := range caddy.GetModules("admin.api") {
		if !strings.HasPrefix(string(m.ID), "admin.api.am_") {
			continue
		}
		for _, route := range m.New().(caddy.AdminRouter).Routes() {
			got = append(got, route.Pattern)
			for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodPatch} {
				err := route.Handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(method, route.Pattern, nil))
				refused, _ := errors.AsType[caddy.APIError](err)
				if isWrong := refused.HTTPStatus == http.StatusMethodNotAllowed; isWrong == slices.Contains(want[route.Pattern], method) {
					t.Errorf("%s %s: %v", method, route.Pattern, err)
				}
			}
		}
	}
	slices.Sort(got)
	if known := slices.Sorted(maps.Keys(want)); !slices.Equal(got, known) {
		t.Errorf("the routes are %q", got)
	}
}
