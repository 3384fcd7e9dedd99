package caddymodule

import (
	"log/slog"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap/exp/zapslog"
)

// audit gives the audit events a name of their own among Caddy's logs.
type audit struct{}

// auditLog is the name by which Caddy's log option finds the audit events. A
// log that includes or excludes "am" has it too.
const auditLog = "am.audit"

// CaddyModule names the log; the module is not registered.
func (audit) CaddyModule() caddy.ModuleInfo { return caddy.ModuleInfo{ID: auditLog} }

// auditLogger is where the audit events of a configuration go.
func auditLogger(ctx caddy.Context) *slog.Logger {
	core := ctx.Logger(audit{}).Core()
	noTraces := zapslog.AddStacktraceAt(slog.Level(127))
	return slog.New(zapslog.NewHandler(core, zapslog.WithName(auditLog), noTraces))
}
