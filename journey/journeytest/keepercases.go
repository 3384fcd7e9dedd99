package journeytest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing/synctest"
	"time"

	"github.com/amgate/amgate/journey"
	"github.com/amgate/amgate/store"
)

func keepsAll(kt *keeperTest) {
	s, authID := kt.begin()
	want := form(s)
	s.Shared["username"], s.AuthTypes[0] = "changed after Begin", "changed"
	var got string
	next, err := kt.Keeper(keeperRealm).Step(kt.Context(), keeperRealm, authID, func(_ context.Context, s *journey.Snapshot) error {
		got = form(s)
		s.Node, s.Asked = "next", nil
		delete(s.Secure, "password")
		return nil
	})
	if err != nil || got != want {
		kt.Fatalf("error %v; the snapshot came back as\n%s\nwant\n%s", err, got, want)
	}
	if _, err := kt.Keeper(keeperRealm).Step(kt.Context(), keeperRealm, next, func(_ context.Context, s *journey.Snapshot) error {
		if s.Node != "next" || len(s.Asked) != 0 || len(s.Secure) != 0 {
			return fmt.Errorf("the step's changes were not kept: %s", form(s))
		}
		return nil
	}); err != nil {
		kt.Fatal(err)
	}
}

// Replay: an authId that was seen on the way (a log, a shared browser) opens
// nothing once its step is answered.
func answeredOnce(kt *keeperTest) {
	_, authID := kt.begin()
	used := []string{}
	for i := range 4 {
		next, err := kt.step(authID)
		if err != nil || next == authID {
			kt.Fatalf("step %d: error %v, the authId is a new one: %t", i, err, next != authID)
		}
		if was, is := kt.claims(authID).Allow, kt.claims(next).Allow; was == "" || is == "" || is == was {
			kt.Errorf("step %d: the allowlist state was %q and is %q", i, was, is)
		}
		used = append(used, authID)
		for _, old := range used {
			kt.wantRefused(old, journey.ErrUsed, "an answered step")
		}
		authID = next
	}
	if _, err := kt.step(authID); err != nil {
		kt.Fatalf("the replays disturbed the current step: %v", err)
	}
}

// together runs n copies of answer at once and counts those that counted; all
// others must have failed with one of the errors.
func (kt *keeperTest) together(n int, answer func() error, others ...error) (won int) {
	kt.Helper()
	var wg sync.WaitGroup
	results := make([]error, n)
	for i := range n {
		wg.Go(func() { results[i] = answer() })
	}
	wg.Wait()
	for _, err := range results {
		known := false
		for _, other := range others {
			known = known || errors.Is(err, other)
		}
		switch {
		case err == nil:
			won++
		case !known:
			kt.Errorf("an answer that came too late: error %v; want one of %v", err, others)
		}
	}
	return won
}

func oneOfMany(kt *keeperTest) {
	_, authID := kt.begin()
	won := kt.together(20, func() error {
		_, err := kt.Keeper(keeperRealm).Step(kt.Context(), keeperRealm, authID, func(ctx context.Context, s *journey.Snapshot) error {
			time.Sleep(time.Second) // whoever was let in together goes on together
			return forward(ctx, s)
		})
		return err
	}, journey.ErrUsed)
	if won != 1 {
		kt.Errorf("%d of 20 answers to one step counted", won)
	}
}

func failedStep(kt *keeperTest) {
	s, authID := kt.begin()
	want := form(s)
	failure := errors.New("a node failed")
	for range 3 {
		_, err := kt.Keeper(keeperRealm).Step(kt.Context(), keeperRealm, authID, func(_ context.Context, s *journey.Snapshot) error {
			if got := form(s); got != want {
				return fmt.Errorf("the failed step left a trace: %s", got)
			}
			s.Shared["username"], s.Node = "other", "other"
			return failure
		})
		kt.wantError(err, failure, "the error of the nodes")
	}
	if _, err := kt.step(authID); err != nil {
		kt.Fatal(err)
	}
}

func finishesOnce(kt *keeperTest) {
	_, authID := kt.begin()
	last, err := kt.step(authID)
	if err != nil {
		kt.Fatal(err)
	}
	var count atomic.Int64
	k := kt.Keeper(keeperRealm)
	if err := kt.succeed(k, last, &count); err != nil || count.Load() != 1 {
		kt.Fatalf("error %v, %d sessions", err, count.Load())
	}
	kt.wantRefused(last, journey.ErrExpired, "a finished journey's last step")
	kt.wantRefused(authID, journey.ErrExpired, "a finished journey's first step")
	kt.wantError(kt.succeed(k, last, &count), journey.ErrExpired, "a second finish")
	if count.Load() != 1 {
		kt.Errorf("%d sessions of one journey", count.Load())
	}
}

// Of many who finish a journey at once, on one node or on several, one gets
// its session: the others may be a thief's replay.
func oneFinish(kt *keeperTest) {
	_, authID := kt.begin()
	var count atomic.Int64
	won := kt.together(20, func() error {
		k := kt.Keeper(keeperRealm)
		_, err := k.Step(kt.Context(), keeperRealm, authID, func(ctx context.Context, s *journey.Snapshot) error {
			time.Sleep(time.Second) // whoever was let in together goes on together
			return k.Finish(ctx, s, kt.issue(s, &count))
		})
		return err
	}, journey.ErrUsed, journey.ErrExpired)
	if won != 1 || count.Load() != 1 {
		kt.Errorf("%d of 20 finishes counted, %d yielded a session", won, count.Load())
	}
}

func failedCommit(kt *keeperTest) {
	_, authID := kt.begin()
	k := kt.Keeper(keeperRealm)
	down := func(context.Context, ...store.Op) error { return fmt.Errorf("session: %w", store.ErrUnavailable) }
	for range 3 {
		_, err := k.Step(kt.Context(), keeperRealm, authID, func(ctx context.Context, s *journey.Snapshot) error {
			return k.Finish(ctx, s, down)
		})
		kt.wantError(err, store.ErrUnavailable, "a finish during an outage")
	}
	var count atomic.Int64
	if err := kt.succeed(k, authID, &count); err != nil || count.Load() != 1 {
		kt.Errorf("after the outage: error %v, %d sessions", err, count.Load())
	}
}

func failedJourney(kt *keeperTest) {
	_, authID := kt.begin()
	if err := kt.fail(kt.Keeper(keeperRealm), authID); err != nil {
		kt.Fatal(err)
	}
	kt.wantRefused(authID, journey.ErrExpired, "a failed journey")
}

func neverAsked(kt *keeperTest) {
	s := snapshot()
	count := 0
	commit := func(_ context.Context, with ...store.Op) error {
		if len(with) > 0 {
			kt.Errorf("%d operations for a journey that was never kept", len(with))
		}
		count++
		return nil
	}
	k := kt.Keeper(keeperRealm)
	if err := k.Finish(kt.Context(), s, commit); err != nil || count != 1 || !s.Ended {
		kt.Fatalf("error %v, %d commits, ended %t", err, count, s.Ended)
	}
	kt.wantError(k.Finish(kt.Context(), s, commit), journey.ErrUsed, "a second finish")
	if err := k.Finish(kt.Context(), snapshot(), nil); err != nil || count != 1 {
		kt.Errorf("a failure at once: error %v, %d commits", err, count)
	}
}

// SECURITY 27: an authId of another realm or installation names nothing here, though its
// form is right; nor does one whose realm is not the request's.
func foreign(kt *keeperTest) {
	_, authID := kt.begin()
	other := kt.open(kt.T)
	for what, err := range map[string]error{
		"another realm's keeper":     stepOf(kt, kt.Keeper("/"), "/", authID),
		"another realm's URL":        stepOf(kt, kt.Keeper(keeperRealm), "/", authID),
		"another installation":       stepOf(kt, other.Keeper(keeperRealm), keeperRealm, authID),
		"another installation, root": stepOf(kt, other.Keeper("/"), "/", authID),
	} {
		kt.wantError(err, journey.ErrSignature, what)
	}
	if _, err := kt.step(authID); err != nil {
		kt.Errorf("the step is no longer answerable: %v", err)
	}
}

func stepOf(kt *keeperTest, k journey.Keeper, realm, authID string) error {
	_, err := k.Step(kt.Context(), realm, authID, forward)
	return err
}

// SECURITY 5: what a client holds grants nothing unless we signed it as it is:
// every byte counts, and parts of two authIds make no third.
func changed(kt *keeperTest) {
	_, authID := kt.begin()
	_, second := kt.begin()
	a, b := strings.Split(authID, "."), strings.Split(second, ".")
	for what, forged := range map[string]string{
		"another journey's payload":   a[0] + "." + b[1] + "." + a[2],
		"another journey's signature": a[0] + "." + a[1] + "." + b[2],
	} {
		kt.wantRefused(forged, journey.ErrSignature, what)
	}
	for _, forged := range []string{"", ".", "..", "x", a[0], a[0] + "." + a[1], authID + ".x", strings.Repeat(".", 1<<20), strings.Repeat("x", 1<<20)} {
		kt.wantRefused(forged, journey.ErrMalformed, fmt.Sprintf("%d bytes that are no JWT", len(forged)))
	}
	for i := range len(authID) {
		flipped := []byte(authID)
		flipped[i] ^= 1
		err := stepOf(kt, kt.Keeper(keeperRealm), keeperRealm, string(flipped))
		if !errors.Is(err, journey.ErrMalformed) && !errors.Is(err, journey.ErrSignature) {
			kt.Fatalf("byte %d changed: error %v", i, err)
		}
	}
	for _, untouched := range []string{authID, second} {
		if _, err := kt.step(untouched); err != nil {
			kt.Errorf("the step is no longer answerable: %v", err)
		}
	}
}

func deadline(kt *keeperTest) {
	_, authID := kt.begin()
	time.Sleep(4 * time.Minute)
	next, err := kt.step(authID)
	if err != nil {
		kt.Fatalf("before the deadline: %v", err)
	}
	if was, is := kt.claims(authID).Expires, kt.claims(next).Expires; was != is {
		kt.Errorf("the authId expires at %d, the first one at %d", is, was)
	}
	time.Sleep(time.Minute + time.Second) // a step does not move the deadline
	kt.wantRefused(next, journey.ErrExpired, "after the deadline")
	badly := next[:len(next)-2] + "xx"
	if badly == next {
		badly = next[:len(next)-2] + "yy"
	}
	err = stepOf(kt, kt.Keeper(keeperRealm), keeperRealm, badly)
	if errors.Is(err, journey.ErrExpired) {
		kt.Error("the deadline was judged before the signature")
	}
}

// A node may move the deadline (AM's Update Journey Timeout): the next authId
// says so, and what is kept of the journey lives as long.
func deadlineMoved(kt *keeperTest) {
	s, authID := kt.begin()
	move := func(to time.Duration) func(context.Context, *journey.Snapshot) error {
		return func(_ context.Context, s *journey.Snapshot) error {
			s.Deadline = s.Started.Add(to)
			return nil
		}
	}
	k := kt.Keeper(keeperRealm)
	later, err := k.Step(kt.Context(), keeperRealm, authID, move(10*time.Minute))
	if err != nil {
		kt.Fatal(err)
	}
	if got, want := kt.claims(later).Expires, s.Started.Add(10*time.Minute).Unix(); got != want {
		kt.Errorf("the authId expires at %d, want %d", got, want)
	}
	time.Sleep(9 * time.Minute)
	last, err := k.Step(kt.Context(), keeperRealm, later, move(9*time.Minute+30*time.Second))
	if err != nil {
		kt.Fatalf("after the first deadline, before the second: %v", err)
	}
	time.Sleep(29 * time.Second)
	if last, err = kt.step(last); err != nil {
		kt.Fatalf("before the third deadline: %v", err)
	}
	time.Sleep(2 * time.Second)
	kt.wantRefused(last, journey.ErrExpired, "after the third deadline")
}

// A replay must not wait until the record that refuses it has expired, because
// a node has shortened the journey, while its own authId is still good.
func shortened(kt *keeperTest) {
	_, authID := kt.begin()
	k := kt.Keeper(keeperRealm)
	next, err := k.Step(kt.Context(), keeperRealm, authID, func(_ context.Context, s *journey.Snapshot) error {
		s.Deadline = s.Started.Add(time.Minute)
		return nil
	})
	if err != nil {
		kt.Fatal(err)
	}
	time.Sleep(3 * time.Minute)
	kt.wantRefused(next, journey.ErrExpired, "the shortened journey")
	if _, err := k.Step(kt.Context(), keeperRealm, authID, kt.never("a replay")); err == nil {
		kt.Error("the first step was answered again")
	}
}

func tooLarge(kt *keeperTest) {
	_, authID := kt.begin()
	_, err := kt.Keeper(keeperRealm).Step(kt.Context(), keeperRealm, authID, func(_ context.Context, s *journey.Snapshot) error {
		s.Shared["huge"] = strings.Repeat("x", 4<<20)
		return nil
	})
	kt.wantError(err, journey.ErrTooLarge, "4 MiB of state")
	if _, err := kt.step(authID); err != nil {
		kt.Errorf("the step is no longer answerable: %v", err)
	}
	s := snapshot()
	s.Shared["huge"] = strings.Repeat("x", 4<<20)
	_, err = kt.Keeper(keeperRealm).Begin(kt.Context(), s)
	kt.wantError(err, journey.ErrTooLarge, "4 MiB of state at once")
}

// givesUp holds a step and answers it a second time with a context that ends.
func givesUp(kt *keeperTest) {
	_, authID := kt.begin()
	k := kt.Keeper(keeperRealm)
	hold := make(chan struct{})
	done := make(chan error)
	go func() {
		_, err := k.Step(kt.Context(), keeperRealm, authID, func(context.Context, *journey.Snapshot) error {
			<-hold
			return nil
		})
		done <- err
	}()
	synctest.Wait()
	ctx, cancel := context.WithTimeout(kt.Context(), time.Second)
	defer cancel()
	_, err := k.Step(ctx, keeperRealm, authID, func(ctx context.Context, _ *journey.Snapshot) error {
		<-ctx.Done()
		return ctx.Err()
	})
	kt.wantError(err, context.DeadlineExceeded, "a second answer whose client is gone")
	close(hold)
	if err := <-done; err != nil {
		kt.Errorf("the first answer: %v", err)
	}
}

func doNotMix(kt *keeperTest) {
	var wg sync.WaitGroup
	for i := range 100 {
		wg.Go(func() {
			me := fmt.Sprintf("user %d", i)
			s := snapshot()
			s.Shared["me"] = me
			authID, err := kt.Keeper(keeperRealm).Begin(kt.Context(), s)
			for range 5 {
				if err != nil {
					kt.Error(err)
					return
				}
				authID, err = kt.Keeper(keeperRealm).Step(kt.Context(), keeperRealm, authID, func(_ context.Context, s *journey.Snapshot) error {
					if s.Shared["me"] != me {
						return fmt.Errorf("the journey of %s became that of %v", me, s.Shared["me"])
					}
					s.Step++
					return nil
				})
			}
			if err != nil {
				kt.Error(err)
			}
		})
	}
	wg.Wait()
}
