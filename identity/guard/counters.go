package guard

import (
	"context"
	"crypto/sha256"
	"errors"
	"slices"
	"time"

	"github.com/amgate/amgate/journey"
)

// maxAttempts is how many attempts a counter remembers: so many others may
// come between one and its repetition.
const maxAttempts = 16

// Counters implements journey.Counters on the CTS.
type Counters struct{ records *records }

var _ journey.Counters = (*Counters)(nil)

// counter is a counter's record.
type counter struct {
	Value    int       `json:"value"`
	Attempts []attempt `json:"attempts,omitempty"` // the last one last
}

// attempt is one that was counted, by a hash of its name, and the value that
// it brought the counter to.
type attempt struct {
	ID    []byte `json:"id"`
	Value int    `json:"value"`
}

// Add implements journey.Counters. An attempt that is repeated, after a commit
// of which nobody knows whether it happened for example, returns the value
// that it had brought the counter to, unless 16 others came between. An
// attempt without a name is counted each time.
func (c *Counters) Add(
	ctx context.Context, userID, name string, n int, ttl time.Duration, attemptName string,
) (int, error) {
	id := attemptID(attemptName)
	var value int
	_, err := update(ctx, c.records, c.records.key(kindCounter, userID, name), nil, func(k *counter) (time.Time, error) {
		if i := k.find(id); i >= 0 {
			value = k.Attempts[i].Value
			return time.Time{}, errSame
		}
		value = k.add(n, id)
		if ttl <= 0 {
			return time.Time{}, nil
		}
		return time.Now().Add(ttl), nil
	})
	if err != nil && !errors.Is(err, errSame) {
		return 0, err
	}
	return value, nil
}

// attemptID is 16 bytes of a hash of an attempt's name; nil for none.
func attemptID(name string) []byte {
	if name == "" {
		return nil
	}
	sum := sha256.Sum256([]byte(name))
	return sum[:16]
}

// find returns where an attempt is remembered, -1 if it is not.
func (c *counter) find(id []byte) int {
	if id == nil {
		return -1
	}
	return slices.IndexFunc(c.Attempts, func(a attempt) bool { return slices.Equal(a.ID, id) })
}

func (c *counter) add(n int, id []byte) int {
	c.Value += n
	if id != nil {
		c.Attempts = append(c.Attempts, attempt{ID: id, Value: c.Value})
		c.Attempts = c.Attempts[max(0, len(c.Attempts)-maxAttempts):]
	}
	return c.Value
}

// Get implements journey.Counters.
func (c *Counters) Get(ctx context.Context, userID, name string) (int, error) {
	h, err := read[counter](ctx, c.records, c.records.key(kindCounter, userID, name))
	return h.value.Value, err
}

// Reset implements journey.Counters.
func (c *Counters) Reset(ctx context.Context, userID, name string) error {
	return c.records.remove(ctx, c.records.key(kindCounter, userID, name))
}
