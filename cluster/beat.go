package cluster

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/amgate/amgate/store"
	"github.com/amgate/amgate/store/sealed"
)

// part is this process's part in the cluster, under one identity.
type part struct {
	directory *Directory
	id        Identity
	sum       [32]byte
	codec     *sealed.Codec
	users     int // guarded by Directory.mu

	beatNow chan struct{} // holds a token when the record is to be written at once
	stop    context.CancelFunc
	running sync.WaitGroup

	// Only the following goroutine uses these.
	clock   clock
	entries map[store.Key]*entry
	probed  chan probed
}

func (p *part) log() *slog.Logger { return p.directory.cfg.Logger }

func (p *part) start() {
	ctx, stop := context.WithCancel(context.Background())
	p.stop = stop
	if p.id.Self.Address != "" {
		p.running.Go(func() { p.beat(ctx) })
	}
	p.running.Go(func() { p.follow(ctx) })
}

// end stops taking part; a node that leaves says so, unless it has said before
// that it would.
func (p *part) end(leaves bool) {
	p.stop()
	p.running.Wait()
	if _, gone, _ := p.directory.said.now(); leaves && !gone && p.id.Self.Address != "" {
		ctx, cancel := context.WithTimeout(context.Background(), leaveTime)
		defer cancel()
		if err := p.write(ctx, true); err != nil {
			p.log().Warn("the directory of nodes does not know that this node leaves; the others will find out", "error", err)
		}
	}
}

// hurry makes the record be written at once.
func (p *part) hurry() {
	select {
	case p.beatNow <- struct{}{}:
	default:
	}
}

// beat writes this node's record until ctx ends.
func (p *part) beat(ctx context.Context) {
	pause, failing := minPause, false
	for {
		err := p.write(ctx, false)
		if ctx.Err() != nil {
			return
		}
		wait := store.Spread(beatInterval, beatInterval/10)
		if err != nil {
			if !failing {
				p.log().Warn("this node cannot be written into the directory; what is known of it stays as it is meanwhile", "error", err)
			}
			wait, pause = pause, min(2*pause, maxPause)
		} else {
			pause = minPause
		}
		failing = err != nil
		select {
		case <-ctx.Done():
			return
		case <-p.beatNow:
		case <-time.After(wait):
		}
	}
}

// write writes this node's record as it is now; left says that it ends.
func (p *part) write(ctx context.Context, left bool) error {
	self, said := p.id.Self, &p.directory.said
	draining, gone, turn := said.now()
	self.Journeys, self.Draining = p.directory.cfg.Journeys(), draining
	key := keyOf(p.id.Router.Pin(self.Address))
	ctx, cancel := context.WithTimeout(ctx, Lease) // later it is worth nothing
	defer cancel()
	_, err := p.directory.cfg.Store.Commit(ctx,
		store.Put(key, p.codec.Seal(key, written{self, left || gone}.encode()), time.Now().Add(Lease)))
	if err == nil {
		said.wrote(turn)
	}
	return err
}

// statement is what a node says of itself, and how much of it is written. The
// zero value says that it takes part.
type statement struct {
	draining atomic.Bool // changed with mu held

	mu            sync.Mutex
	left          bool
	turn, written int           // of the changes
	news          chan struct{} // closed when written changes; nil if nobody waits
}

// change makes it say something else.
func (s *statement) change(draining, left bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.draining.Store(draining)
	s.left = left
	s.turn++
}

// now is what it says, and since which change.
func (s *statement) now() (draining, left bool, turn int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.draining.Load(), s.left, s.turn
}

// wrote notes that what it said at a change is written.
func (s *statement) wrote(turn int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.written = max(s.written, turn)
	if s.news != nil {
		close(s.news)
		s.news = nil
	}
}

// told waits until what it says now is written.
func (s *statement) told(ctx context.Context) error {
	_, _, turn := s.now()
	for {
		s.mu.Lock()
		done := s.written >= turn
		if !done && s.news == nil {
			s.news = make(chan struct{})
		}
		news := s.news
		s.mu.Unlock()
		if done {
			return nil
		}
		select {
		case <-news:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
