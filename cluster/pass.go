package cluster

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// PassHeader carries the pass of a request that one node sends to another.
const PassHeader = "X-Am-Pass"

// passTime is how old a pass may be, and how far the clocks of two nodes may
// be apart.
const passTime = 30 * time.Second

// Pass says of a request that a node sends to another what the other cannot
// see: who its client is. It is only good for that request, at that node.
type Pass struct {
	// To is the address of the node that it is for.
	To string
	// Client is the address of the client, the zero Addr if it is not known.
	Client netip.Addr
	// Secure says that the client speaks TLS.
	Secure bool
}

// Passes makes and verifies passes under a key that all nodes have.
type Passes struct{ key [32]byte }

// NewPasses returns the passes of an installation.
func NewPasses(key [32]byte) *Passes { return &Passes{key} }

// Sign writes the pass of a request with this body.
func (p *Passes) Sign(pass Pass, r *http.Request, body []byte) string {
	at := time.Now().UnixMilli()
	return p.write(pass, at, r, body)
}

// The fields of a pass, parted by commas: when it was written, in milliseconds
// since 1970, the client, whether it speaks TLS, and the MAC.
func (p *Passes) write(pass Pass, at int64, r *http.Request, body []byte) string {
	fields := []string{strconv.FormatInt(at, 10), pass.client(), strconv.FormatBool(pass.Secure)}
	mac := p.mac(pass.To, fields, r, body)
	return strings.Join(append(fields, base64.RawURLEncoding.EncodeToString(mac)), ",")
}

func (p Pass) client() string {
	if !p.Client.IsValid() {
		return ""
	}
	return p.Client.String()
}

// Verify reads the pass of a request with this body that came to the node at
// an address. Not ok means that no node has sent it, or too long ago.
func (p *Passes) Verify(to string, r *http.Request, body []byte) (pass Pass, ok bool) {
	values := r.Header[PassHeader]
	if len(values) != 1 {
		return Pass{}, false
	}
	fields := strings.Split(values[0], ",")
	if len(fields) != 4 {
		return Pass{}, false
	}
	at, err := strconv.ParseInt(fields[0], 10, 64)
	if err != nil || time.Since(time.UnixMilli(at)).Abs() > passTime {
		return Pass{}, false
	}
	pass = Pass{To: to, Secure: fields[2] == "true"}
	if fields[1] != "" {
		if pass.Client, err = netip.ParseAddr(fields[1]); err != nil {
			return Pass{}, false
		}
	}
	if !hmac.Equal([]byte(p.write(pass, at, r, body)), []byte(values[0])) {
		return Pass{}, false
	}
	return pass, true
}

// mac covers all that the node acts on, each field after its length.
func (p *Passes) mac(to string, fields []string, r *http.Request, body []byte) []byte {
	sum := sha256.Sum256(body)
	m := hmac.New(sha256.New, p.key[:])
	for _, field := range append(fields, strings.ToLower(to), r.Method, r.Host, r.URL.RequestURI(), string(sum[:])) {
		var size [8]byte
		binary.BigEndian.PutUint64(size[:], uint64(len(field)))
		m.Write(size[:])
		m.Write([]byte(field))
	}
	return m.Sum(nil)
}
