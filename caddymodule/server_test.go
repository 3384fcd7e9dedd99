package caddymodule

import (
	"fmt"
	"net/http"
	"testing"
)

// A site has the console unless its am_server leaves it out; the login pages
// and the API it has either way.
func TestConsoleCanBeLeftOut(t *testing.T) {
	for settings, want := range map[string]int{"": http.StatusSeeOther, `, "no_console": true`: http.StatusNotFound} {
		socket := newSocket(t)
		server := fmt.Sprintf(`"http": {"servers": {"srv": {"listen": ["unix/%s"], "routes": [{"handle": [{"handler": "am_server"%s}]}]}}}`, socket, settings)
		if err := run(t, `{`+recordedOne+`}`, server); err != nil {
			t.Fatal(err)
		}
		client := visitor(t, socket)
		client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		for path, status := range map[string]int{
			"/am/console": want, "/am/console/": want, "/am/console/realms/root/sessions": want, "/am/consoles": http.StatusNotFound,
			"/am/XUI/": http.StatusOK, "/am/json/health/live": http.StatusOK,
		} {
			resp, err := client.Get("http://am.example" + path)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if resp.StatusCode != status {
				t.Errorf("%s with %q: %d, want %d", path, settings, resp.StatusCode, status)
			}
		}
	}
}
