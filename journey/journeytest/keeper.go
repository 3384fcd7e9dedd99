package journeytest

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/amgate/amgate/journey"
	"github.com/amgate/amgate/journey/callback"
	"github.com/amgate/amgate/store"
	"github.com/amgate/amgate/store/storetest"
)

// Installation is a fresh installation with the realms "/" and "/alpha".
type Installation struct {
	// Keeper returns the keeper of a realm. It may be called several times;
	// keepers of one realm share their journeys, as those of one node do before
	// and after a reload.
	Keeper func(realm string) journey.Keeper
	// Elsewhere returns a keeper on another node, or after a restart.
	Elsewhere func(realm string) journey.Keeper
	// Store is what all of them work on.
	Store *storetest.Faulty
}

// RunKeeper proves that a keeper, with or without allowlisting, holds what
// journey.Keeper promises. open makes an installation whose secrets differ
// from those of every other. Each case runs in a bubble of testing/synctest,
// with a clock of its own.
func RunKeeper(t *testing.T, allowlisting bool, open func(t *testing.T) Installation) {
	cases := map[string]func(*keeperTest){
		"keeps all of a snapshot":                       keepsAll,
		"a failed step can be answered again":           failedStep,
		"a journey finishes once":                       finishesOnce,
		"of many finishes at once one counts":           oneFinish,
		"a failed commit leaves the step answerable":    failedCommit,
		"a journey that never asked finishes by itself": neverAsked,
		"a foreign authId is refused":                   foreign,
		"a changed authId is refused":                   changed,
		"the deadline ends a journey":                   deadline,
		"a deadline that was moved counts":              deadlineMoved,
		"too much state is refused":                     tooLarge,
		"whoever waits can give up":                     givesUp,
		"journeys do not mix":                           doNotMix,
		"an outage leaves the step answerable":          outage,
		"another node's success counts":                 doubtfulEndYields,

		"a suspended journey is resumed by its link alone": resumes,
		"a journey can be suspended at once":               suspendedAtOnce,
		"a link works once":                                linkWorksOnce,
		"of many resumes at once one counts":               oneResume,
		"a foreign link is refused":                        foreignLink,
		"a forged link never reaches the store":            forgedLink,
		"a link expires":                                   linkExpires,
		"a journey is resumed elsewhere":                   resumedElsewhere,
		"a failed resume leaves the link usable":           failedResume,
		"an outage leaves the link usable":                 outageAtResume,
		"an outage leaves a step that suspends answerable": outageAtSuspension,
		"a journey suspended twice has two links":          suspendedTwice,
		"a resumed journey finishes in one transaction":    finishedByResume,
		"a resumed journey can fail":                       failedByResume,
		"no authId from before a resume leads on after it": beforeAfterResume,
	}
	only := map[string]func(*keeperTest){
		"a step is answered again":         answeredAgain,
		"a failed journey begins again":    failedJourneyBeginsAgain,
		"a second way makes no second end": secondWay,
	}
	if allowlisting {
		only = map[string]func(*keeperTest){
			"a step is answered once":             answeredOnce,
			"of many answers at once one counts":  oneOfMany,
			"a failed journey is over":            failedJourney,
			"a shortened journey is not replayed": shortened,
			"another node's answer counts":        doubtYields,
		}
	}
	maps.Copy(cases, only)
	for name, test := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				test(&keeperTest{T: t, allowlisting: allowlisting, open: open, Installation: open(t)})
			})
		})
	}
}

// keeperTest is one case of RunKeeper.
type keeperTest struct {
	*testing.T
	Installation
	allowlisting bool
	open         func(t *testing.T) Installation
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

// succeed answers a step with success; count counts the sessions.
func (kt *keeperTest) succeed(k journey.Keeper, authID string, count *atomic.Int64) error {
	_, err := k.Step(kt.Context(), keeperRealm, authID, func(ctx context.Context, s *journey.Snapshot) error {
		return k.Finish(ctx, s, kt.issue(s, count))
	})
	return err
}

// fail answers a step with failure.
func (kt *keeperTest) fail(k journey.Keeper, authID string) error {
	_, err := k.Step(kt.Context(), keeperRealm, authID, func(ctx context.Context, s *journey.Snapshot) error {
		return k.Finish(ctx, s, nil)
	})
	return err
}

// issue makes the session that a journey yields, as package session does:
// under a key that is derived from the journey's seed, so that a session that
// is there is that of an earlier try. It counts those that a client would get.
func (kt *keeperTest) issue(s *journey.Snapshot, count *atomic.Int64) journey.Commit {
	return func(ctx context.Context, with ...store.Op) error {
		session := store.Key(fmt.Sprintf("s/%x", s.Seed()))
		_, err := kt.Store.Commit(ctx, append(with, store.Create(session, []byte("session"), s.Started.Add(time.Hour)))...)
		if errors.Is(err, store.ErrExists) {
			if _, _, missing := kt.Store.Get(ctx, session, store.Fresh); missing == nil {
				err = nil
			}
		}
		if err == nil {
			count.Add(1)
		}
		return err
	}
}

// wantError fails the test unless err is want.
func (kt *keeperTest) wantError(err, want error, what string) {
	kt.Helper()
	if !errors.Is(err, want) {
		kt.Fatalf("%s: error %v; want %v", what, err, want)
	}
}

// never is what no nodes are: called.
func (kt *keeperTest) never(what string) func(context.Context, *journey.Snapshot) error {
	return func(context.Context, *journey.Snapshot) error {
		kt.Errorf("%s: the nodes ran", what)
		return nil
	}
}

// wantRefused fails the test unless the step is refused with want, without
// calling the nodes.
func (kt *keeperTest) wantRefused(authID string, want error, what string) {
	kt.Helper()
	_, err := kt.Keeper(keeperRealm).Step(kt.Context(), keeperRealm, authID, kt.never(what))
	kt.wantError(err, want, what)
}

// claims decodes an authId, as AM's own login pages do.
func (kt *keeperTest) claims(authID string) (claims struct {
	Allow   string `json:"whitelist-state"`
	Expires int64  `json:"exp"`
}) {
	kt.Helper()
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(authID, ".")[1])
	if err == nil {
		err = json.Unmarshal(payload, &claims)
	}
	if err != nil {
		kt.Fatal(err)
	}
	return claims
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
