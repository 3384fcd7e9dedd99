// Command floor is Caddy with a handler that does no more than a step of a
// journey in memory cannot go without, by the shortest way: it reads the
// posted step, checks the authId's MAC, finds its journey, signs the next
// authId, writes the audit event of a node and answers with AM's headers. No
// tree is walked, no answer is understood, nothing is guarded. What it costs is
// what the real thing is measured against.
package main

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"net/http"
	"strings"
	"sync"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	_ "github.com/caddyserver/caddy/v2/modules/standard"
	"github.com/go-json-experiment/json"
	"go.uber.org/zap"

	_ "github.com/amgate/amgate/caddymodule" // for its log format
)

func main() { caddycmd.Main() }

func init() {
	caddy.RegisterModule(&floor{})
	httpcaddyfile.RegisterHandlerDirective("floor", func(httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
		return &floor{}, nil
	})
	httpcaddyfile.RegisterDirectiveOrder("floor", httpcaddyfile.Before, "respond")
}

// floor answers steps.
type floor struct {
	log *zap.Logger

	mu       sync.Mutex
	journeys map[string]string // the current step of each journey
}

var (
	_ caddy.Provisioner           = (*floor)(nil)
	_ caddyhttp.MiddlewareHandler = (*floor)(nil)
)

// CaddyModule implements caddy.Module.
func (*floor) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.floor", New: func() caddy.Module { return &floor{} }}
}

// Provision implements caddy.Provisioner.
func (f *floor) Provision(ctx caddy.Context) error {
	f.log, f.journeys = ctx.Logger(), make(map[string]string)
	return nil
}

// posted is what counts of a step that is sent.
type posted struct {
	AuthID    string `json:"authId"`
	Callbacks []struct {
		Input []struct {
			Name  string `json:"name"`
			Value int    `json:"value"`
		} `json:"input"`
	} `json:"callbacks"`
}

// bodies hold what is read and then what is written.
var bodies = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// idSize is the length of a name of a journey or a step, in hexadecimal.
const idSize = 32

// ServeHTTP implements caddyhttp.MiddlewareHandler.
func (f *floor) ServeHTTP(w http.ResponseWriter, r *http.Request, _ caddyhttp.Handler) error {
	body := bodies.Get().(*bytes.Buffer)
	defer bodies.Put(body)
	body.Reset()
	if _, err := body.ReadFrom(io.LimitReader(r.Body, 1<<20)); err != nil {
		return err
	}
	var sent posted
	if err := json.Unmarshal(body.Bytes(), &sent); err != nil {
		return err
	}
	var random [idSize]byte
	_, _ = rand.Read(random[:]) // never fails
	names := hex.EncodeToString(random[:])
	journey, next := names[:idSize], names[idSize:]
	if sent.AuthID != "" {
		var err error
		if journey, err = open(sent.AuthID); err != nil {
			return caddyhttp.Error(http.StatusUnauthorized, err)
		}
	}
	f.mu.Lock()
	f.journeys[journey] = next
	f.mu.Unlock()
	f.audit(r, journey, next)
	return answer(w, body, journey, next)
}

// macs are ready to sum up under the key.
var macs = sync.Pool{New: func() any { return hmac.New(sha256.New, bytes.Repeat([]byte("k"), sha256.Size)) }}

func mac(text []byte) []byte {
	m := macs.Get().(hash.Hash)
	defer macs.Put(m)
	m.Reset()
	m.Write(text)
	return m.Sum(nil)
}

// open is the journey that an authId names.
func open(authID string) (string, error) {
	signed, sum, _ := strings.Cut(authID, ".")
	given, err := base64.RawURLEncoding.DecodeString(sum)
	if err != nil || len(signed) < idSize || !hmac.Equal(given, mac([]byte(signed))) {
		return "", errors.New("not an authId")
	}
	return signed[:idSize], nil
}

// audit writes what amgate tells of a node that was answered.
func (f *floor) audit(r *http.Request, journey, next string) {
	f.log.Info("AM-NODE-LOGIN-COMPLETED",
		zap.String("component", "Authentication"), zap.String("realm", "/"),
		zap.String("transactionId", next), zap.Strings("trackingIds", []string{journey}),
		zap.String("client", r.RemoteAddr), zap.String("result", "SUCCESSFUL"), zap.String("treeName", "Loop"),
		zap.String("nodeId", "pick"), zap.String("nodeType", "ChoiceCollectorNode"),
		zap.String("displayName", "pick"), zap.String("nodeOutcome", "again"))
}

// What else there is in a step, as long as it is with amgate.
var claims = strings.Repeat("c", 480)

const callbacks = `","callbacks":[{"type":"ChoiceCallback","output":[{"name":"prompt","value":"Again?"},` +
	`{"name":"choices","value":["again","done"]},{"name":"defaultChoice","value":0}],` +
	`"input":[{"name":"IDToken1","value":0}]}]}`

// answer asks the next step, with the headers of AM.
func answer(w http.ResponseWriter, body *bytes.Buffer, journey, next string) error {
	signed := append(append(append(make([]byte, 0, 1<<10), journey...), next...), claims...)
	body.Reset()
	body.WriteString(`{"authId":"`)
	body.Write(signed)
	body.WriteByte('.')
	body.WriteString(base64.RawURLEncoding.EncodeToString(mac(signed)))
	body.WriteString(callbacks)

	h := w.Header()
	h["Cache-Control"] = []string{"private"}
	h["Content-Api-Version"] = []string{"resource=2.1"}
	h["Content-Type"] = []string{"application/json"}
	h["Expires"] = []string{"0"}
	h["Pragma"] = []string{"no-cache"}
	h["Set-Cookie"] = []string{"amlbcookie=" + next + "; Path=/; HttpOnly; SameSite=Lax"}
	h["X-Content-Type-Options"] = []string{"nosniff"}
	h["X-Frame-Options"] = []string{"SAMEORIGIN"}
	_, err := w.Write(body.Bytes())
	return err
}
