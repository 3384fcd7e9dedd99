package history_test

import (
	"strings"
	"testing"
	"time"

	"github.com/amgate/amgate/integration/history"
)

const freshness = 5 * time.Second

// op is an operation on one record from a second to another.
func op(kind history.Kind, value string, outcome history.Outcome, call, back float64) history.Op {
	second := float64(time.Second)
	return history.Op{
		Node: "am-1", Record: "s/one", Kind: kind, Value: value, Outcome: outcome,
		Call: time.Duration(call * second), Return: time.Duration(back * second),
	}
}

// TestCheck: what the promise allows, and what it does not.
func TestCheck(t *testing.T) {
	const (
		create, lookup, change, end = history.Create, history.Lookup, history.Change, history.End
		done, gone, unknown         = history.Done, history.Gone, history.Unknown
	)
	created := op(create, "1", done, 0, 1)
	for name, test := range map[string]struct {
		ops  []history.Op
		want string // part of the error
	}{
		"seen, ended, gone":        {[]history.Op{op(lookup, "1", done, 2, 3), op(end, "", done, 4, 5), op(lookup, "", gone, 6, 7)}, ""},
		"seen within freshness":    {[]history.Op{op(end, "", done, 4, 5), op(lookup, "1", done, 9.9, 20)}, ""},
		"seen after freshness":     {[]history.Op{op(end, "", done, 4, 5), op(lookup, "1", done, 10.1, 10.2)}, "seen 5.1s after its end"},
		"gone and seen again":      {[]history.Op{op(end, "", done, 4, 5), op(lookup, "", gone, 6, 7), op(lookup, "1", done, 8, 9)}, ""},
		"gone before it was ended": {[]history.Op{op(lookup, "", gone, 2, 3), op(end, "", done, 4, 5)}, "nobody had ended it"},
		"gone while being ended":   {[]history.Op{op(lookup, "", gone, 2, 3), op(end, "", done, 2.5, 5)}, ""},
		"gone without an end":      {[]history.Op{op(lookup, "", gone, 2, 3)}, "nobody had ended it"},
		"seen before it was there": {[]history.Op{{Record: "s/one", Kind: lookup, Value: "1", Outcome: done, Call: -3 * time.Second, Return: -time.Second}}, "no order"},
		"ended twice":              {[]history.Op{op(end, "", done, 2, 3), op(end, "", done, 2, 3)}, "no order"},
		"ended, the second learns": {[]history.Op{op(end, "", done, 2, 3), op(end, "", gone, 2, 3)}, ""},

		"an unknown end, seen":           {[]history.Op{op(end, "", unknown, 2, 3), op(lookup, "1", done, 20, 21)}, ""},
		"an unknown end, gone":           {[]history.Op{op(end, "", unknown, 2, 3), op(lookup, "", gone, 20, 21)}, ""},
		"an unknown end that comes late": {[]history.Op{op(end, "", unknown, 2, 3), op(lookup, "1", done, 20, 21), op(lookup, "", gone, 22, 23)}, ""},
		"an unknown end, gone and seen":  {[]history.Op{op(end, "", unknown, 2, 3), op(lookup, "", gone, 20, 21), op(lookup, "1", done, 27, 28)}, "no order"},
		"a look-up without an answer":    {[]history.Op{op(lookup, "", unknown, 2, 3), op(end, "", done, 4, 5)}, ""},

		"changed, new seen":            {[]history.Op{op(change, "2", done, 2, 3), op(lookup, "2", done, 4, 5)}, ""},
		"changed, old within bound":    {[]history.Op{op(change, "2", done, 2, 3), op(lookup, "1", done, 7, 8)}, ""},
		"changed, old after the bound": {[]history.Op{op(change, "2", done, 2, 3), op(lookup, "1", done, 9, 10)}, "no order"},
		"an unknown change":            {[]history.Op{op(change, "2", unknown, 2, 3), op(lookup, "2", done, 14, 15)}, ""},
		"an unknown change undone":     {[]history.Op{op(change, "2", unknown, 2, 3), op(lookup, "2", done, 14, 15), op(lookup, "1", done, 20.1, 21)}, "no order"},
		"changed after its end":        {[]history.Op{op(end, "", done, 2, 3), op(change, "2", done, 4, 5)}, "no order"},
		"a value from nowhere":         {[]history.Op{op(lookup, "3", done, 2, 3)}, "no order"},
	} {
		t.Run(name, func(t *testing.T) {
			err := history.Check(append([]history.Op{created}, test.ops...), freshness)
			switch {
			case test.want == "" && err != nil:
				t.Error(err)
			case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

// TestUnknownCreate: the record may turn up, and need not.
func TestUnknownCreate(t *testing.T) {
	create := op(history.Create, "1", history.Unknown, 0, 1)
	for _, seen := range []history.Outcome{history.Done, history.Gone} {
		if err := history.Check([]history.Op{create, op(history.Lookup, "1", seen, 2, 3)}, freshness); err != nil {
			t.Error(err)
		}
	}
}

// TestRecordsAreJudgedApart: a mistake on one record is not lost among others.
func TestRecordsAreJudgedApart(t *testing.T) {
	r := history.NewRecorder()
	for _, record := range []string{"s/one", "s/two"} {
		r.Do(history.Op{Kind: history.Create}, func(op *history.Op) { op.Record, op.Outcome = record, history.Done })
	}
	r.Do(history.Op{Record: "s/two", Kind: history.Lookup}, func(op *history.Op) { op.Outcome = history.Done })
	if err := history.Check(r.Ops(), freshness); err != nil {
		t.Fatal(err)
	}
	r.Do(history.Op{Record: "s/two", Kind: history.Lookup}, func(op *history.Op) { op.Outcome = history.Gone })
	if err := history.Check(r.Ops(), freshness); err == nil || strings.Contains(err.Error(), "s/one") {
		t.Error(err)
	}
}
