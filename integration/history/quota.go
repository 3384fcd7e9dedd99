package history

import (
	"fmt"
	"slices"
	"strings"

	"github.com/anishathalye/porcupine"
)

// List is the operation that asks for all records that there are, by their
// names in the Value, sorted, with spaces between.
const List Kind = "list"

// CheckQuota judges what the clients of several nodes saw of a user's
// sessions, of which there may be so many at once: nil if there is an order of
// all that happened in which each login found room, or the oldest session made
// it, or, if none has to, the login was Refused; in which each logout ended
// what was there; and each List showed what there was. There may be no Unknown
// outcome.
func CheckQuota(ops []Op, limit int, oldest bool) error {
	var search []porcupine.Operation
	for _, op := range ops {
		if op.Outcome == Unknown {
			return fmt.Errorf("history: nobody knows what became of it: %s", op)
		}
		search = append(search, operation(op, 0))
	}
	model := porcupine.Model{
		Init:  func() any { return "" },
		Step:  func(s, input, _ any) (bool, any) { return stepQuota(s.(string), input.(Op), limit, oldest) },
		Equal: func(a, b any) bool { return a == b },
	}
	switch result := porcupine.CheckOperationsTimeout(model, search, searchLimit); result {
	case porcupine.Ok:
		return nil
	case porcupine.Illegal:
		return fmt.Errorf("history: there is no order in which these answers are true\n%s", show(ops))
	default:
		return fmt.Errorf("history: no order was found in %v in which these answers are true", searchLimit)
	}
}

// stepQuota is how the sessions of a user behave for one client alone: the
// state is their names, the oldest first.
func stepQuota(s string, op Op, limit int, oldest bool) (bool, string) {
	live := strings.Fields(s)
	at := slices.Index(live, op.Record)
	switch {
	case op.Kind == Create && op.Outcome == Done:
		live = append(live, op.Record)
		if oldest {
			live = live[max(0, len(live)-limit):]
		}
		return len(live) <= limit, strings.Join(live, " ")
	case op.Kind == Create && op.Outcome == Refused:
		return !oldest && len(live) >= limit, s
	case op.Kind == End && op.Outcome == Done && at >= 0:
		return true, strings.Join(slices.Delete(live, at, at+1), " ")
	case op.Kind == End && op.Outcome == Gone:
		return at < 0, s
	case op.Kind == List:
		slices.Sort(live)
		return strings.Join(live, " ") == op.Value, s
	}
	return false, s
}
