package journey_test

import (
	"encoding/json"
	"log/slog"
	"reflect"
	"strings"
	"testing"

	"github.com/amgate/amgate/identity"
	"github.com/amgate/amgate/journey"
	"github.com/amgate/amgate/journey/journeytest"
)

// SECURITY 1 and 5: reaching Success is not enough. The engine must know who
// it is, from a node, and that they may sign in, now.
func TestSuccessNeedsAnActiveUser(t *testing.T) {
	inactive := journeytest.Demo("demo", "right")
	inactive[0].Active = false
	fails := does(func(in *journey.Input) journey.Action {
		in.State.PutShared(journey.KeyFailureURL, "/sorry")
		in.State.PutShared(journey.KeyUsername, "demo") // a name alone is nobody
		return journey.Goto("outcome")
	})
	for name, test := range map[string]struct {
		users   identity.Store
		nodes   []*node
		message string
		log     string
	}{
		"nobody was identified": {demo(), []*node{fails}, "", "none of its nodes identified a user"},
		"the user is not active": {
			inactive, []*node{fails, identifies("demo")}, journey.MessageLockedOut, "",
		},
		"the user was deactivated during the journey": {
			inactive, []*node{fails, identifies("demo"), asker()}, journey.MessageLockedOut, "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, test.users, test.nodes...)
			result := b.want()
			if result.Asked {
				b.keep()
				result = b.want("x")
			}
			if result.Failed == nil || !reflect.DeepEqual(*result.Failed, journey.Failed{Message: test.message, FailureURL: "/sorry"}) || result.Succeeded != nil {
				t.Errorf("%+v", result)
			}
			if !strings.Contains(b.log.String(), test.log) {
				t.Errorf("log %q; want %q", b.log.String(), test.log)
			}
		})
	}
	t.Run("the user was removed during the journey", func(t *testing.T) {
		b := newBench(t, demo(), identifies("demo"), asker())
		b.want()
		b.engine = journey.NewEngine(journey.EngineConfig{Users: journeytest.Users{}, Logger: slog.New(slog.DiscardHandler)})
		if result := b.want("x"); result.Failed == nil {
			t.Errorf("%+v", result)
		}
	})
	t.Run("failure is failure for a known user too", func(t *testing.T) {
		b := newBench(t, demo(), fails, identifies("demo"))
		b.tree.Nodes["n2"].Next["outcome"] = journey.Failure
		if result := b.want(); result.Failed == nil || result.Failed.FailureURL != "/sorry" {
			t.Errorf("%+v", result)
		}
	})
}

func TestTransientStateEndsWithTheStepUnlessRead(t *testing.T) {
	reader := identifies("demo")
	reader.reads = []string{"password"}
	for name, test := range map[string]struct {
		between *node // asks after the password was given
		last    *node
		want    any
	}{
		"nobody reads it":        {asker(), identifies("demo"), nil},
		"a later node reads it":  {asker(), reader, "secret"},
		"it is replaced at once": {asker("password"), reader, nil},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, demo(), asker(), test.between, test.last)
			b.want()
			b.want("secret")
			if b.snap.Node != "n2" || b.snap.Secure["password"] != test.want {
				t.Errorf("at %s the secure state is %v; want password %v", b.snap.Node, b.snap.Secure, test.want)
			}
			shared, err := json.Marshal(b.snap.Shared)
			if err != nil || strings.Contains(string(shared), "secret") {
				t.Errorf("error %v, shared state %s", err, shared)
			}
		})
	}
}
