package integration

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
	"time"
)

const cookieName = "iPlanetDirectoryPro"

// client speaks AM's REST protocol, as a native app would. It keeps cookies
// and follows no redirects.
type client struct {
	t     testing.TB
	http  *http.Client
	am    string // ".../am"
	realm string
	also  http.Header // goes with every request
}

// client returns a client of a realm without any cookies yet.
func (p *process) client(realm string) *client {
	p.t.Helper()
	transport, err := p.transport()
	must(p.t, err)
	jar, err := cookiejar.New(nil)
	must(p.t, err)
	p.t.Cleanup(transport.CloseIdleConnections)
	return &client{t: p.t, am: p.url + "/am", realm: realm, http: &http.Client{
		Transport:     transport,
		Jar:           jar,
		Timeout:       30 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// withoutCookies is the same client for somebody who keeps no cookies.
func (c *client) withoutCookies() *client {
	bare, other := *c.http, *c
	bare.Jar = nil
	other.http = &bare
	return &other
}

// with is the same client, with one more header in every request.
func (c *client) with(name, value string) *client {
	other := *c
	other.also = c.also.Clone()
	if other.also == nil {
		other.also = make(http.Header)
	}
	other.also.Set(name, value)
	return &other
}

// from is the same client at another address of the loopback interface.
func (c *client) from(address string) *client {
	transport := c.http.Transport.(*http.Transport).Clone()
	transport.DialContext = (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}}).DialContext
	c.t.Cleanup(transport.CloseIdleConnections)
	moved, other := *c.http, *c
	moved.Transport = transport
	other.http = &moved
	return &other
}

// reply is what came back, with its body read.
type reply struct {
	status int
	header http.Header
	body   []byte
}

func (r reply) String() string { return fmt.Sprintf("%d %s", r.status, r.body) }

// decode reads the body as JSON.
func (r reply) decode(t testing.TB, into any) {
	t.Helper()
	if err := json.Unmarshal(r.body, into); err != nil {
		t.Fatalf("the reply is not JSON: %v\n%s", err, r)
	}
}

// cookie is the value that the reply sets a cookie to.
func (r reply) cookie(name string) (*http.Cookie, bool) {
	for _, c := range (&http.Response{Header: r.header}).Cookies() {
		if c.Name == name {
			return c, true
		}
	}
	return nil, false
}

// try sends a request. An error means that there was no reply.
func (c *client) try(method, url, body string, header http.Header) (reply, error) {
	req, err := http.NewRequestWithContext(c.t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		return reply{}, err
	}
	maps.Copy(req.Header, c.also)
	maps.Copy(req.Header, header) // names as written: the case may matter
	res, err := c.http.Do(req)
	if err != nil {
		return reply{}, err
	}
	defer res.Body.Close()
	read, err := io.ReadAll(res.Body)
	if err != nil {
		return reply{}, err
	}
	r := reply{status: res.StatusCode, header: res.Header, body: read}
	rememberReply(r)
	return r, nil
}

// rememberReply notes the secrets that a reply hands out.
func rememberReply(r reply) {
	var handed struct {
		AuthID  string `json:"authId"`
		TokenID string `json:"tokenId"`
	}
	if json.Unmarshal(r.body, &handed) == nil {
		remember("an authId", handed.AuthID)
		remember("a token", handed.TokenID)
	}
	if set, ok := r.cookie(cookieName); ok {
		remember("a token", set.Value)
	}
}

// send is try for requests that must get a reply.
func (c *client) send(method, url, body string, header http.Header) reply {
	c.t.Helper()
	r, err := c.try(method, url, body, header)
	must(c.t, err)
	return r
}

// get asks for a page of an app, as a script would: without a wish for HTML.
func (c *client) get(url string) reply {
	c.t.Helper()
	return c.send(http.MethodGet, url, "", nil)
}

// navigate opens a page as a browser does.
func (c *client) navigate(url string) reply {
	c.t.Helper()
	return c.send(http.MethodGet, url, "", http.Header{
		"Accept": {"text/html,application/xhtml+xml,*/*;q=0.8"}, "Sec-Fetch-Mode": {"navigate"},
	})
}

// endpoint is the URL of a resource of the realm, spelled as the SDKs do.
func (c *client) endpoint(resource string) string {
	url := c.am + "/json/realms/root"
	for name := range strings.SplitSeq(strings.Trim(c.realm, "/"), "/") {
		if name != "" {
			url += "/realms/" + name
		}
	}
	return url + "/" + resource
}

// authenticateHeader are the headers that the SDKs send to authenticate.
func authenticateHeader() http.Header {
	return http.Header{
		"Content-Type": {"application/json"}, "Accept-Api-Version": {"protocol=1.0,resource=2.1"},
	}
}

// step is one step of a journey.
type step struct {
	AuthID    string     `json:"authId"`
	Callbacks []callback `json:"callbacks"`
	Stage     string     `json:"stage,omitempty"`
}

type callback struct {
	Type   string  `json:"type"`
	Output []field `json:"output,omitempty"`
	Input  []field `json:"input,omitempty"`
	ID     int     `json:"_id"`
}

type field struct {
	Name  string `json:"name"`
	Value any    `json:"value"`
}

// begin starts a journey; "" is the realm's default one.
func (c *client) begin(journey string) reply {
	c.t.Helper()
	r, err := c.tryBegin(journey)
	must(c.t, err)
	return r
}

func (c *client) tryBegin(journey string) (reply, error) {
	to := c.endpoint("authenticate")
	if journey != "" {
		to += "?authIndexType=service&authIndexValue=" + url.QueryEscape(journey)
	}
	return c.try(http.MethodPost, to, "", authenticateHeader())
}

// step reads a reply that must be a step.
func (r reply) step(t testing.TB) step {
	t.Helper()
	var s step
	r.decode(t, &s)
	if r.status != http.StatusOK || s.AuthID == "" {
		t.Fatalf("not a step: %s", r)
	}
	return s
}

// answer fills in the callbacks that have an input, in order, and posts the
// whole step back. A value that is a list is for all inputs of its callback.
func (c *client) answer(s step, values ...any) reply {
	c.t.Helper()
	r, err := c.tryAnswer(s, values...)
	must(c.t, err)
	return r
}

func (c *client) tryAnswer(s step, values ...any) (reply, error) {
	s.Callbacks = append([]callback(nil), s.Callbacks...)
	for i, cb := range s.Callbacks {
		if len(cb.Input) == 0 || len(values) == 0 {
			continue
		}
		inputs, isList := values[0].([]any)
		if !isList {
			inputs = values[:1]
		}
		s.Callbacks[i].Input = nil
		for j, value := range inputs {
			s.Callbacks[i].Input = append(s.Callbacks[i].Input, field{cb.Input[j].Name, value})
		}
		values = values[1:]
	}
	body, err := json.Marshal(s)
	if err != nil {
		return reply{}, err
	}
	return c.try(http.MethodPost, c.endpoint("authenticate"), string(body), authenticateHeader())
}

// success is the end of a journey that led to a session.
type success struct {
	TokenID    string `json:"tokenId"`
	SuccessURL string `json:"successUrl"`
	Realm      string `json:"realm"`
}

// success reads a reply that must be one.
func (r reply) success(t testing.TB) success {
	t.Helper()
	var s success
	r.decode(t, &s)
	if r.status != http.StatusOK || s.TokenID == "" {
		t.Fatalf("not a login with a session: %s", r)
	}
	return s
}

// zeroPage tries to log in by the headers of AM's zero page login.
func (c *client) zeroPage(name, password string) reply {
	c.t.Helper()
	h := authenticateHeader()
	h["X-OpenAM-Username"], h["X-OpenAM-Password"] = []string{name}, []string{password}
	return c.send(http.MethodPost, c.endpoint("authenticate"), "", h)
}

// login logs a user in and returns the token.
func (c *client) login(u user) string {
	c.t.Helper()
	return c.zeroPage(u.name, u.password).success(c.t).TokenID
}

// session asks the sessions endpoint about a token: validate, getSessionInfo
// or logout. An empty token leaves the cookie to speak.
func (c *client) session(action, token string) reply {
	c.t.Helper()
	var body bytes.Buffer
	if token != "" {
		must(c.t, json.NewEncoder(&body).Encode(map[string]string{"tokenId": token}))
	}
	return c.send(http.MethodPost, c.endpoint("sessions/?_action="+action), body.String(), http.Header{
		"Content-Type": {"application/json"}, "Accept-Api-Version": {"protocol=1.0,resource=4.0"},
	})
}

// valid reports whether the server takes the token for a live session.
func (c *client) valid(token string) bool {
	c.t.Helper()
	var answer struct {
		Valid bool `json:"valid"`
	}
	r := c.session("validate", token)
	r.decode(c.t, &answer)
	if r.status != http.StatusOK {
		c.t.Fatalf("validate: %s", r)
	}
	return answer.Valid
}
