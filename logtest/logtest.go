// Package logtest keeps what is logged, for tests that read it.
package logtest

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
)

// Log holds text lines of every level. The zero Log is empty and ready. It
// may be read while it is written.
type Log struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// Logger returns a logger that writes to the log.
func (l *Log) Logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// Write implements io.Writer.
func (l *Log) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(b)
}

// String is all that was logged.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// Count is how often text stands in the log.
func (l *Log) Count(text string) int { return strings.Count(l.String(), text) }
