// Package history judges what the clients of several nodes saw of records that
// they created, looked up, changed and ended at the same time: whether there
// is an order of all that happened in which every answer was true.
//
// Of a look-up that found a record the answer may be old by the freshness that
// the nodes promise, so it need be true only at some moment from that long
// before it was asked until it was answered. All other answers are true at a
// moment between question and answer. What was answered with an error, or not
// at all, may have happened then or any time later, or never.
//
// The search for the order is porcupine's.
package history

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/anishathalye/porcupine"
)

// Kind is what a client asked for.
type Kind string

// The kinds of operations. A record is created once.
const (
	Create Kind = "create"
	Lookup Kind = "look up"
	Change Kind = "change"
	End    Kind = "end"
)

// Outcome is what it was told.
type Outcome string

// The outcomes of operations.
const (
	// Done: it happened; of a Lookup, the record is there.
	Done Outcome = "done"
	// Gone: there is no such record.
	Gone Outcome = "gone"
	// Unknown: an error, or no answer.
	Unknown Outcome = "unknown"
	// Refused: it certainly did not happen, for a reason that says nothing
	// of the record.
	Refused Outcome = "refused"
)

// Op is one operation of a client. Value is what it wrote or read, if values
// are of interest.
type Op struct {
	Client       int
	Node, Record string
	Kind         Kind
	Outcome      Outcome
	Value        string
	Call, Return time.Duration // since the history began
}

func (o Op) String() string {
	return fmt.Sprintf("%10v–%-10v client %d at %s: %s %s %s", o.Call.Round(time.Millisecond),
		o.Return.Round(time.Millisecond), o.Client, o.Node, o.Kind, o.Value, o.Outcome)
}

// Recorder notes operations. Its methods are safe for concurrent use.
type Recorder struct {
	began time.Time
	mu    sync.Mutex
	ops   []Op
}

// NewRecorder begins a history.
func NewRecorder() *Recorder { return &Recorder{began: time.Now()} }

// Do runs fn, and notes op with when that was and what came of it. A fn that
// creates may name the record.
func (r *Recorder) Do(op Op, fn func(op *Op)) Op {
	op.Call = r.Now()
	fn(&op)
	op.Return = r.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ops = append(r.ops, op)
	return op
}

// Now is the time since the history began.
func (r *Recorder) Now() time.Duration { return time.Since(r.began) }

// Ops are the operations that were noted so far.
func (r *Recorder) Ops() []Op {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.ops)
}

// searchLimit bounds the search for one record's order. A history of a record
// that is as it should be takes milliseconds.
const searchLimit = 20 * time.Second

// Check is nil if the history is as the package's comment says. The error
// shows the operations on one record for which it is not.
func Check(ops []Op, freshness time.Duration) error {
	records := make(map[string][]Op)
	for _, op := range ops {
		if op.Record != "" { // whose creation failed, so that it has no name
			records[op.Record] = append(records[op.Record], op)
		}
	}
	for _, ops := range records {
		slices.SortStableFunc(ops, func(a, b Op) int { return cmp.Compare(a.Call, b.Call) })
		if err := stale(ops, freshness); err != nil {
			return fmt.Errorf("%w\n%s", err, show(ops))
		}
		var search []porcupine.Operation
		told := telling(ops)
		for _, op := range slices.DeleteFunc(told, implied(told)) {
			search = append(search, operation(op, freshness))
		}
		switch result := porcupine.CheckOperationsTimeout(model, search, searchLimit); result {
		case porcupine.Ok:
		case porcupine.Illegal:
			return fmt.Errorf("history: there is no order in which these answers are true\n%s", show(ops))
		default:
			return fmt.Errorf("history: no order was found in %v in which these answers are true\n%s", searchLimit, show(ops))
		}
	}
	return nil
}

// stale finds what the search would find too, and says it in plain words: a
// record that was seen later than the freshness after its end, or not seen
// though nobody had tried to end it.
func stale(ops []Op, freshness time.Duration) error {
	ended, tried := time.Duration(math.MaxInt64), time.Duration(math.MaxInt64)
	for _, op := range ops {
		if op.Kind == End && op.Outcome != Refused {
			tried = min(tried, op.Call)
			if op.Outcome != Unknown {
				ended = min(ended, op.Return)
			}
		}
	}
	created := false
	for _, op := range ops {
		created = created || op.Kind == Create && op.Outcome == Done
		switch {
		case op.Kind == Lookup && op.Outcome == Done && op.Call > ended && op.Call-ended > freshness:
			return fmt.Errorf("history: seen %v after its end, though the freshness is %v: %s", op.Call-ended, freshness, op)
		case op.Kind == Lookup && op.Outcome == Gone && created && op.Return < tried:
			return fmt.Errorf("history: gone, though nobody had ended it: %s", op)
		}
	}
	return nil
}

func show(ops []Op) string {
	var b strings.Builder
	for _, op := range ops {
		fmt.Fprintln(&b, op)
	}
	return b.String()
}

// telling leaves out what cannot make a difference, and would only make the
// search long.
func telling(ops []Op) (kept []Op) {
	read := make(map[string]bool)
	for _, op := range ops {
		read[op.Value] = read[op.Value] || op.Kind == Lookup && op.Outcome == Done
	}
	perhapsEnded := false
	for _, op := range ops {
		switch {
		case op.Outcome == Refused, op.Outcome == Unknown && op.Kind == Lookup:
			continue
		case op.Outcome == Unknown && op.Kind == Change && !read[op.Value]:
			continue // it may as well happen last of all
		case op.Outcome == Unknown && op.Kind == End:
			// A record ends once. If a later try did it, the first one may as
			// well have, whenever that was.
			if perhapsEnded {
				continue
			}
			perhapsEnded = true
		}
		kept = append(kept, op)
	}
	return kept
}

// implied tells which look-ups are true if others are. A record has a value
// that is written once from one moment to another. Some moment of a look-up
// that found it lies between them for each such look-up, if it does for the one
// that was answered first and the one that was asked last. And it is gone for
// good at the latest when the first look-up is answered that finds it so.
func implied(ops []Op) func(Op) bool {
	writes := make(map[string]int)
	made := time.Duration(math.MaxInt64) // when the record was certainly there
	for _, op := range ops {
		switch {
		case op.Kind == Create && op.Outcome == Done:
			made = op.Return
			fallthrough
		case op.Kind == Create, op.Kind == Change:
			writes[op.Value]++
		}
	}
	after := func(op Op) bool { return op.Outcome == Gone && op.Kind == Lookup && op.Call > made }
	first, last := make(map[string]Op), make(map[string]Op)
	var gone *Op
	for _, op := range ops {
		switch {
		case after(op):
			if gone == nil || op.Return < gone.Return {
				gone = &op
			}
		case op.Kind == Lookup && op.Outcome == Done:
			if was, found := first[op.Value]; !found || op.Return < was.Return {
				first[op.Value] = op
			}
			if was, found := last[op.Value]; !found || op.Call > was.Call {
				last[op.Value] = op
			}
		}
	}
	return func(op Op) bool {
		if after(op) {
			return op != *gone
		}
		return op.Kind == Lookup && op.Outcome == Done && writes[op.Value] == 1 && op != first[op.Value] && op != last[op.Value]
	}
}

// operation is what the search is given: when it may have happened.
func operation(op Op, freshness time.Duration) porcupine.Operation {
	o := porcupine.Operation{ClientId: op.Client, Input: op, Output: op.Outcome, Call: int64(op.Call), Return: int64(op.Return)}
	switch {
	case op.Outcome == Unknown:
		o.Return = math.MaxInt64
	case op.Outcome == Done && op.Kind == Lookup:
		o.Call -= int64(freshness)
	}
	return o
}

// state is what a record may be at a moment.
type state struct {
	phase phase
	value string
}

type phase uint8

const (
	absent phase = iota
	live
	ended
)

// model is how a record behaves for one client alone.
var model = porcupine.Model{
	Init: func() any { return state{} },
	Step: func(s, input, _ any) (bool, any) { return step(s.(state), input.(Op)) },
}

func step(s state, op Op) (bool, any) {
	if op.Outcome == Gone {
		return s.phase != live, s
	}
	// What is Unknown is possible in every state: it may never happen.
	unknown := op.Outcome == Unknown
	switch op.Kind {
	case Lookup:
		return s.phase == live && s.value == op.Value, s
	case Create:
		if s.phase == absent {
			return true, state{live, op.Value}
		}
	case Change:
		if s.phase == live {
			return true, state{live, op.Value}
		}
	case End:
		if s.phase == live {
			return true, state{ended, ""}
		}
	}
	return unknown, s
}
