package caddymodule

import (
	"log/slog"
	"regexp"
	"strings"
	"sync/atomic"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"go.uber.org/zap"
	"go.uber.org/zap/buffer"
	"go.uber.org/zap/zapcore"
)

func init() { caddy.RegisterModule(LogEncoder{}) }

// LogEncoder is the log format "am": JSON from which the secrets that AM
// clients send are removed. Caddy itself hides only cookies and the
// Authorization headers; AM's clients also send passwords and tokens in
// headers of their own, in paths and in queries.
type LogEncoder struct {
	zapcore.Encoder `json:"-"`
}

// filteredLogs counts the log encoders that were provisioned, so that the app
// can tell whether any log is filtered.
var filteredLogs atomic.Int64

// CaddyModule returns the Caddy module information.
func (LogEncoder) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "caddy.logging.encoders.am", New: func() caddy.Module { return new(LogEncoder) }}
}

// Provision sets up the JSON encoder with Caddy's own names and forms.
func (e *LogEncoder) Provision(caddy.Context) error {
	filteredLogs.Add(1)
	cfg := zap.NewProductionEncoderConfig()
	e.Encoder = zapcore.NewJSONEncoder(cfg)
	return nil
}

// Clone keeps the filter on derived encoders.
func (e LogEncoder) Clone() zapcore.Encoder { return LogEncoder{e.Encoder.Clone()} }

// EncodeEntry encodes the entry and removes the secrets from the line. It
// works on the text, so that it finds them in any field of any module.
func (e LogEncoder) EncodeEntry(entry zapcore.Entry, fields []zapcore.Field) (*buffer.Buffer, error) {
	buf, err := e.Encoder.EncodeEntry(entry, fields)
	if err != nil {
		return buf, err
	}
	line := buf.String()
	clean := scrub(line)
	if clean != line {
		buf.Reset()
		buf.AppendString(clean)
	}
	return buf, nil
}

// The secrets, by their form. Each pattern keeps what tells a reader what was
// removed.
var secrets = []struct {
	// A line without cue, or without any of the characters of near, need not
	// be searched, which costs much more.
	cue, near string
	pattern   *regexp.Regexp
	keep      string
}{
	// Headers with credentials: "X-Openam-Password":["…"]. A password may
	// hold brackets and quotes.
	{"-Openam-", "[", regexp.MustCompile(`(?i)("X[-_.]OpenAM[-_.][A-Z]+":\[)(?:"(?:[^"\\]|\\.)*",?)*\]`), `$1"REDACTED"]`},
	// Headers by which edges and nodes tell each other of journeys, of which one is
	// the cookie amlbcookie once more.
	{"X-Am-", "[", regexp.MustCompile(`(?i)("X-Am-(?:Pass|Affinity)":\[)(?:"(?:[^"\\]|\\.)*",?)*\]`), `$1"REDACTED"]`},
	// SSO tokens and journey references, wherever they stand; those that carry
	// their session have nothing before the first star.
	{"AAJTSQ", "*%", regexp.MustCompile(`[\w.-]*(?:\*|%2[aA])AAJTSQ[\w.-]*(?:\*|%2[aA])[\w.-]*`), "REDACTED"},
	// authIds and other JWTs.
	{"eyJ", ".", regexp.MustCompile(`eyJ[\w-]+\.[\w-]+\.[\w-]*`), "REDACTED"},
	// Keys of who may be told of nodes.
	{"amx1.", ".", regexp.MustCompile(`amx1\.[\w-]+`), "REDACTED"},
	// Query parameters that are secrets.
	{"=", `?&\`, regexp.MustCompile(`(?i)([?&\\](?:u0026)?(?:suspendedId|amlbcookie|tokenId|authId|sessionUpgradeSSOTokenId|IDToken\d+\w*|code|iPlanetDirectoryPro)=)[^&"\\ ]+`), "${1}REDACTED"},
}

func scrub(line string) string {
	for _, s := range secrets {
		if strings.Contains(line, s.cue) && strings.ContainsAny(line, s.near) {
			line = s.pattern.ReplaceAllString(line, s.keep)
		}
	}
	return line
}

// warnUnlessFiltered tells the operator how to keep secrets out of the logs.
func warnUnlessFiltered(log *slog.Logger) {
	if filteredLogs.Load() == 0 {
		log.Warn("logs of requests may contain tokens and passwords that AM clients send in headers and queries; " +
			"put \"log { format am }\" into the global options and into every site's log")
	}
}

// UnmarshalCaddyfile sets up the format from Caddyfile tokens. Syntax:
//
//	format am
func (*LogEncoder) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // consume the format's name
	if d.NextArg() || d.NextBlock(d.Nesting()) {
		return d.Err("format am takes neither arguments nor options")
	}
	return nil
}

// Interface guards
var (
	_ caddy.Provisioner     = (*LogEncoder)(nil)
	_ zapcore.Encoder       = (*LogEncoder)(nil)
	_ caddyfile.Unmarshaler = (*LogEncoder)(nil)
)
