package journeytest

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/amgate/amgate/journey"
	"github.com/amgate/amgate/store"
)

// suspended is what an engine and a realm make of a step that suspends the
// journey for ten minutes.
func suspended(_ context.Context, s *journey.Snapshot) error {
	s.Step++
	s.Suspended = &journey.Suspension{At: time.Now(), Until: time.Now().Add(10 * time.Minute)}
	return nil
}

// resumed is what an engine makes of a suspended journey.
func resumed(_ context.Context, s *journey.Snapshot) error {
	if s.Suspended == nil {
		return errors.New("the journey is not suspended")
	}
	s.Step++
	s.Deadline = s.Deadline.Add(time.Since(s.Suspended.At))
	s.Suspended = nil
	return nil
}

// suspend answers a step with a suspension, and returns the link's secret and
// the authId that goes with it.
func (kt *keeperTest) suspend(k journey.Keeper, authID string) (link, spent string, err error) {
	var kept *journey.Snapshot
	spent, err = k.Step(kt.Context(), keeperRealm, authID, func(ctx context.Context, s *journey.Snapshot) error {
		kept = s
		return suspended(ctx, s)
	})
	if err != nil {
		return "", "", err
	}
	return kept.SuspendedID, spent, nil
}

// mustSuspend begins a journey and suspends it.
func (kt *keeperTest) mustSuspend() (link string) {
	kt.Helper()
	_, authID := kt.begin()
	link, _, err := kt.suspend(kt.Keeper(keeperRealm), authID)
	if err != nil || link == "" {
		kt.Fatalf("a link of %d bytes, error %v", len(link), err)
	}
	return link
}

func (kt *keeperTest) resume(k journey.Keeper, link string) (authID string, err error) {
	return k.Resume(kt.Context(), keeperRealm, link, resumed)
}

func (kt *keeperTest) succeedByLink(k journey.Keeper, link string, count *atomic.Int64) error {
	_, err := k.Resume(kt.Context(), keeperRealm, link, func(ctx context.Context, s *journey.Snapshot) error {
		if err := resumed(ctx, s); err != nil {
			return err
		}
		return k.Finish(ctx, s, kt.issue(s, count))
	})
	return err
}

// wantDead fails the test unless a link resumes nothing, without calling the
// nodes.
func (kt *keeperTest) wantDead(link, what string) {
	kt.Helper()
	_, err := kt.Keeper(keeperRealm).Resume(kt.Context(), keeperRealm, link, kt.never(what))
	kt.wantError(err, journey.ErrNotSuspended, what)
}

// SECURITY 3: a suspended journey goes on by its link and by nothing else: not
// by the authId that the client got with it, nor by what that contains.
func resumes(kt *keeperTest) {
	_, authID := kt.begin()
	var kept *journey.Snapshot
	var want string
	spent, err := kt.Keeper(keeperRealm).Step(kt.Context(), keeperRealm, authID, func(ctx context.Context, s *journey.Snapshot) error {
		kept = s
		err := suspended(ctx, s)
		want = form(s)
		return err
	})
	if err != nil {
		kt.Fatal(err)
	}
	link := kept.SuspendedID
	switch {
	case len(link) < 40 || url.QueryEscape(link) != link || strings.HasSuffix(link, "."):
		kt.Errorf("%q does not survive in a link", link)
	case strings.Contains(spent, link) || strings.Contains(link, spent):
		kt.Error("the authId tells the link")
	}
	kt.wantRefused(spent, journey.ErrExpired, "the authId of a suspended step")
	for what, authID := range map[string]string{"that was suspended": spent, "before": authID} {
		kt.wantDead(authID, "the authId of the step "+what)
	}
	if kt.allowlisting {
		kt.wantRefused(authID, journey.ErrExpired, "the step that suspended the journey")
	}

	time.Sleep(7 * time.Minute) // beyond the deadline, as it was
	var got string
	next, err := kt.Keeper(keeperRealm).Resume(kt.Context(), keeperRealm, link, func(ctx context.Context, s *journey.Snapshot) error {
		got = form(s)
		return resumed(ctx, s)
	})
	if err != nil || got != want {
		kt.Fatalf("error %v; the snapshot came back as\n%s\nwant\n%s", err, got, want)
	}
	if was, is := kt.claims(authID).Expires, kt.claims(next).Expires; is != was+7*60 {
		kt.Errorf("the deadline was %d and is %d; want seven minutes more", was, is)
	}
	time.Sleep(4 * time.Minute)
	if next, err = kt.step(next); err != nil {
		kt.Fatalf("a step after the resume: %v", err)
	}
	kt.wantRefused(spent, journey.ErrExpired, "the authId of a suspended step, after the resume")
	var count atomic.Int64
	if err := kt.succeed(kt.Keeper(keeperRealm), next, &count); err != nil || count.Load() != 1 {
		kt.Errorf("the end: error %v, %d sessions", err, count.Load())
	}
}

func suspendedAtOnce(kt *keeperTest) {
	s := snapshot()
	if err := suspended(kt.Context(), s); err != nil {
		kt.Fatal(err)
	}
	spent, err := kt.Keeper(keeperRealm).Begin(kt.Context(), s)
	if err != nil || s.SuspendedID == "" {
		kt.Fatalf("error %v, link %q", err, s.SuspendedID)
	}
	kt.wantRefused(spent, journey.ErrExpired, "the authId of a suspended step")
	next, err := kt.resume(kt.Keeper(keeperRealm), s.SuspendedID)
	if err != nil {
		kt.Fatal(err)
	}
	if _, err := kt.step(next); err != nil {
		kt.Error(err)
	}
}

func linkWorksOnce(kt *keeperTest) {
	link := kt.mustSuspend()
	next, err := kt.resume(kt.Keeper(keeperRealm), link)
	if err != nil {
		kt.Fatal(err)
	}
	kt.wantDead(link, "a link that was followed")
	var count atomic.Int64
	if err := kt.succeed(kt.Keeper(keeperRealm), next, &count); err != nil {
		kt.Fatal(err)
	}
	kt.wantDead(link, "the link of a finished journey")
}

func oneResume(kt *keeperTest) {
	link := kt.mustSuspend()
	slow := func(ctx context.Context, s *journey.Snapshot) error {
		time.Sleep(time.Second) // whoever was let in together goes on together
		return resumed(ctx, s)
	}
	for _, keeper := range []func(string) journey.Keeper{kt.Keeper, kt.Elsewhere} {
		won := kt.together(20, func() error {
			_, err := keeper(keeperRealm).Resume(kt.Context(), keeperRealm, link, slow)
			return err
		}, journey.ErrNotSuspended)
		if won != 1 {
			kt.Errorf("%d of 20 resumes counted", won)
		}
		link = kt.mustSuspend()
	}
}

// SECURITY 4: a link resumes the journey that it was made for, in its realm
// and installation.
func foreignLink(kt *keeperTest) {
	link := kt.mustSuspend()
	other := kt.open(kt.T)
	for what, k := range map[string]journey.Keeper{
		"another realm's keeper": kt.Keeper("/"), "another installation": other.Keeper(keeperRealm),
	} {
		_, err := k.Resume(kt.Context(), keeperRealm, link, kt.never(what))
		kt.wantError(err, journey.ErrNotSuspended, what)
	}
	_, err := kt.Keeper(keeperRealm).Resume(kt.Context(), "/", link, kt.never("another realm's URL"))
	kt.wantError(err, journey.ErrNotSuspended, "another realm's URL")
	if _, err := kt.resume(kt.Keeper(keeperRealm), link); err != nil {
		kt.Errorf("the link is of no use any more: %v", err)
	}
}

// SECURITY 5: every byte of a link counts, and guesses cost the store nothing.
func forgedLink(kt *keeperTest) {
	link := kt.mustSuspend()
	reads := kt.Store.Gets.Load()
	for _, forged := range []string{"", ".", link[1:], link + "A", strings.Repeat("A", len(link)), strings.Repeat("x", 1<<20)} {
		kt.wantDead(forged, fmt.Sprintf("%d bytes that are no link", len(forged)))
	}
	for i := range len(link) {
		flipped := []byte(link)
		flipped[i] ^= 1
		kt.wantDead(string(flipped), fmt.Sprintf("byte %d changed", i))
	}
	if got := kt.Store.Gets.Load() - reads; got != 0 {
		kt.Errorf("the store was asked %d times", got)
	}
	if _, err := kt.resume(kt.Keeper(keeperRealm), link); err != nil {
		kt.Errorf("the link is of no use any more: %v", err)
	}
}

func linkExpires(kt *keeperTest) {
	link := kt.mustSuspend()
	time.Sleep(10*time.Minute + time.Second)
	kt.wantDead(link, "a link whose time is over")
	s := snapshot()
	s.Suspended = &journey.Suspension{At: time.Now(), Until: time.Now()}
	if _, err := kt.Keeper(keeperRealm).Begin(kt.Context(), s); err == nil {
		kt.Error("a suspension without any time was kept")
	}
}

func resumedElsewhere(kt *keeperTest) {
	link := kt.mustSuspend()
	there := kt.Elsewhere(keeperRealm)
	next, err := kt.resume(there, link)
	if err != nil {
		kt.Fatal(err)
	}
	kt.wantDead(link, "a link that was followed elsewhere")
	if next, err = there.Step(kt.Context(), keeperRealm, next, forward); err != nil {
		kt.Fatal(err)
	}
	var count atomic.Int64
	if err := kt.succeed(there, next, &count); err != nil || count.Load() != 1 {
		kt.Errorf("the end: error %v, %d sessions", err, count.Load())
	}
}

func failedResume(kt *keeperTest) {
	link := kt.mustSuspend()
	failure := errors.New("a node failed")
	var before string
	for i := range 3 {
		_, err := kt.Keeper(keeperRealm).Resume(kt.Context(), keeperRealm, link, func(_ context.Context, s *journey.Snapshot) error {
			if got := form(s); i > 0 && got != before {
				return fmt.Errorf("the failed resume left a trace: %s", got)
			}
			before = form(s)
			s.Shared["username"] = "other"
			return failure
		})
		kt.wantError(err, failure, "the error of the nodes")
	}
	if _, err := kt.resume(kt.Keeper(keeperRealm), link); err != nil {
		kt.Fatal(err)
	}
}

func suspendedTwice(kt *keeperTest) {
	first := kt.mustSuspend()
	k := kt.Keeper(keeperRealm)
	var kept *journey.Snapshot
	spent, err := k.Resume(kt.Context(), keeperRealm, first, func(ctx context.Context, s *journey.Snapshot) error {
		kept = s
		if err := resumed(ctx, s); err != nil {
			return err
		}
		return suspended(ctx, s)
	})
	if err != nil {
		kt.Fatal(err)
	}
	second := kept.SuspendedID
	if second == "" || second == first {
		kt.Fatalf("the links are %q and %q", first, second)
	}
	kt.wantRefused(spent, journey.ErrExpired, "the authId of a suspended step")
	kt.wantDead(first, "the first link")
	next, err := kt.resume(k, second)
	if err != nil {
		kt.Fatal(err)
	}
	third, _, err := kt.suspend(k, next)
	if err != nil || third == first || third == second {
		kt.Fatalf("error %v, the links are %q, %q and %q", err, first, second, third)
	}
	kt.wantDead(second, "the second link")
	if _, err := kt.resume(k, third); err != nil {
		kt.Error(err)
	}
}

func finishedByResume(kt *keeperTest) {
	link := kt.mustSuspend()
	commits := kt.Store.Commits.Load()
	var count atomic.Int64
	if err := kt.succeedByLink(kt.Keeper(keeperRealm), link, &count); err != nil || count.Load() != 1 {
		kt.Fatalf("error %v, %d sessions", err, count.Load())
	}
	if got := kt.Store.Commits.Load() - commits; got != 1 {
		kt.Errorf("it took %d transactions", got)
	}
	kt.wantDead(link, "the link of a finished journey")
	if records, _, err := kt.Store.List(kt.Context(), "j/", store.Page{}); err != nil || holdsState(records) {
		kt.Errorf("of the finished journey %d records are left, error %v", len(records), err)
	}
}

// holdsState reports whether one of the records is large enough for more than
// a mark.
func holdsState(records []store.Record) bool {
	for _, r := range records {
		if len(r.Value) > 256 {
			return true
		}
	}
	return false
}

func failedByResume(kt *keeperTest) {
	link := kt.mustSuspend()
	k := kt.Keeper(keeperRealm)
	_, err := k.Resume(kt.Context(), keeperRealm, link, func(ctx context.Context, s *journey.Snapshot) error {
		return k.Finish(ctx, s, nil)
	})
	if err != nil {
		kt.Fatal(err)
	}
	kt.wantDead(link, "the link of a failed journey")
}

// Who began a journey and has an authId of it, but not the link, gains nothing
// when the owner of the link has followed it: without allowlisting a client
// that carries its journey may answer the older step again, and is suspended
// again.
func beforeAfterResume(kt *keeperTest) {
	_, authID := kt.begin()
	k := kt.Keeper(keeperRealm)
	link, _, err := kt.suspend(k, authID)
	if err != nil {
		kt.Fatal(err)
	}
	next, err := k.Resume(kt.Context(), keeperRealm, link, func(ctx context.Context, s *journey.Snapshot) error {
		s.Shared["proof"] = "the link was followed"
		return resumed(ctx, s)
	})
	if err != nil {
		kt.Fatal(err)
	}
	_, err = k.Step(kt.Context(), keeperRealm, authID, func(_ context.Context, s *journey.Snapshot) error {
		if kt.allowlisting || s.Shared["proof"] != nil {
			kt.Error("an authId from before the suspension has found the resumed journey")
		}
		return errors.New("older step")
	})
	if err == nil || kt.allowlisting && !errors.Is(err, journey.ErrUsed) && !errors.Is(err, journey.ErrExpired) {
		kt.Errorf("an authId from before the suspension: %v", err)
	}
	if _, err := kt.step(next); err != nil {
		kt.Errorf("the resumed journey: %v", err)
	}
}
