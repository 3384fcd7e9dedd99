package journeytest

import (
	"errors"
	"sync/atomic"

	"github.com/amgate/amgate/journey"
	"github.com/amgate/amgate/store"
)

// faults are the ways in which a store fails; each returns how to mend it.
var faults = map[string]func(*keeperTest) (mend func()){
	"nothing answers": func(kt *keeperTest) func() {
		kt.Store.Down.Store(true)
		return func() { kt.Store.Down.Store(false) }
	},
	"nothing is written": func(kt *keeperTest) func() {
		kt.Store.Refused.Store(100)
		return func() { kt.Store.Refused.Store(0) }
	},
	"the answer to a write is lost": func(kt *keeperTest) func() {
		kt.Store.Lost.Store(100)
		return func() { kt.Store.Lost.Store(0) }
	},
}

// outage: a person must not have to begin again, and an outage is no logout.
// A commit that may have happened leaves the step answerable, on the node that
// made it, and yields at most one session.
func outage(kt *keeperTest) {
	for name, fault := range faults {
		_, authID := kt.begin()
		k := kt.Keeper(keeperRealm)
		mend := fault(kt)
		for range 3 {
			if next, err := k.Step(kt.Context(), keeperRealm, authID, forward); err == nil {
				authID = next // a step that needs no store
			} else {
				kt.wantError(err, store.ErrUnavailable, name)
			}
		}
		mend()
		last, err := k.Step(kt.Context(), keeperRealm, authID, forward)
		if err != nil {
			kt.Fatalf("%s: the step can no longer be answered: %v", name, err)
		}
		mend = fault(kt)
		var count atomic.Int64
		kt.wantError(kt.succeed(k, last, &count), store.ErrUnavailable, name)
		mend()
		if err := kt.succeed(k, last, &count); err != nil || count.Load() != 1 {
			kt.Fatalf("%s: the last step: error %v, %d sessions", name, err, count.Load())
		}
		for _, used := range []string{authID, last} {
			kt.wantRefused(used, journey.ErrExpired, name+": a finished journey")
		}
	}
}

// After a commit in doubt another node may have taken the journey on. Then
// this node's memory of it must not bring the answered step back.
func doubtYields(kt *keeperTest) {
	_, authID := kt.begin()
	here, there := kt.Keeper(keeperRealm), kt.Elsewhere(keeperRealm)
	kt.Store.Refused.Store(1)
	if next, err := here.Step(kt.Context(), keeperRealm, authID, forward); err == nil {
		kt.Store.Refused.Store(0)
		kt.wantRefused(authID, journey.ErrUsed, "an answered step")
		if _, err := kt.step(next); err != nil {
			kt.Error(err)
		}
		return // a keeper that needs no store is in no doubt
	}
	if _, err := there.Step(kt.Context(), keeperRealm, authID, forward); err != nil {
		kt.Fatal(err)
	}
	_, err := here.Step(kt.Context(), keeperRealm, authID, kt.never("a step that another node answered"))
	kt.wantError(err, journey.ErrUsed, "a step that another node answered")
}

// After a success in doubt, which did not happen, another node may have
// brought the journey to its success. Then a replay on this node finds no
// session: that one is not its own.
func doubtfulEndYields(kt *keeperTest) {
	_, authID := kt.begin()
	link := kt.mustSuspend()
	here, there := kt.Keeper(keeperRealm), kt.Elsewhere(keeperRealm)
	var count atomic.Int64
	kt.Store.Refused.Store(1)
	kt.wantError(kt.succeed(here, authID, &count), store.ErrUnavailable, "a commit that is refused")
	if err := kt.succeed(there, authID, &count); err == nil { // else the journey is not there
		if err := kt.succeed(here, authID, &count); err == nil {
			kt.Error("a step that another node has answered")
		}
	}
	count.Store(0)
	kt.Store.Refused.Store(1)
	kt.wantError(kt.succeedByLink(here, link, &count), store.ErrUnavailable, "a commit that is refused")
	if err := kt.succeedByLink(there, link, &count); err != nil {
		kt.Fatal(err)
	}
	kt.wantError(kt.succeedByLink(here, link, &count), journey.ErrNotSuspended, "a link that was followed elsewhere")
	if count.Load() != 1 {
		kt.Errorf("%d successes of one journey", count.Load())
	}
}

// A fault between the suspension and its confirmation: whoever was to get the
// link never did, so the step has to suspend the journey again.
func outageAtSuspension(kt *keeperTest) {
	for name, fault := range faults {
		_, authID := kt.begin()
		k := kt.Keeper(keeperRealm)
		mend := fault(kt)
		for range 3 {
			_, _, err := kt.suspend(k, authID)
			kt.wantError(err, store.ErrUnavailable, name)
		}
		mend()
		link, _, err := kt.suspend(k, authID)
		if err != nil {
			kt.Fatalf("%s: the step can no longer be answered: %v", name, err)
		}
		if _, err := kt.resume(k, link); err != nil {
			kt.Errorf("%s: the link: %v", name, err)
		}
	}
}

func outageAtResume(kt *keeperTest) {
	for name, fault := range faults {
		for end, finish := range map[string]bool{"a step": false, "success": true} {
			_, authID := kt.begin()
			k := kt.Keeper(keeperRealm)
			link, _, err := kt.suspend(k, authID)
			if err != nil {
				kt.Fatal(err)
			}
			var count atomic.Int64
			follow := func() error {
				if finish {
					return kt.succeedByLink(k, link, &count)
				}
				_, err := kt.resume(k, link)
				return err
			}
			mend := fault(kt)
			kt.wantError(follow(), store.ErrUnavailable, name+": "+end)
			mend()
			if err := follow(); err != nil {
				kt.Fatalf("%s: %s: the link is of no use any more: %v", name, end, err)
			}
			kt.wantError(follow(), journey.ErrNotSuspended, name+": "+end+": a link that was followed")
			if finish && count.Load() != 1 {
				kt.Errorf("%s: %d sessions of one journey", name, count.Load())
			}
			if _, err := kt.resume(kt.Elsewhere(keeperRealm), link); !errors.Is(err, journey.ErrNotSuspended) {
				kt.Errorf("%s: %s: a link that was followed, elsewhere: %v", name, end, err)
			}
		}
	}
}
