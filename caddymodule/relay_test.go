package caddymodule

import (
	"bytes"
	"log/slog"
	"testing"
)

// What outlives a configuration logs where the running one says: a file of
// the old one is closed, and a level that the new one sets holds.
func TestLogOutlivesConfigurations(t *testing.T) {
	r, err := newRelay()
	if err != nil {
		t.Fatal(err)
	}
	pooled := r.logger().With("a", 1).WithGroup("g").With("b", 2)
	pooled.Info("before any start, nobody hears it")

	to := func(level slog.Level) (*slog.Logger, *bytes.Buffer) {
		var b bytes.Buffer
		return slog.New(slog.NewTextHandler(&b, &slog.HandlerOptions{
			Level: level,
			ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
				if a.Key == slog.TimeKey && len(groups) == 0 {
					return slog.Attr{}
				}
				return a
			},
		})), &b
	}
	expect := func(where string, b *bytes.Buffer, want string) {
		t.Helper()
		if got := b.String(); got != want {
			t.Errorf("%s: %q, want %q", where, got, want)
		}
		b.Reset()
	}
	const line = "level=WARN msg=hello a=1 g.b=2\n"

	old, oldText := to(slog.LevelInfo)
	fresh, freshText := to(slog.LevelWarn)
	refused, refusedText := to(slog.LevelInfo)

	r.begin(old)
	pooled.Warn("hello")
	expect("one configuration", oldText, line)

	r.begin(fresh)
	pooled.Info("below the new one's level")
	pooled.Warn("hello")
	r.end(old)
	pooled.Warn("hello")
	expect("after a reload", freshText, line+line)
	expect("after a reload, the old one", oldText, "")

	r.begin(refused)
	r.end(refused)
	pooled.Warn("hello")
	expect("after a reload that was refused", freshText, line)
	expect("the refused one", refusedText, "")

	r.end(fresh)
	pooled.Warn("hello")
	expect("what is closed at the end", freshText, line)
}
