package realmtest

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/amgate/amgate/journey"
)

// Outbox receives the links of journeys that its Node suspends.
type Outbox struct {
	links chan string

	mu      sync.Mutex
	trouble []error
	tried   string
}

// NewOutbox returns one with room for 100 links.
func NewOutbox() *Outbox { return &Outbox{links: make(chan string, 100)} }

// Fail makes the next tries to send a link fail, one with each error.
func (o *Outbox) Fail(errs ...error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.trouble = append(o.trouble, errs...)
}

func (o *Outbox) send(_ context.Context, link string) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.tried = link
	if len(o.trouble) > 0 {
		err := o.trouble[0]
		o.trouble = o.trouble[1:]
		return fmt.Errorf("%s: %w", link, err) // as nodes should not
	}
	o.links <- link
	return nil
}

// Tried is the suspendedId of the link that was last tried to be sent.
func (o *Outbox) Tried() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	_, id, _ := strings.Cut(o.tried, "suspendedId=")
	return id
}

// Link is the next link that was sent. It waits for it.
func (o *Outbox) Link(tb testing.TB) *url.URL {
	tb.Helper()
	select {
	case link := <-o.links:
		u, err := url.Parse(link)
		if err != nil {
			tb.Fatal(err)
		}
		return u
	case <-tb.Context().Done():
	case <-time.After(time.Minute):
	}
	tb.Fatal("no link was sent")
	return nil
}

// Empty reports whether no link waits to be fetched.
func (o *Outbox) Empty() bool { return len(o.links) == 0 }

// Node is a node that suspends the journey for d, 0 being the realm's bound,
// and leaves by the outcome "outcome" when its link is followed.
func (o *Outbox) Node(d time.Duration) journey.Node { return &suspending{o, d} }

type suspending struct {
	outbox   *Outbox
	duration time.Duration
}

var (
	_ journey.Node     = (*suspending)(nil)
	_ journey.Requirer = (*suspending)(nil)
)

func (n *suspending) Process(_ context.Context, in *journey.Input) (journey.Action, error) {
	if in.Resumed {
		return journey.Goto("outcome"), nil
	}
	return journey.Suspend("Look into your mail", n.duration, n.outbox.send), nil
}

func (*suspending) Outcomes() []string { return []string{"outcome"} }

func (*suspending) Needs() []journey.Need { return []journey.Need{{Kind: journey.NeedBaseURL}} }
