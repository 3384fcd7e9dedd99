package keep

import (
	"bytes"
	"slices"
	"strings"
	"time"

	"github.com/amgate/amgate/journey"
)

// doubts remembers records as they were before a commit that the store left
// open: it may have happened, may happen yet, or never will. Whichever it was,
// its result has reached no client, so the step may be taken again from where
// it began. At most until the journey's deadline, and within a bound on memory.
type doubts struct{ *shelf[[]byte] }

func newDoubts() doubts {
	d := doubts{new(shelf[[]byte])}
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
// in a record that was before. A step that was tried before is remembered with
// all its tries: any of them may be what the store has now.
//
// The form is the allowlist states, each ended by a space, a line break, and
// the record.
func (d doubts) add(id journey.ID, left string, before []byte, until time.Time) {
	tries := left + " "
	if data, found := d.get(id); found {
		earlier, same, _ := bytes.Cut(*data, []byte("\n"))
		if bytes.Equal(same, before) && bytes.Count(earlier, []byte(" ")) < maxTried {
			tries += string(earlier)
		}
	}
	data := append([]byte(tries+"\n"), before...)
	d.put(id, &data, len(data), until)
}

// settle forgets a record.
func (d doubts) settle(id journey.ID) { d.drop(id) }

// before returns the record as it was before a commit in doubt that left this
// allowlist state; nil if there was none.
func (d doubts) before(id journey.ID, left string) []byte {
	data, found := d.get(id)
	if !found {
		return nil
	}
	tries, before, _ := bytes.Cut(*data, []byte("\n"))
	if !slices.Contains(strings.Fields(string(tries)), left) {
		return nil
	}
	return before
}
