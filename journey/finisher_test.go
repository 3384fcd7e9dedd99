package journey_test

import (
	"context"
	"errors"
	"testing"

	"github.com/amgate/amgate/journey"
	"github.com/amgate/amgate/store"
)

// finisher is a node that counts how often it is told of a success.
type finisher struct {
	*node
	off  bool
	fail error
	told []string // ids of users
}

func (f *finisher) Complete(_ context.Context, in *journey.Input) (journey.Action, error) {
	f.told = append(f.told, in.NodeID+" "+in.Subject)
	return journey.Action{}.WithProperty("told", "yes"), f.fail
}

func (f *finisher) Finishes() bool { return !f.off }

var _ journey.Finisher = (*finisher)(nil)

// finishing is a journey that signs demo in, beside a node that it never
// visits, unless its outcome is "aside".
func finishing(t *testing.T, f *finisher, outcome string) *bench {
	b := newBench(t, demo(), identifies("demo"), does(func(*journey.Input) journey.Action { return journey.Goto(outcome) }))
	b.tree.Nodes["n2"].Node.(*node).outcomes = []string{"outcome", "aside", "no"}
	b.tree.Nodes["n2"].Next = map[string]string{"outcome": journey.Success, "aside": "f", "no": journey.Failure}
	f.node = does(func(*journey.Input) journey.Action { return journey.Goto("outcome").WithHook() })
	place(b.tree, "f", f, "outcome", journey.Success)
	return b
}

func TestFinisherIsToldOfSuccessOnce(t *testing.T) {
	for outcome, want := range map[string]int{"outcome": 1, "aside": 1, "no": 0} {
		f := new(finisher)
		result := finishing(t, f, outcome).want()
		if len(f.told) != want {
			t.Errorf("%s: told %v; want %d times", outcome, f.told, want)
		}
		if want == 1 && (f.told[0] != "f demo" || result.Succeeded.Properties["told"] != "yes") {
			t.Errorf("%s: told %v, %+v", outcome, f.told, result.Succeeded)
		}
	}
	f := &finisher{off: true}
	if finishing(t, f, "outcome").want(); len(f.told) > 0 {
		t.Errorf("told %v, but it did not want to be", f.told)
	}
}

func TestFinisherThatFailsEndsNothing(t *testing.T) {
	f := &finisher{fail: store.ErrUnavailable}
	b := finishing(t, f, "outcome")
	if _, err := b.advance(); !journey.IsFault(err) || b.snap.Subject != "" {
		t.Fatalf("error %v, subject %q", err, b.snap.Subject)
	}
	f.fail = nil
	if result := b.want(); result.Succeeded == nil {
		t.Errorf("%+v", result)
	}
	f.fail = errors.New("broken")
	var stopped *journey.StoppedError
	if _, err := finishing(t, f, "outcome").advance(); !errors.As(err, &stopped) {
		t.Errorf("error %v", err)
	}
}
