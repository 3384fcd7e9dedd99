package session_test

import (
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"github.com/amgate/amgate/session"
)

// typical is a session of a size as it is common: a record of about 250 bytes.
func typical() session.Grant {
	g := grant()
	g.Properties = map[string]string{"mail": "bjensen@example.com", "department": "engineering"}
	return g
}

// BenchmarkLookupCached is a protected request's part in this package: the
// token's MAC, the cached record opened and checked, the idle time. The
// tokens come in random order, so that with 100k of them the processor's
// caches do not hold the sessions.
func BenchmarkLookupCached(b *testing.B) {
	for name, sessions := range map[string]int{"1k": 1_000, "100k": 100_000} {
		b.Run(name, func(b *testing.B) {
			n := newWorld(b).cachedNode(b, "bench")
			tokens := make([]string, sessions)
			for i := range tokens {
				tokens[i], _ = n.issue(b, typical())
			}
			for _, tok := range tokens {
				n.use(b, tok, nil)
			}
			rand.Shuffle(len(tokens), func(i, j int) { tokens[i], tokens[j] = tokens[j], tokens[i] })
			b.ReportAllocs()
			processorTime(b)
			i := 0
			for b.Loop() {
				if _, err := n.Lookup(b.Context(), tokens[i], session.Touch); err != nil {
					b.Fatal(err)
				}
				if i++; i == len(tokens) {
					i = 0
				}
			}
		})
	}
}

func BenchmarkIssue(b *testing.B) {
	n := newWorld(b).node(b)
	b.ReportAllocs()
	processorTime(b)
	for b.Loop() {
		n.issue(b, typical())
	}
}

// processorTime reports the processor's time for each operation, garbage
// collection included: unlike the wall's it is the same on a busy machine.
func processorTime(b *testing.B) {
	b.Helper()
	begin := used(b)
	b.Cleanup(func() { b.ReportMetric(float64(used(b)-begin)/float64(b.N), "cpu-ns/op") })
}

func used(b *testing.B) time.Duration {
	b.Helper()
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		b.Fatal(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}
