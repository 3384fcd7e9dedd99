package integration

import (
	"bytes"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// secrets are the values that no log may hold, each with what it is.
//
// A log may show a value quoted, percent-encoded or cut into pieces. So what
// is looked for are its words, the long runs of letters, digits, "-" and "_",
// which survive all that. It also makes the search quick: a log is cut into
// words once, whatever the number of secrets.
var secrets struct {
	sync.Mutex
	words map[string]string
}

// word is a run that is long enough to be no coincidence.
var word = regexp.MustCompile(`[A-Za-z0-9_-]{16,}`)

// remember notes a secret and returns it.
func remember(what, value string) string {
	secrets.Lock()
	defer secrets.Unlock()
	if secrets.words == nil {
		secrets.words = make(map[string]string)
	}
	words := word.FindAllString(value, -1)
	if isJWT(value) && len(words) > 1 {
		words = words[1:] // the header is the same in all of them
	}
	for _, w := range words {
		secrets.words[w] = what
	}
	return value
}

func isJWT(value string) bool {
	return strings.HasPrefix(value, "eyJ") && strings.Count(value, ".") == 2
}

// alarms are lines that mean a defect whatever the test was about.
var alarms = []string{"DATA RACE", "panic"}

// searchLogs looks through all files *.log below dir and tells what was found
// that should not be there, without repeating it.
func searchLogs(dir string) (found []string) {
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".log" {
			return err
		}
		log, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		number := 0
		for line := range bytes.Lines(log) {
			number++
			for _, what := range searchLine(line) {
				found = append(found, fmt.Sprintf("%s:%d: %s", path, number, what))
			}
		}
		return nil
	})
	if err != nil {
		found = append(found, err.Error())
	}
	return found
}

func searchLine(line []byte) (found []string) {
	secrets.Lock()
	defer secrets.Unlock()
	for _, w := range word.FindAll(line, -1) {
		if what, ok := secrets.words[string(w)]; ok {
			found = append(found, what)
		}
	}
	for _, alarm := range alarms {
		if bytes.Contains(line, []byte(alarm)) {
			found = append(found, alarm)
		}
	}
	return found
}

// TestSearchFindsSecrets: the search that every run ends with would notice.
func TestSearchFindsSecrets(t *testing.T) {
	remember("a token", "AQIC5wTESTTESTTESTTESTTEST.*AAJTSQACMDEAAlNLABsearched-for_0001AAJTMQAA*")
	remember("an authId", "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.payload-payload-payload.signature-signature")
	for line, want := range map[string]string{
		`{"uri":"/am/json/sessions/AQIC5wTESTTESTTESTTESTTEST.%2AAAJTSQAC%2A"}`:                "a token",
		`{"Amtoken":["AQIC5wTESTTESTTESTTESTTEST.*AAJTSQACMDEAAlNLABsearched-for_0001*"]}`:     "a token",
		`{"msg":"step eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.payload-payload-payload.other..."}`: "an authId",
		`WARNING: DATA RACE`:                                      "DATA RACE",
		`panic: runtime error: index out of range`:                "panic",
		`{"msg":"eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.REDACTED"}`: "",
	} {
		if got := strings.Join(searchLine([]byte(line)), ", "); got != want && !strings.HasPrefix(got, want+", ") {
			t.Errorf("%s\nholds %q, found %q", line, want, got)
		}
	}
}

// TestSecretsStayOutOfLogs sends secrets in all the places where AM's clients
// put them. That none of them is logged is found out after the last test,
// when all logs are searched; here is made sure that there is a log, and that
// it tells of these requests.
func TestSecretsStayOutOfLogs(t *testing.T) {
	t.Parallel()
	s := startOneSite(t, "server")
	c := s.client("/alpha")
	token := c.login(s.bjensen)
	asked := c.withoutCookies().begin("").step(t)
	remember("a suspendedId", "suspended-journeys-are-secrets-0001")

	version := http.Header{"Accept-Api-Version": {"resource=1.1"}}
	escaped := url.PathEscape(token)
	sessions := c.endpoint("sessions")
	for _, to := range []string{
		sessions + "/" + token + "?_action=validate",
		sessions + "/" + escaped + "?_action=validate",
		sessions + "?_action=validate&tokenId=" + url.QueryEscape(token),
		sessions + "?tokenId=" + token + "&_action=validate",
		c.endpoint("authenticate") + "?suspendedId=suspended-journeys-are-secrets-0001",
		c.endpoint("authenticate") + "?authId=" + asked.AuthID,
		c.endpoint("authenticate") + "?sessionUpgradeSSOTokenId=" + token,
		c.endpoint("authenticate") + "?IDToken1=bjensen&IDToken2=" + s.bjensen.password,
		c.endpoint("no/such/resource/" + token),
		s.url + "/app/" + token + "?iPlanetDirectoryPro=" + token,
	} {
		c.send(http.MethodPost, to, "", version)
	}
	for _, header := range []http.Header{
		{cookieName: {token}},
		{"iplanetdirectorypro": {token}},
		{"Authorization": {"Bearer " + token}},
		{"X-OpenAM-Username": {s.bjensen.name}, "X-OpenAM-Password": {s.bjensen.password}},
		{"x-openam-password": {s.bjensen.password}},
		{"X-OpenAM-Password": {`quoted "` + s.bjensen.password + `" \ and [more]`}},
		{"X-OpenAM-Password": {"after a bracket] " + s.bjensen.password, s.bjensen.password}},
		{"Referer": {s.url + "/am/XUI/?suspendedId=suspended-journeys-are-secrets-0001&authId=" + asked.AuthID}},
	} {
		c.withoutCookies().send(http.MethodPost, sessions+"?_action=getSessionInfo", "", header)
	}
	// A form posted by mistake to the API, and a body that is no JSON.
	c.send(http.MethodPost, c.endpoint("authenticate"), `{"authId":"`+asked.AuthID+`","callbacks":`, authenticateHeader())

	eventually(t, 10*time.Second, func() error {
		if n := strings.Count(s.log(), `"handled request"`); n < 19 {
			return fmt.Errorf("the log tells of %d requests", n)
		}
		return nil
	})
}
