package mail

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"sync"

	"github.com/amgate/amgate/journey"
)

// maxAttempts is how many mails are remembered to have been sent. The oldest
// is forgotten first.
const maxAttempts = 4096

// attempts remembers which mails were sent, and which are being sent. The zero
// value is ready.
type attempts struct {
	mu    sync.Mutex
	known map[attemptID]*attempt
	order []attemptID // of those in known, the oldest first
}

// attemptID is a hash of an attempt and of what tells its mails apart.
type attemptID [sha256.Size]byte

// attempt is a mail that is being sent or, once done is closed, was sent.
type attempt struct {
	done chan struct{}
	err  error // once done is closed
}

// once runs send, unless a mail of the same attempt was sent. If one is being
// sent it waits for its end and returns its error. A failure is forgotten.
func (a *attempts) once(ctx context.Context, mail journey.Mail, send func() error) error {
	if mail.Attempt == "" {
		return send()
	}
	id := idOf(mail)
	one, first := a.enter(id)
	if !first {
		select {
		case <-one.done:
			return one.err
		case <-ctx.Done():
			return fmt.Errorf("%w: mail: %w", journey.ErrService, ctx.Err())
		}
	}
	one.err = send()
	if one.err != nil {
		a.forget(id)
	}
	close(one.done)
	return one.err
}

func idOf(mail journey.Mail) attemptID {
	var fields []byte
	for _, field := range []string{mail.Attempt, mail.To, mail.Template, mail.Subject, mail.Text} {
		fields = binary.BigEndian.AppendUint64(fields, uint64(len(field)))
		fields = append(fields, field...)
	}
	return sha256.Sum256(fields)
}

// enter returns the attempt of an id and whether the caller is its first.
func (a *attempts) enter(id attemptID) (one *attempt, first bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if one, ok := a.known[id]; ok {
		return one, false
	}
	if a.known == nil {
		a.known = make(map[attemptID]*attempt)
	}
	one = &attempt{done: make(chan struct{})}
	a.known[id] = one
	if a.order = append(a.order, id); len(a.order) > maxAttempts {
		delete(a.known, a.order[0])
		a.order = a.order[1:]
	}
	return one, true
}

func (a *attempts) forget(id attemptID) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.known, id)
	a.order = slices.DeleteFunc(a.order, func(other attemptID) bool { return other == id })
}
