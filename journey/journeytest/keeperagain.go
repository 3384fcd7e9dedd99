package journeytest

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/amgate/amgate/journey"
)

// What holds without allowlisting.

func answeredAgain(kt *keeperTest) {
	_, first := kt.begin()
	second, err := kt.step(first)
	if err != nil {
		kt.Fatal(err)
	}
	if got := kt.claims(first).Allow + kt.claims(second).Allow; got != "" {
		kt.Errorf("the authIds carry the allowlist state %q", got)
	}
	for _, authID := range []string{first, first, second, first, second} {
		if _, err := kt.step(authID); err != nil {
			kt.Fatalf("a step that is answered again: %v", err)
		}
	}
	var count atomic.Int64
	if err := kt.succeed(kt.Keeper(keeperRealm), first, &count); err != nil || count.Load() != 1 {
		kt.Fatalf("error %v, %d sessions", err, count.Load())
	}
	kt.wantRefused(first, journey.ErrExpired, "the first step after success")
	kt.wantRefused(second, journey.ErrExpired, "the second step after success")
}

// Ping's own login page shows the first step again after a failure and sends
// its authId once more.
func failedJourneyBeginsAgain(kt *keeperTest) {
	s, first := kt.begin()
	want := form(s)
	second, err := kt.step(first)
	if err != nil {
		kt.Fatal(err)
	}
	k := kt.Keeper(keeperRealm)
	for range 3 {
		if err := kt.fail(k, second); err != nil {
			kt.Fatal(err)
		}
		var got string
		second, err = k.Step(kt.Context(), keeperRealm, first, func(_ context.Context, s *journey.Snapshot) error {
			got = form(s)
			s.Shared["count"] = 7
			return nil
		})
		if err != nil || got != want {
			kt.Fatalf("error %v; the first step is\n%s\nwant\n%s", err, got, want)
		}
	}
	if err := kt.fail(k, first); err != nil {
		kt.Fatal(err)
	}
	var count atomic.Int64
	if err := kt.succeed(k, first, &count); err != nil || count.Load() != 1 {
		kt.Errorf("after failures: error %v, %d sessions", err, count.Load())
	}
	time.Sleep(6 * time.Minute)
	kt.wantRefused(first, journey.ErrExpired, "after the deadline")
}

// A journey that goes two ways at once, one of which has moved its deadline,
// ends on one of them.
func secondWay(kt *keeperTest) {
	_, first := kt.begin()
	k := kt.Keeper(keeperRealm)
	longer, err := k.Step(kt.Context(), keeperRealm, first, func(_ context.Context, s *journey.Snapshot) error {
		s.Deadline = s.Started.Add(time.Hour)
		return nil
	})
	if err != nil {
		kt.Fatal(err)
	}
	var count atomic.Int64
	if err := kt.succeed(k, first, &count); err != nil {
		kt.Fatal(err)
	}
	time.Sleep(30 * time.Minute)
	kt.wantRefused(longer, journey.ErrExpired, "the other way")
	if count.Load() != 1 {
		kt.Errorf("%d sessions of one journey", count.Load())
	}
}
