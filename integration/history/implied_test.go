package history

import (
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"pgregory.net/rapid"
)

// TestImpliedChangesNoVerdict: what the search is spared makes no difference.
func TestImpliedChangesNoVerdict(t *testing.T) {
	const freshness = 5
	verdicts := make(map[bool]int)
	rapid.Check(t, func(t *rapid.T) {
		ops := drawHistory(t)
		holds := func(ops []Op) bool {
			var search []porcupine.Operation
			for _, op := range ops {
				search = append(search, operation(op, freshness))
			}
			return porcupine.CheckOperations(model, search)
		}
		unneeded := implied(ops)
		var few []Op
		for _, op := range ops {
			if !unneeded(op) {
				few = append(few, op)
			}
		}
		want := holds(ops)
		verdicts[want]++
		if got := holds(few); got != want {
			t.Fatalf("%v of all, %v of a part\n%s\n%s", want, got, show(ops), show(few))
		}
	})
	if verdicts[true] == 0 || verdicts[false] == 0 {
		t.Errorf("verdicts %v: the draws say little", verdicts)
	}
}

// drawHistory draws what happened to one record: it is made, changed, looked
// up and ended.
func drawHistory(t *rapid.T) []Op {
	client := 0
	draw := func(kind Kind, value string, outcomes ...Outcome) Op {
		client++
		call := time.Duration(rapid.IntRange(0, 20).Draw(t, "call"))
		return Op{
			Client: client, Kind: kind, Value: value, Outcome: rapid.SampledFrom(outcomes).Draw(t, "outcome"),
			Call: call, Return: call + time.Duration(rapid.IntRange(0, 6).Draw(t, "time")),
		}
	}
	create := draw(Create, "0", Done, Done, Unknown)
	create.Call, create.Return = create.Call/4, create.Return/4
	ops := []Op{create}
	if rapid.Bool().Draw(t, "changed") {
		ops = append(ops, draw(Change, "1", Done, Unknown))
	}
	if rapid.Bool().Draw(t, "changed again") {
		ops = append(ops, draw(Change, rapid.SampledFrom([]string{"1", "2"}).Draw(t, "to"), Done, Unknown))
	}
	if rapid.Bool().Draw(t, "ended") {
		ops = append(ops, draw(End, "", Done, Unknown))
	}
	for range rapid.IntRange(0, 6).Draw(t, "look-ups") {
		if rapid.Bool().Draw(t, "found") {
			ops = append(ops, draw(Lookup, rapid.SampledFrom([]string{"0", "1"}).Draw(t, "value"), Done))
		} else {
			ops = append(ops, draw(Lookup, "", Gone))
		}
	}
	return ops
}
