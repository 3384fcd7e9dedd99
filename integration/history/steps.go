package history

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/anishathalye/porcupine"
)

// Answer is the operation that answers a step of a journey. Its Value is the
// step's number; a journey's first one is 0.
const Answer Kind = "answer"

// Journey says what CheckSteps is to know of the journeys.
type Journey struct {
	// Steps is how many steps each has.
	Steps int
	// Losses is when nodes were lost. A journey that was under way then may forget
	// which step was to be answered: it goes on from an older one, and refuses
	// what was handed out after that. If it had ended, it may tell of its end once
	// more.
	Losses []Span
}

// Span is from one moment to another.
type Span struct{ From, To time.Duration }

// CheckSteps judges what clients saw that answered the steps of journeys at
// several nodes, each step several times: nil if there is an order of all that
// happened in which each step was answered once, after the one before it, and
// Refused only when it had been answered, but for what Losses allow; and in which
// only a journey that had come to its end was Gone. The error shows the
// operations on one journey, a Record, for which there is none.
func (j Journey) CheckSteps(ops []Op) error {
	search, of := make(map[string][]porcupine.Operation), make(map[string][]Op)
	for _, op := range ops {
		search[op.Record] = append(search[op.Record], operation(op, 0))
		of[op.Record] = append(of[op.Record], op)
	}
	for journey, search := range search {
		losses := j.losses(of[journey])
		model := porcupine.Model{
			Init:  func() any { return progress{} },
			Step:  func(s, input, _ any) (bool, any) { return j.step(s.(progress), input.(Op), losses) },
			Equal: func(a, b any) bool { return a == b },
		}
		switch result := porcupine.CheckOperationsTimeout(model, search, searchLimit); result {
		case porcupine.Ok:
		case porcupine.Illegal:
			return fmt.Errorf("history: there is no order in which these answers are true\n%s", show(of[journey]))
		default:
			return fmt.Errorf("history: no order was found in %v in which these answers are true\n%s", searchLimit, show(of[journey]))
		}
	}
	return nil
}

// losses counts those while a journey was under way.
func (j Journey) losses(ops []Op) (n int) {
	first := slices.MinFunc(ops, func(a, b Op) int { return cmp.Compare(a.Call, b.Call) }).Call
	last := slices.MaxFunc(ops, func(a, b Op) int { return cmp.Compare(a.Return, b.Return) }).Return
	for _, loss := range j.Losses {
		if first <= loss.To && loss.From <= last {
			n++
		}
	}
	return n
}

// progress is the step that a journey waits for an answer to, and how many
// losses it has felt.
type progress struct{ at, lost int }

// step is how a journey behaves for one client alone. What is Unknown happens if
// it can: if it never happened, it may as well have done so last of all.
func (j Journey) step(p progress, op Op, losses int) (bool, progress) {
	n, err := strconv.Atoi(op.Value)
	older := n < p.at && p.lost < losses && (p.at < j.Steps || n == j.Steps-1)
	switch {
	case err != nil || op.Kind != Answer:
		return false, p
	case op.Outcome == Gone:
		return p.at == j.Steps, p
	case op.Outcome == Refused:
		return n < p.at || p.lost > 0, p
	case n == p.at:
		return true, progress{n + 1, p.lost}
	case older:
		return true, progress{n + 1, p.lost + 1}
	}
	return op.Outcome == Unknown, p
}
