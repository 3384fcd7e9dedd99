package keep

import (
	"bytes"
	"slices"
	"time"

	"github.com/amgate/amgate/journey"
)

// doubts remembers records as they were before a commit that the store left
// open: it may have happened, may happen yet, or never will. Whichever it was,
// its result has reached no client, so the step may be taken again from where
// it began. At most until the journey's deadline, and within a bound on memory.
type doubts struct{ *shelf[doubt] }

// doubt is what is remembered of a record. It is never changed.
type doubt struct {
	// tries are the allowlist states that commits in doubt were to leave.
	tries []string
	// finishing says that a commit in doubt was to end the journey.
	finishing bool
	before    []byte
}

func newDoubts() doubts {
	d := doubts{new(shelf[doubt])}
	d.Limit(TableConfig{MaxJourneys: 10_000, MaxBytes: 16 << 20})
	return d
}

const (
	// gone is the revision of a record that a commit in doubt has removed. It
	// is that of an empty store, so no record has it: a Check of it fails, and
	// a journey that is finished again ends well only by meeting what its
	// first Finish created.
	gone = 1
	// removed stands for the allowlist state of what a commit removes.
	removed = "removed"
	// maxTried bounds how many commits in doubt are remembered of one step.
	maxTried = 32
)

// add remembers that a commit in doubt was to leave the allowlist state left
// in a record that was before, and whether it, or a commit in doubt before it,
// was to end the journey. A step that was tried before is remembered with all
// its tries: any of them may be what the store has now.
func (d doubts) add(id journey.ID, left string, finishing bool, before []byte, until time.Time) {
	latest := doubt{tries: []string{left}, finishing: finishing, before: before}
	size := len(left) + len(before)
	if old, found := d.get(id); found && bytes.Equal(old.before, before) && len(old.tries) < maxTried {
		latest.tries = append(latest.tries, old.tries...)
		size += len(old.tries) * len(left)
	}
	d.put(id, &latest, size, until)
}

// settle forgets a record.
func (d doubts) settle(id journey.ID) { d.drop(id) }

// finishing reports whether a commit in doubt was to end the journey.
func (d doubts) finishing(id journey.ID) bool {
	remembered, found := d.get(id)
	return found && remembered.finishing
}

// before returns the record as it was before a commit in doubt that left this
// allowlist state; nil if there was none.
func (d doubts) before(id journey.ID, left string) []byte {
	remembered, found := d.get(id)
	if !found || !slices.Contains(remembered.tries, left) {
		return nil
	}
	return remembered.before
}
