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
		ops  []history.Op
		want string
	}{
		"one after the other":                 {[]history.Op{on("0", done, 0, 1), on("1", done, 2, 3)}, ""},
		"twice at once, refused once":         {[]history.Op{on("0", done, 0, 5), on("0", refused, 1, 4)}, ""},
		"refused before it was asked":         {[]history.Op{on("0", refused, 0, 1), on("0", done, 2, 3)}, "no order"},
		"answered twice":                      {[]history.Op{on("0", done, 0, 1), on("0", done, 2, 3)}, "no order"},
		"answered twice at once":              {[]history.Op{on("0", done, 0, 5), on("0", done, 1, 4)}, "no order"},
		"the second before the first":         {[]history.Op{on("1", done, 0, 1), on("0", done, 2, 3)}, "no order"},
		"an older one again":                  {[]history.Op{on("0", done, 0, 1), on("1", done, 2, 3), on("0", done, 4, 5)}, "no order"},
		"refused though nobody answered it":   {[]history.Op{on("0", refused, 0, 1)}, "no order"},
		"refused, and perhaps answered":       {[]history.Op{on("0", unknown, 0, 1), on("0", refused, 2, 3)}, ""},
		"perhaps answered, and then for sure": {[]history.Op{on("0", unknown, 0, 1), on("0", done, 2, 3)}, ""},
		"the journey is gone":                 {[]history.Op{on("0", gone, 0, 1)}, "no order"},
		"no number":                           {[]history.Op{on("", done, 0, 1)}, "no order"},
	} {
		t.Run(name, func(t *testing.T) {
			err := history.CheckSteps(test.ops)
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
	if err := history.CheckSteps([]history.Op{on("0", done, 0, 1), other}); err != nil {
		t.Errorf("of two journeys: %v", err)
	}
}
