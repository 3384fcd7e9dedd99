package history

import (
	"fmt"
	"strconv"

	"github.com/anishathalye/porcupine"
)

// Answer is the operation that answers a step of a journey. Its Value is the
// step's number; a journey's first one is 0.
const Answer Kind = "answer"

// CheckSteps judges what clients saw that answered the steps of journeys at
// several nodes, each step several times: nil if there is an order of all that
// happened in which each step was answered once, after the one before it, and
// Refused only when it had been answered. The error shows the operations on
// one journey, a Record, for which there is none.
func CheckSteps(ops []Op) error {
	journeys := make(map[string][]porcupine.Operation)
	of := make(map[string][]Op)
	for _, op := range ops {
		journeys[op.Record] = append(journeys[op.Record], operation(op, 0))
		of[op.Record] = append(of[op.Record], op)
	}
	model := porcupine.Model{
		Init:  func() any { return 0 },
		Step:  func(s, input, _ any) (bool, any) { return stepOn(s.(int), input.(Op)) },
		Equal: func(a, b any) bool { return a == b },
	}
	for journey, search := range journeys {
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

// stepOn is how a journey behaves for one client alone: at is the step that it
// waits for an answer to.
func stepOn(at int, op Op) (bool, int) {
	n, err := strconv.Atoi(op.Value)
	switch {
	case err != nil || op.Kind != Answer:
		return false, at
	case op.Outcome == Refused:
		return n < at, at
	case n == at && op.Outcome != Gone:
		return true, at + 1
	}
	return op.Outcome == Unknown, at // it may never happen
}
