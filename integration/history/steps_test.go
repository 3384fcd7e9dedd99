package history_test

import (
	"strings"
	"testing"
	"time"

	"github.com/amgate/amgate/integration/history"
)

// TestCheckSteps: what the steps of a journey may be answered with, and what
// not.
func TestCheckSteps(t *testing.T) {
	on := func(step string, outcome history.Outcome, call, back int) history.Op {
		return history.Op{
			Record: "j", Kind: history.Answer, Value: step, Outcome: outcome, Call: time.Duration(call), Return: time.Duration(back),
		}
	}
	const done, refused, gone, unknown = history.Done, history.Refused, history.Gone, history.Unknown
	for name, test := range map[string]struct {
		losses []history.Span
		ops    []history.Op
		want   string
	}{
		"one after the other":                 {nil, []history.Op{on("0", done, 0, 1), on("1", done, 2, 3)}, ""},
		"twice at once, refused once":         {nil, []history.Op{on("0", done, 0, 5), on("0", refused, 1, 4)}, ""},
		"refused before it was asked":         {nil, []history.Op{on("0", refused, 0, 1), on("0", done, 2, 3)}, "no order"},
		"answered twice":                      {nil, []history.Op{on("0", done, 0, 1), on("0", done, 2, 3)}, "no order"},
		"answered twice at once":              {nil, []history.Op{on("0", done, 0, 5), on("0", done, 1, 4)}, "no order"},
		"the second before the first":         {nil, []history.Op{on("1", done, 0, 1), on("0", done, 2, 3)}, "no order"},
		"an older one again":                  {nil, []history.Op{on("0", done, 0, 1), on("1", done, 2, 3), on("0", done, 4, 5)}, "no order"},
		"refused though nobody answered it":   {nil, []history.Op{on("0", refused, 0, 1)}, "no order"},
		"refused, and perhaps answered":       {nil, []history.Op{on("0", unknown, 0, 1), on("0", refused, 2, 3)}, ""},
		"perhaps answered, and then for sure": {nil, []history.Op{on("0", unknown, 0, 1), on("0", done, 2, 3)}, ""},
		"the journey is gone":                 {nil, []history.Op{on("0", gone, 0, 1)}, "no order"},
		"an older one again after a loss": {[]history.Span{{3, 3}}, []history.Op{
			on("0", done, 0, 1), on("1", done, 2, 3), on("0", done, 4, 5), on("1", done, 6, 7), on("1", refused, 8, 9),
		}, ""},
		"one older one after a loss": {[]history.Span{{3, 3}}, []history.Op{
			on("0", done, 0, 1), on("1", done, 2, 3), on("0", done, 4, 5), on("0", done, 6, 7),
		}, "no order"},
		"what the lost node handed out": {[]history.Span{{3, 3}}, []history.Op{on("0", done, 0, 1), on("0", done, 2, 3), on("1", refused, 4, 5)}, ""},
		"an older one again after a loss that was before": {[]history.Span{{3, 3}}, []history.Op{
			on("0", done, 4, 5), on("0", done, 6, 7),
		}, "no order"},
		"the end told once more": {[]history.Span{{3, 3}}, []history.Op{on("0", done, 0, 1), on("1", done, 2, 3), on("2", done, 4, 5), on("2", done, 6, 7)}, ""},
		"the end told twice more": {[]history.Span{{3, 3}}, []history.Op{
			on("0", done, 0, 1), on("1", done, 2, 3), on("2", done, 4, 5), on("2", done, 6, 7), on("2", done, 8, 9),
		}, "no order"},
		"an older one after the end": {[]history.Span{{3, 3}}, []history.Op{
			on("0", done, 0, 1), on("1", done, 2, 3), on("2", done, 4, 5), on("1", done, 6, 7),
		}, "no order"},
		"gone after its end": {nil, []history.Op{
			on("0", done, 0, 1), on("1", done, 2, 3), on("2", done, 4, 5), on("2", gone, 6, 7),
		}, ""},
		"gone before its end": {nil, []history.Op{
			on("0", done, 0, 1), on("1", done, 2, 3), on("2", done, 6, 7), on("2", gone, 4, 5),
		}, "no order"},
		"no number": {nil, []history.Op{on("", done, 0, 1)}, "no order"},
	} {
		t.Run(name, func(t *testing.T) {
			err := history.Journey{Steps: 3, Losses: test.losses}.CheckSteps(test.ops)
			switch {
			case test.want == "" && err != nil:
				t.Error(err)
			case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
	other := on("0", done, 2, 3)
	other.Record = "k"
	if err := (history.Journey{Steps: 3}).CheckSteps([]history.Op{on("0", done, 0, 1), other}); err != nil {
		t.Errorf("of two journeys: %v", err)
	}
}
