package caddymodule

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
)

// relay is the log of what outlives a configuration. It hands on to the log
// of the app that was started last and not cleaned up: Caddy closes the files
// of a configuration's logs with it, and what its successor says about logs
// holds from then on. It lies in the pool, one for the process.
type relay struct {
	to atomic.Pointer[slog.Logger]

	mu      sync.Mutex
	running []*slog.Logger // of the apps that were started, oldest first
}

func newRelay() (*relay, error) {
	r := new(relay)
	r.to.Store(slog.New(slog.DiscardHandler))
	return r, nil
}

// logger returns a logger that outlives its configuration.
func (r *relay) logger() *slog.Logger { return slog.New(&relayed{relay: r}) }

// begin hands on to log from now on.
func (r *relay) begin(log *slog.Logger) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.running = append(r.running, log)
	r.to.Store(log)
}

// end takes log out. The last one stays, for what is still being closed.
func (r *relay) end(log *slog.Logger) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.running = slices.DeleteFunc(r.running, func(l *slog.Logger) bool { return l == log })
	if n := len(r.running); n > 0 {
		r.to.Store(r.running[n-1])
	}
}

// Destruct has nothing to close.
func (*relay) Destruct() error { return nil }

// relayed is a slog.Handler over whatever the relay hands on to.
type relayed struct {
	relay *relay
	with  []func(slog.Handler) slog.Handler // attributes and groups, in order
}

// Enabled implements slog.Handler.
func (h *relayed) Enabled(ctx context.Context, level slog.Level) bool {
	return h.relay.to.Load().Enabled(ctx, level)
}

// Handle implements slog.Handler.
func (h *relayed) Handle(ctx context.Context, r slog.Record) error {
	to := h.relay.to.Load().Handler()
	for _, add := range h.with {
		to = add(to)
	}
	return to.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (h *relayed) WithAttrs(attrs []slog.Attr) slog.Handler {
	return h.adding(func(to slog.Handler) slog.Handler { return to.WithAttrs(attrs) })
}

// WithGroup implements slog.Handler.
func (h *relayed) WithGroup(name string) slog.Handler {
	return h.adding(func(to slog.Handler) slog.Handler { return to.WithGroup(name) })
}

func (h *relayed) adding(one func(slog.Handler) slog.Handler) *relayed {
	return &relayed{relay: h.relay, with: append(slices.Clip(h.with), one)}
}

var _ slog.Handler = (*relayed)(nil)
