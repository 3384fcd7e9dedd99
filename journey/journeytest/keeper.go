package journeytest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/amgate/amgate/journey"
	"github.com/amgate/amgate/journey/callback"
	"github.com/amgate/amgate/store"
)

// Installation is a fresh installation with the realms "/" and "/alpha".
type Installation struct {
	// Keeper returns the keeper of a realm; it may be called several times,
	// and keepers of one realm share their journeys.
	Keeper func(realm string) journey.Keeper
	// Commit is the store's; nil where the keeper adds no operations.
	Commit journey.Commit
}

// RunKeeper proves that a keeper holds what journey.Keeper promises. open
// makes an installation whose secrets differ from those of every other.
// Each case runs in a bubble of testing/synctest, with a clock of its own.
func RunKeeper(t *testing.T, open func(t *testing.T) Installation) {
	for name, test := range map[string]func(*keeperTest){
		"keeps all of a snapshot":                       keepsAll,
		"a step is answered once":                       answeredOnce,
		"of many answers at once one counts":            oneOfMany,
		"a failed step can be answered again":           failedStep,
		"a journey finishes once":                       finishesOnce,
		"of many finishes at once one counts":           oneFinish,
		"a failed commit leaves the step answerable":    failedCommit,
		"a failed journey is over":                      failedJourney,
		"a journey that never asked finishes by itself": neverAsked,
		"a foreign authId is refused":                   foreign,
		"a changed authId is refused":                   changed,
		"the deadline ends a journey":                   deadline,
		"too much state is refused":                     tooLarge,
		"whoever waits can give up":                     givesUp,
		"journeys do not mix":                           doNotMix,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				kt := &keeperTest{T: t, open: open, Installation: open(t)}
				test(kt)
			})
		})
	}
}

// keeperTest is one case of RunKeeper.
type keeperTest struct {
	*testing.T
	Installation
	open func(t *testing.T) Installation
}

const keeperRealm = "/alpha"

// snapshot is a journey without a zero value.
func snapshot() *journey.Snapshot {
	one := 1
	now := time.Now()
	return &journey.Snapshot{
		ID: journey.NewID(),
		Start: journey.Start{
			Realm: keeperRealm, IndexType: "service", IndexValue: "Login", Affinity: "id.pin",
		},
		Tree: "Login", Node: "page",
		Asked: callback.List{
			{Callback: callback.Name{Prompt: "User <b>Name</b>"}},
			{Callback: callback.NewConfirmation([]string{"yes", "no"}, 1), ID: &one},
		},
		Stage: "stage", Header: "header", Description: "description",
		Shared: map[string]any{"username": "demo", "count": 1.0, "list": []any{"a", true, nil}},
		Secure: map[string]any{"password": "secret \u2028 ü"},
		Findings: journey.Findings{
			Properties: map[string]string{"department": "x"}, AuthTypes: []string{"DataStore"},
			MaxTime: time.Hour, IdleTime: time.Minute, Webhooks: []string{"audit"}, Hooks: []string{"cookie"},
			SuccessDetails: map[string]any{"a": 1.0}, SuccessProperties: map[string]string{"b": "department"},
			FailureMessage: "no", FailureDetails: map[string]any{"c": true},
			ErrorMessage: "broken", ErrorDetails: map[string]any{"d": "e"},
		},
		Binding: "browser",
		Subject: "demo-id",
		Params:  journey.Params{Goto: "/a?b&c", GotoOnFail: "/d", NoSession: true, Locale: "de"},
		Step:    1,
		Started: now, Deadline: now.Add(5 * time.Minute),
	}
}

// begin begins a journey and returns its first authId.
func (kt *keeperTest) begin() (*journey.Snapshot, string) {
	kt.Helper()
	s := snapshot()
	authID, err := kt.Keeper(keeperRealm).Begin(kt.Context(), s)
	if err != nil || authID == "" || s.Allow == "" {
		kt.Fatalf("Begin: authId of %d bytes, allowlist state %q, error %v", len(authID), s.Allow, err)
	}
	return s, authID
}

// step answers a step with something that does not fail.
func (kt *keeperTest) step(authID string) (next string, err error) {
	return kt.Keeper(keeperRealm).Step(kt.Context(), keeperRealm, authID, forward)
}

func forward(_ context.Context, s *journey.Snapshot) error {
	s.Step++
	s.Shared["count"] = float64(s.Step)
	return nil
}

// finish answers a step with the end of the journey.
func (kt *keeperTest) finish(authID string, commit journey.Commit) error {
	k := kt.Keeper(keeperRealm)
	_, err := k.Step(kt.Context(), keeperRealm, authID, func(ctx context.Context, s *journey.Snapshot) error {
		return k.Finish(ctx, s, commit)
	})
	return err
}

// commit counts how often a journey was finished, and makes it so.
func (kt *keeperTest) commit(count *int) journey.Commit {
	return func(ctx context.Context, with ...store.Op) error {
		if len(with) > 0 {
			if err := kt.Commit(ctx, with...); err != nil {
				return err
			}
		}
		*count++
		return nil
	}
}

// wantError fails the test unless err is want.
func (kt *keeperTest) wantError(err, want error, what string) {
	kt.Helper()
	if !errors.Is(err, want) {
		kt.Fatalf("%s: error %v; want %v", what, err, want)
	}
}

// wantRefused fails the test unless the step is refused with want, without
// calling the nodes.
func (kt *keeperTest) wantRefused(authID string, want error, what string) {
	kt.Helper()
	called := false
	_, err := kt.Keeper(keeperRealm).Step(kt.Context(), keeperRealm, authID, func(context.Context, *journey.Snapshot) error {
		called = true
		return nil
	})
	kt.wantError(err, want, what)
	if called {
		kt.Fatalf("%s: the step was refused, but not before the nodes ran", what)
	}
}

// form is a snapshot as comparable text, without what a keeper sets itself.
func form(s *journey.Snapshot) string {
	plain := *s
	plain.Allow = ""
	text, err := json.Marshal(plain)
	if err != nil {
		return fmt.Sprintf("no JSON: %v", err)
	}
	return string(text)
}
