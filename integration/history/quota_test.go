package history_test

import (
	"strings"
	"testing"
	"time"

	"github.com/amgate/amgate/integration/history"
)

// TestCheckQuota: what a quota of two allows, and what it does not.
func TestCheckQuota(t *testing.T) {
	on := func(kind history.Kind, session string, outcome history.Outcome, call, back int) history.Op {
		o := history.Op{Record: session, Kind: kind, Outcome: outcome, Call: time.Duration(call), Return: time.Duration(back)}
		if kind == history.List {
			o.Record, o.Value = "", session
		}
		return o
	}
	const (
		in, out, list       = history.Create, history.End, history.List
		done, refused, gone = history.Done, history.Refused, history.Gone
	)
	two := []history.Op{on(in, "a", done, 0, 1), on(in, "b", done, 2, 3)}
	for name, test := range map[string]struct {
		oldest bool
		ops    []history.Op
		want   string
	}{
		"room":                            {false, []history.Op{on(list, "a b", done, 4, 5)}, ""},
		"denied":                          {false, []history.Op{on(in, "", refused, 4, 5), on(list, "a b", done, 6, 7)}, ""},
		"one too many":                    {false, []history.Op{on(in, "c", done, 4, 5)}, "no order"},
		"one too many at once":            {false, []history.Op{on(out, "a", done, 4, 9), on(in, "c", done, 4, 9), on(in, "d", done, 4, 9)}, "no order"},
		"room by a logout":                {false, []history.Op{on(out, "a", done, 4, 9), on(in, "c", done, 5, 8)}, ""},
		"denied with room":                {false, []history.Op{on(out, "a", done, 4, 5), on(in, "", refused, 6, 7)}, "no order"},
		"denied during a logout":          {false, []history.Op{on(out, "a", done, 4, 7), on(in, "", refused, 6, 8)}, ""},
		"the oldest goes":                 {true, []history.Op{on(in, "c", done, 4, 5), on(list, "b c", done, 6, 7), on(out, "a", gone, 6, 7)}, ""},
		"another goes":                    {true, []history.Op{on(in, "c", done, 4, 5), on(list, "a c", done, 6, 7)}, "no order"},
		"nobody goes":                     {true, []history.Op{on(in, "c", done, 4, 5), on(list, "a b c", done, 6, 7)}, "no order"},
		"two go for two":                  {true, []history.Op{on(in, "c", done, 4, 9), on(in, "d", done, 4, 9), on(list, "c d", done, 10, 11)}, ""},
		"two go for one":                  {true, []history.Op{on(in, "c", done, 4, 9), on(list, "c", done, 10, 11)}, "no order"},
		"refused, though one can go":      {true, []history.Op{on(in, "", refused, 4, 5)}, "no order"},
		"it made room, and is logged out": {true, []history.Op{on(in, "c", done, 4, 5), on(out, "a", done, 6, 7)}, "no order"},
		"gone without an end":             {true, []history.Op{on(out, "a", gone, 4, 5)}, "no order"},
		"nobody knows":                    {true, []history.Op{on(in, "c", history.Unknown, 4, 5)}, "nobody knows"},
	} {
		t.Run(name, func(t *testing.T) {
			err := history.CheckQuota(append(two[:2:2], test.ops...), 2, test.oldest)
			switch {
			case test.want == "" && err != nil:
				t.Error(err)
			case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}
