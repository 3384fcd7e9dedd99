package rest

import (
	"bufio"
	"encoding/json"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// recorded is an exchange with a real AM, as far as it is compared.
type recorded struct {
	ID      string
	Server  string
	Request struct {
		Method, Path, Query string
		Headers             map[string]string
		Body                json.RawMessage
	}
	Response struct {
		Status  int
		Headers map[string]json.RawMessage
		Body    json.RawMessage
	}
}

// readRecordings are those of a file that were taken from a plain AM.
func readRecordings(t *testing.T, name string) []recorded {
	t.Helper()
	// It is the cleanest witness.
	all := slices.DeleteFunc(allRecordings(t, name), func(r recorded) bool { return !strings.Contains(r.Server, "classic") })
	if len(all) == 0 {
		t.Fatalf("%s has no recording of a plain AM", name)
	}
	return all
}

// allRecordings reads one file of recordings. They lie beside the checkout
// and are not part of it.
func allRecordings(t *testing.T, name string) []recorded {
	t.Helper()
	path := filepath.Join("..", "..", "shared", "recordings", name)
	f, err := os.Open(path)
	if err != nil {
		t.Skipf("no recordings of real servers here to compare with: %v", err)
	}
	defer f.Close()
	var all []recorded
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var r recorded
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			t.Fatal(err)
		}
		all = append(all, r)
	}
	return all
}

// compare holds our reply against the recorded one: status, headers, the
// names of the members in their order, and their types.
func compare(t *testing.T, r recorded, got *httptest.ResponseRecorder, without ...string) {
	t.Helper()
	if got.Code != r.Response.Status {
		t.Errorf("status %d, want %d: %s", got.Code, r.Response.Status, got.Body)
		return
	}
	r.compareHeaders(t, got)
	want := slices.DeleteFunc(shape(t, r.Response.Body), func(line string) bool {
		return slices.ContainsFunc(without, func(name string) bool { return strings.HasPrefix(line, name+" ") })
	})
	if have := shape(t, got.Body.Bytes()); !slices.Equal(have, want) {
		t.Errorf("the body has\n%s\nwant\n%s", strings.Join(have, "\n"), strings.Join(want, "\n"))
	}
}

// compareHeaders holds our headers, but Set-Cookie, against the recorded ones.
func (r recorded) compareHeaders(t *testing.T, got *httptest.ResponseRecorder) {
	t.Helper()
	for name, raw := range r.Response.Headers {
		var want string
		switch name {
		case "set-cookie", "content-length", "etag", "transfer-encoding":
			continue
		case "strict-transport-security", "x-forgerock-transactionid", "x-robots-tag", "content-security-policy-report-only": // the front's
			continue
		}
		if err := json.Unmarshal(raw, &want); err != nil {
			t.Fatal(err)
		}
		if have := got.Header().Get(name); have != want {
			t.Errorf("%s: %q, want %q", name, have, want)
		}
	}
}

// shape lists the members of an object in order, as "name type".
func shape(t *testing.T, body []byte) []string {
	t.Helper()
	var values map[string]any
	if err := json.Unmarshal(body, &values); err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, name := range members(t, body) {
		kind := "null"
		switch values[name].(type) {
		case string:
			kind = "text"
		case bool:
			kind = "flag"
		case float64:
			kind = "number"
		case []any:
			kind = "list"
		case map[string]any:
			kind = "object"
		}
		lines = append(lines, name+" "+kind)
	}
	return lines
}

// headers are those of a recorded request, with our token for the recorded.
func (r recorded) headers(token string) []string {
	var all []string
	for name, value := range r.Request.Headers {
		switch name {
		case "cookie":
			value = cookieName + "=" + token
		case "authorization":
			value = "Bearer " + token
		case "x-openam-username":
			value = "bjensen"
		case "x-openam-password":
			value = "Ch4ng31t"
		}
		all = append(all, name, value)
	}
	return all
}

func TestRecordedServerInfo(t *testing.T) {
	s := open(t)
	token := s.login(t)
	for _, r := range readRecordings(t, "serverinfo.jsonl") {
		t.Run(r.ID, func(t *testing.T) {
			// A newer AM says what its console can do; we are a 7.5.0.
			compare(t, r, s.do(t, r.Request.Method, r.Request.Path, "", r.headers(token)...), "nodeDesignerXuiEnabled")
		})
	}
}

func TestRecordedSessions(t *testing.T) {
	s := open(t)
	body := `{"tokenId":"` + s.login(t) + `"}`
	for _, r := range readRecordings(t, "sessions.jsonl") {
		t.Run(r.ID, func(t *testing.T) {
			compare(t, r, s.do(t, r.Request.Method, r.Request.Path+"?"+r.Request.Query, body, r.headers("")...))
		})
	}
}

// TestRecordedUsers: the one kind of user that was recorded is an item of a
// list, which is what a single one is, too. Ours has the members that the
// protocol has for all and then attributes, each a list; which there are is for
// the realm's people to say. Lists of users, their devices, groups and
// policies are not here: that is said as AM says it of what a realm does not
// have.
func TestRecordedUsers(t *testing.T) {
	s := staffed(t)
	admin := s.signIn(t, "/", "rita")
	for _, r := range allRecordings(t, "users.jsonl") {
		t.Run(r.ID, func(t *testing.T) {
			if !strings.HasSuffix(r.Request.Path, "/users") {
				res := s.do(t, r.Request.Method, r.Request.Path+"?"+r.Request.Query, "", r.headers(admin)...)
				if r.Response.Status < 400 {
					r.Response.Status, r.Response.Body = 404, json.RawMessage(`{"code":404,"reason":"Not Found","message":"not here"}`)
				}
				// AM names no version with this error, and some with the others.
				delete(r.Response.Headers, "content-api-version")
				compare(t, r, res)
				return
			}
			var list struct{ Result []json.RawMessage }
			if err := json.Unmarshal(r.Response.Body, &list); err != nil || len(list.Result) == 0 {
				t.Fatalf("%s: %v", r.Response.Body, err)
			}
			for _, item := range list.Result {
				res := s.do(t, "GET", r.Request.Path+"/carol", "", r.headers(admin)...)
				have, want := shape(t, res.Body.Bytes()), shape(t, item)
				if len(have) < 5 || !slices.Equal(have[:4], want[:4]) {
					t.Errorf("the user has\n%s\nwant\n%s", strings.Join(have, "\n"), strings.Join(want, "\n"))
				}
				for _, attribute := range slices.Concat(have[4:], want[4:]) {
					if !strings.HasSuffix(attribute, " list") {
						t.Errorf("the attribute %s is no list", attribute)
					}
				}
				for _, known := range []string{"uid list", "mail list", "universalid list", "inetUserStatus list"} {
					if slices.Contains(want, known) && !slices.Contains(have, known) {
						t.Errorf("the user lacks %s", known)
					}
				}
				// AM names the protocol, too, of this resource alone.
				delete(r.Response.Headers, "content-api-version")
				r.Response.Body = res.Body.Bytes()
				compare(t, r, res)
			}
		})
	}
}
