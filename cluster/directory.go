package cluster

import (
	"context"
	"crypto/sha256"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/amgate/amgate/journey/affinity"
	"github.com/amgate/amgate/store"
	"github.com/amgate/amgate/store/sealed"
)

// Lease is how long a node counts without being asked after it wrote its
// record.
const Lease = 6 * time.Second

const (
	// beatInterval is how often a node writes its record.
	beatInterval = 2 * time.Second
	// hold is how long a late node is kept that answers when it is probed.
	hold = 10 * time.Second
	// probeTime bounds a probe.
	probeTime = 2 * time.Second
	// leaveTime bounds how long a node that ends tries to say so.
	leaveTime = time.Second
	// firstHearing bounds how long anybody waits until it is known which nodes
	// there are.
	firstHearing = 2 * time.Second
	// minPause and maxPause are between two tries to write or to watch.
	minPause = 100 * time.Millisecond
	maxPause = 2 * time.Second
)

// Config is what a Directory is made of.
type Config struct {
	Store store.Store
	// Journeys is how many journeys this process has in memory; nil: none.
	Journeys func() int
	// Probe asks a node that has fallen silent whether it serves; nil: such a
	// node is kept until its time is over.
	Probe func(context.Context, Node) error
	// Logger may be nil.
	Logger *slog.Logger
}

// Directory is the nodes as this process knows them. It knows none before Use.
// It is safe for concurrent use. Close it.
type Directory struct {
	cfg  Config
	view atomic.Pointer[View]
	// said is what this node says of itself.
	said statement

	mu      sync.Mutex
	current *part // nil before the first Use
	closed  bool

	// heard is closed by hear, when it is known which nodes there are; late does
	// so when that takes too long.
	heard chan struct{}
	hear  func()
	late  *time.Timer // nil before the first Use
}

// New returns a directory in which nothing happens yet.
func New(cfg Config) *Directory {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Journeys == nil {
		cfg.Journeys = func() int { return 0 }
	}
	d := &Directory{cfg: cfg}
	d.view.Store(NewView(nil))
	d.heard = make(chan struct{})
	d.hear = sync.OnceFunc(func() { close(d.heard) })
	return d
}

// Identity is what a configuration gives to take part in a cluster.
type Identity struct {
	// Key seals the records, Router makes the pins; both are the
	// installation's.
	Key    [32]byte
	Router *affinity.Router
	// Self is this node; one without an address only looks. Journeys and
	// Draining are filled in.
	Self Node
}

// sum tells identities apart.
func (id Identity) sum() [sha256.Size]byte {
	pin := id.Router.Pin(id.Self.Address)
	return sha256.Sum256(append(append(id.Key[:], pin[:]...), written{Node: id.Self}.encode()...))
}

// Use takes part in the cluster as id, until release is called. A later Use
// takes the place of an earlier one; with the same identity nothing changes,
// so that a reload interrupts nothing.
func (d *Directory) Use(id Identity) (release func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	sum := id.sum()
	if d.closed {
		return func() {}
	}
	if d.current == nil || d.current.sum != sum {
		codec, err := sealed.New([]sealed.Key{{ID: keyID, Key: id.Key}})
		if err != nil {
			panic(err) // the key has its length, the id too
		}
		next := &part{
			directory: d, id: id, sum: sum, codec: codec,
			entries: make(map[store.Key]*entry), beatNow: make(chan struct{}, 1), probed: make(chan probed),
		}
		if d.late == nil {
			d.late = time.AfterFunc(firstHearing, d.hear)
		}
		if d.current != nil {
			d.current.end(d.current.id.Self.Address != id.Self.Address)
			next.inherit(d.current)
		}
		d.current = next
		next.start()
	}
	mine := d.current
	mine.users++
	return sync.OnceFunc(func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		if mine.users--; mine.users == 0 && d.current == mine {
			mine.end(true)
			d.current = nil
		}
	})
}

// keyID names the key in the envelope of a record.
const keyID = "cluster1"

// View is the nodes now. It is never nil.
func (d *Directory) View() *View { return d.view.Load() }

// Await is View as soon as this process has heard which nodes there are. Before
// that a View without nodes does not say that there are none: who takes it for
// that lets journeys start again that another node has. It waits only in the
// first two seconds after the first Use, in which the store usually answers,
// and no longer than ctx.
func (d *Directory) Await(ctx context.Context) *View {
	select {
	case <-d.heard:
	case <-ctx.Done():
	}
	return d.View()
}

// Drain says whether this node takes new journeys, and has everybody told. It
// takes back a Leave.
func (d *Directory) Drain(draining bool) { d.say(draining, false) }

// Draining reports whether this node takes no new journeys: because of Drain,
// or of Leave.
func (d *Directory) Draining() bool { return d.said.draining.Load() }

// Leave says that this node has ended, though it goes on serving: everybody
// forgets it, until Drain is called.
func (d *Directory) Leave() { d.say(true, true) }

// say changes what this node says of itself and has it written.
func (d *Directory) say(draining, left bool) {
	d.said.change(draining, left)
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.current != nil {
		d.current.hurry()
	}
}

// Told returns when it is written what Drain or Leave said last, or with the
// error of ctx. What is no node has nothing to write.
func (d *Directory) Told(ctx context.Context) error {
	d.mu.Lock()
	isNode := d.current != nil && d.current.id.Self.Address != ""
	d.mu.Unlock()
	if !isNode {
		return nil
	}
	return d.said.told(ctx)
}

// Close leaves the cluster and tells everybody. The store must still be open.
func (d *Directory) Close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed = true
	if d.late != nil {
		d.late.Stop()
	}
	d.hear()
	if d.current != nil {
		d.current.end(true)
		d.current = nil
	}
}
