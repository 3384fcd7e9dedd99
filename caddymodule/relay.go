package caddymodule

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
)

// current is what started configurations say about one thing that outlives
// them: what the youngest says holds. A reload that is refused after its start
// changes nothing that way.
type current[T comparable] struct {
	hold func(T)

	mu   sync.Mutex
	said []T // by the apps that were started, oldest first
}

// begin makes it hold from now on.
func (c *current[T]) begin(what T) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.said = append(c.said, what)
	c.hold(what)
}

// end takes it back. The last one stays, for what is still being closed.
func (c *current[T]) end(what T) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.said = slices.DeleteFunc(c.said, func(other T) bool { return other == what })
	if n := len(c.said); n > 0 {
		c.hold(c.said[n-1])
	}
}

// relay is the log of what outlives a configuration. It hands on to the log
// of the app that was started last and not cleaned up: Caddy closes the files
// of a configuration's logs with it, and what its successor says about logs
// holds from then on. It lies in the pool, one for the process.
type relay struct {
	current[*slog.Logger]
	to atomic.Pointer[slog.Logger]
}

func newRelay() (*relay, error) {
	r := new(relay)
	r.hold = r.to.Store
	r.to.Store(slog.New(slog.DiscardHandler))
	return r, nil
}

// logger returns a logger that outlives its configuration.
func (r *relay) logger() *slog.Logger { return slog.New(&relayed{relay: r}) }

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
