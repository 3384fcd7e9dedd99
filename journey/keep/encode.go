package keep

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	jsonv1 "github.com/go-json-experiment/json/v1"

	"github.com/amgate/amgate/journey"
)

// Every encoded journey begins with a version; JSON follows. Version 1 was a
// snapshot alone. Later ones have members without which the journey must not
// go on, such as its binding to a browser, so an amgate that does not know
// them has to refuse the journey.
const version = 2

// errVersion says that a journey was kept by a version of amgate that writes
// another form.
var errVersion = errors.New("keep: a journey of an unknown version")

// stored is a journey as it is kept.
type stored struct {
	*journey.Snapshot
	// Mark is not "" where there is no journey (any more).
	Mark mark `json:"mark,omitempty"`
	// First is the journey at its first step, encoded without a version; only
	// where a journey that failed begins again.
	First json.RawMessage `json:"first,omitempty"`

	// The rest is of a journey that its client carries. OTK is that of the
	// authId around it, Opening says that it is at its first step, Latest is
	// the latest deadline that any authId of the journey has had.
	OTK     string    `json:"otk,omitempty"`
	Opening bool      `json:"opening,omitempty"`
	Latest  time.Time `json:"latest,omitzero"`

	// These are of a journey in memory that other nodes may go on with. Epoch
	// counts who had it and what made its earlier checkpoints worthless, Salt is
	// the snapshot's, From, Link, Owner and Holder are as in marking. Left is in the place of the allowlist
	// state where that does not tell the record from others.
	Epoch  int    `json:"epoch,omitempty"`
	Salt   []byte `json:"salt,omitempty"`
	From   string `json:"from,omitempty"`
	Owner  string `json:"owner,omitempty"`
	Holder string `json:"holder,omitempty"`
	Link   string `json:"link,omitempty"`
	Left   string `json:"left,omitempty"`
}

// mark tells what became of a journey, in the place of its state.
type mark string

const (
	// markCurrent says which step of a journey that its client carries may be
	// answered.
	markCurrent mark = "current"
	// markSuspended says that only the journey's link leads on, markResumed
	// that the link was followed.
	markSuspended mark = "suspended"
	markResumed   mark = "resumed"
	markEnded     mark = "ended"
	// markTaken says that the journey is in the memory of a node,
	// markCheckpoint that it is and how it was when it was last answered.
	markTaken      mark = "taken"
	markCheckpoint mark = "checkpoint"
)

// encode turns a journey into bytes that share nothing with it. place says
// what holds no more than limit bytes.
func encode(s *stored, limit int, place string) ([]byte, error) {
	text, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("keep: %w", err)
	}
	if len(text) >= limit {
		return nil, fmt.Errorf("%w: %d bytes, %s holds at most %d", journey.ErrTooLarge, len(text), place, limit)
	}
	return append([]byte{version}, text...), nil
}

// marking is what a record holds that has no journey in it (any more).
type marking struct {
	// Allow tells this mark from all others.
	Allow string
	Mark  mark
	Epoch int
	// From is the allowlist state of the step whose answer brought the journey to
	// its success, or suspended it; then Link is where it lies.
	From, Link string
	// Holder is the table in which the journey is, and Owner the affinity of the
	// node that has taken the journey, or ended it.
	Holder, Owner string
}

// encode writes the members that stored has of the same names. It is written by
// hand because a step that its client carries writes one. None of the texts is a
// client's.
func (m marking) encode() []byte {
	text := append(make([]byte, 0, 256), version)
	text = strconv.AppendQuote(append(text, `{"allow":`...), m.Allow)
	text = strconv.AppendQuote(append(text, `,"mark":`...), string(m.Mark))
	if m.Epoch != 0 {
		text = strconv.AppendInt(append(text, `,"epoch":`...), int64(m.Epoch), 10)
	}
	for _, member := range [...]struct{ name, value string }{
		{`,"from":`, m.From}, {`,"link":`, m.Link}, {`,"holder":`, m.Holder}, {`,"owner":`, m.Owner},
	} {
		if member.value != "" {
			text = strconv.AppendQuote(append(text, member.name...), member.value)
		}
	}
	return append(text, '}')
}

// asWritten reads what encoding/json has written: a duration is a number, and
// two names that were not UTF-8 may have become the same.
var asWritten = jsonv2.JoinOptions(jsonv1.FormatDurationAsNano(true), jsontext.AllowDuplicateNames(true))

func decode(data []byte) (*stored, error) {
	if len(data) == 0 || data[0] < 1 || data[0] > version {
		return nil, errVersion
	}
	s := &stored{Snapshot: new(journey.Snapshot)}
	if err := jsonv2.Unmarshal(data[1:], s, asWritten); err != nil {
		return nil, fmt.Errorf("keep: %w", err)
	}
	return s, nil
}
