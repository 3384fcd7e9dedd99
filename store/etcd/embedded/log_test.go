package embedded

import (
	"bytes"
	"errors"
	"log/slog"
	"testing"
	"time"

	"go.uber.org/zap"
)

// TestBridge: levels, names and fields arrive, and what is below a warning
// does not.
func TestBridge(t *testing.T) {
	var log bytes.Buffer
	handler := slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug, ReplaceAttr: withoutTime})
	l := zap.New(newBridge(slog.New(handler)))
	l.Debug("debug")
	l.Info("info")
	l.Warn("slow", zap.Duration("took", time.Second), zap.String("what", "fsync"))
	l.With(zap.Int("member", 7)).With(zap.Bool("leader", true)).Error("broken", zap.Error(errors.New("why")))
	for _, message := range beside {
		l.Warn(message)
	}
	const want = "level=WARN msg=slow component=etcd took=1s what=fsync\n" +
		"level=ERROR msg=broken component=etcd error=why leader=true member=7\n"
	if got := log.String(); got != want {
		t.Errorf("logged\n%s\nwant\n%s", got, want)
	}
	zap.New(newBridge(nil)).Error("nobody is told")
}

// TestBridgeRespectsTheHandlersLevel: zap asks before it builds an entry.
func TestBridgeRespectsTheHandlersLevel(t *testing.T) {
	b := newBridge(slog.New(slog.NewTextHandler(&bytes.Buffer{}, &slog.HandlerOptions{Level: slog.LevelError})))
	if b.Enabled(zap.WarnLevel) || !b.Enabled(zap.ErrorLevel) {
		t.Error("the level of the handler is not respected")
	}
}

func withoutTime(_ []string, a slog.Attr) slog.Attr {
	if a.Key == slog.TimeKey {
		return slog.Attr{}
	}
	return a
}
