package embedded

import (
	"context"
	"log/slog"
	"maps"
	"slices"

	"go.uber.org/zap/zapcore"
)

// beside names warnings that etcd gives at each start and that are beside the
// point: they are about listeners and logins, and there are none.
var beside = []string{
	"Running http and grpc server on single port. This is not recommended for production.",
	"simple token is not cryptographically signed",
}

// bridge is a zap core that hands etcd's warnings and errors to slog. What
// etcd says below that is about its own affairs, a line for each step.
type bridge struct {
	handler slog.Handler
	fields  []zapcore.Field
}

var _ zapcore.Core = (*bridge)(nil)

func newBridge(l *slog.Logger) *bridge {
	if l == nil {
		l = slog.New(slog.DiscardHandler)
	}
	return &bridge{handler: l.With("component", "etcd").Handler()}
}

// Enabled implements zapcore.LevelEnabler.
func (b *bridge) Enabled(level zapcore.Level) bool {
	return level >= zapcore.WarnLevel && b.handler.Enabled(context.Background(), slogLevel(level))
}

// With implements zapcore.Core.
func (b *bridge) With(fields []zapcore.Field) zapcore.Core {
	return &bridge{handler: b.handler, fields: append(slices.Clip(b.fields), fields...)}
}

// Check implements zapcore.Core.
func (b *bridge) Check(e zapcore.Entry, ce *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if !b.Enabled(e.Level) || slices.Contains(beside, e.Message) {
		return ce
	}
	return ce.AddCore(e, b)
}

// Write implements zapcore.Core.
func (b *bridge) Write(e zapcore.Entry, fields []zapcore.Field) error {
	enc := zapcore.NewMapObjectEncoder()
	for _, f := range slices.Concat(b.fields, fields) {
		f.AddTo(enc)
	}
	r := slog.NewRecord(e.Time, slogLevel(e.Level), e.Message, 0)
	for _, name := range slices.Sorted(maps.Keys(enc.Fields)) {
		r.AddAttrs(slog.Any(name, enc.Fields[name]))
	}
	return b.handler.Handle(context.Background(), r)
}

// Sync implements zapcore.Core; slog has nothing to flush.
func (b *bridge) Sync() error { return nil }

func slogLevel(level zapcore.Level) slog.Level {
	if level >= zapcore.ErrorLevel {
		return slog.LevelError
	}
	return slog.LevelWarn
}
