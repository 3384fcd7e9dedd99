package keep

import (
	"bytes"
	"slices"
	"strings"

	"github.com/amgate/amgate/journey"
)

// doubts remembers journeys as they were before a commit that the store left
// open: it may have happened, may happen yet, or never will. Whichever it was,
// its result has reached no client, so the step may be taken again from where
// it began. At most one journey's deadline, and within a bound on memory.
type doubts struct{ *Table }

func newDoubts() doubts {
	return doubts{NewTable(TableConfig{MaxJourneys: 10_000, MaxBytes: 16 << 20})}
}

// gone is the revision of a record that a commit in doubt has removed. It is
// that of an empty store, so no record has it: a Check of it fails, and a
// journey that is finished again ends well only by meeting what its first
// Finish created.
const gone = 1

// maxTried bounds how many commits in doubt are remembered of one step.
const maxTried = 32

// add remembers a journey: before is its encoded form when the step began, s
// what the step made of it, with the allowlist state of the next step if the
// commit was to keep one. A step that was tried before is remembered with all
// its tries: any of them may be what the store has now.
//
// The form is the allowlist states, each ended by a space, a line break, and
// the encoded journey.
func (d doubts) add(s *journey.Snapshot, before []byte) {
	tries := s.Allow + " "
	if data, found := d.get(s.ID); found {
		earlier, plain, _ := bytes.Cut(data, []byte("\n"))
		if bytes.Equal(plain, before) && len(earlier) < maxTried*len(tries) {
			tries += string(earlier)
		}
	}
	d.put(s.ID, append([]byte(tries+"\n"), before...), s.Deadline)
}

// settle forgets a journey.
func (d doubts) settle(id journey.ID) { d.drop(id) }

// finished returns the journey as it was before a Finish in doubt, if there
// was one and o answers that step; else nil.
func (d doubts) finished(o opened) (*journey.Snapshot, []byte) {
	s, tried, plain := d.recall(o)
	if s == nil || !slices.Contains(tried, s.Allow) {
		return nil, nil
	}
	s.Revision = gone
	return s, plain
}

// stepped returns the journey as it was before a commit in doubt that made it
// what it is now, if there was one and o answers that step; else nil.
func (d doubts) stepped(o opened, now *journey.Snapshot) (*journey.Snapshot, []byte) {
	s, tried, plain := d.recall(o)
	if s == nil || !slices.Contains(tried, now.Allow) {
		return nil, nil
	}
	s.Revision = now.Revision
	return s, plain
}

// recall also returns the allowlist states that the commits in doubt would
// have left; that of s itself stands for one that was to remove the journey.
func (d doubts) recall(o opened) (s *journey.Snapshot, tried []string, plain []byte) {
	data, found := d.get(o.id)
	if !found {
		return nil, nil, nil
	}
	tries, plain, _ := bytes.Cut(data, []byte("\n"))
	s, err := decode(plain)
	if err != nil || o.judge(s) != nil {
		return nil, nil, nil
	}
	return s, strings.Fields(string(tries)), plain
}
