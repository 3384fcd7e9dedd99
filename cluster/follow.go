package cluster

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/amgate/amgate/store"
)

const (
	// askInterval is how often the watch is asked how far it is: the answer
	// proves that the store is there even when nobody writes.
	askInterval = time.Second
	// silence is how long a watch may say nothing before it is begun anew.
	silence = 10 * time.Second
	// step is by how much the clock moves on at most at one sign of life.
	step = 2 * time.Second
)

// errSilent ends a watch that says nothing.
var errSilent = errors.New("cluster: the watch fell silent")

// clock counts the time during which the store was there to be heard.
type clock struct {
	now  time.Duration
	last time.Time
}

// tick is a sign of life of the store.
func (c *clock) tick() {
	now := time.Now()
	if !c.last.IsZero() {
		c.now += min(now.Sub(c.last), step)
	}
	c.last = now
}

// entry is a node that was heard of.
type entry struct {
	Member
	heard time.Duration // by the clock
	// probing says that it is being asked whether it serves, probed when by the
	// clock it last was.
	probing bool
	probed  time.Duration
}

// probed is what came of a probe.
type probed struct {
	key store.Key
	err error
}

// inherit takes over what an earlier part knew, as if just heard.
func (p *part) inherit(earlier *part) {
	for _, e := range earlier.entries {
		p.enter(e.Node)
	}
	p.publish()
}

// enter takes a node in.
func (p *part) enter(n Node) {
	m := NewMember(p.id.Router, n)
	key := keyOf(m.ranked.Pin)
	if _, known := p.entries[key]; !known {
		p.log().Info("a node is there", "node", n.Name, "address", n.Address)
	}
	p.entries[key] = &entry{Member: m, heard: p.clock.now}
}

// drop takes a node out.
func (p *part) drop(key store.Key, why string) {
	if e, known := p.entries[key]; known {
		p.log().Info("a node is gone", "node", e.Name, "address", e.Address, "why", why)
		delete(p.entries, key)
	}
}

// publish makes what is known the View.
func (p *part) publish() {
	members := make([]Member, 0, len(p.entries))
	for _, e := range p.entries {
		members = append(members, e.Member)
	}
	p.directory.view.Store(NewView(members))
}

// follow watches the records until ctx ends.
func (p *part) follow(ctx context.Context) {
	for pause := minPause; ; pause = min(2*pause, maxPause) {
		began := time.Now()
		err := p.followOnce(ctx)
		if ctx.Err() != nil {
			return
		}
		if time.Since(began) > silence {
			pause = minPause
		}
		p.log().Warn("the directory of nodes is not up to date; it stays as it is meanwhile", "error", err)
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

// followOnce reads all records and follows their changes until the watch ends.
func (p *part) followOnce(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	var asking sync.WaitGroup
	defer asking.Wait()
	defer cancel()
	from, err := p.list(ctx)
	if err != nil {
		return err
	}
	p.publish()
	p.directory.hear()
	w, err := p.directory.cfg.Store.Watch(ctx, from, Prefix)
	if err != nil {
		return err
	}
	asking.Go(func() { keepAsking(ctx, w) })
	quiet := time.NewTimer(silence)
	defer quiet.Stop()
	for {
		select {
		case ev, ok := <-w.Events():
			if !ok {
				return w.Err()
			}
			quiet.Reset(silence)
			p.clock.tick()
			p.apply(ev)
		case result := <-p.probed:
			p.judge(result)
		case <-quiet.C:
			return errSilent
		}
		p.lapse(ctx, &asking)
		p.publish()
	}
}

// keepAsking asks a watch how far it is.
func keepAsking(ctx context.Context, w store.Watcher) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(askInterval):
			_ = w.RequestProgress(ctx) // it is asked again
		}
	}
}

// list reads all records. A node that is known and not among them is not gone
// for that: it may be that nobody could write.
func (p *part) list(ctx context.Context) (from int64, err error) {
	for page := (store.Page{}); ; {
		rs, asOf, err := p.directory.cfg.Store.List(ctx, Prefix, page)
		if err != nil {
			return 0, err
		}
		if from == 0 {
			from = asOf // what changes between two pages is heard again
		}
		if len(rs) == 0 {
			break
		}
		for _, r := range rs {
			p.hear(r)
		}
		page.After = rs[len(rs)-1].Key
	}
	p.clock.tick()
	return from, nil
}

// apply takes over what an event tells. That a record is deleted tells nothing:
// it was swept.
func (p *part) apply(ev store.Event) {
	if ev.Kind == store.Written {
		p.hear(ev.Record)
	}
}

// hear takes over what a node wrote.
func (p *part) hear(r store.Record) {
	plain, err := p.codec.Open(r.Key, r.Value)
	var w written
	if err == nil {
		w, err = decode(plain)
	}
	if err != nil {
		p.log().Warn("a record in the directory of nodes cannot be read and counts for nothing", "key", r.Key, "error", err)
		return
	}
	if w.Left {
		p.drop(r.Key, "it has ended")
		return
	}
	p.enter(w.Node)
}

// lapse looks for nodes that have fallen silent.
func (p *part) lapse(ctx context.Context, probes *sync.WaitGroup) {
	for key, e := range p.entries {
		switch silent := p.clock.now - e.heard; {
		case silent > Lease+hold:
			p.drop(key, "it has fallen silent")
		case silent > Lease && !e.probing && p.clock.now-e.probed >= probeTime && p.directory.cfg.Probe != nil:
			e.probing, e.probed = true, p.clock.now
			node := e.Node
			probes.Go(func() { p.probe(ctx, key, node) })
		}
	}
}

// probe asks a node whether it serves.
func (p *part) probe(ctx context.Context, key store.Key, n Node) {
	asking, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	err := p.directory.cfg.Probe(asking, n)
	select {
	case p.probed <- probed{key, err}:
	case <-ctx.Done():
	}
}

// judge acts on a probe, unless the node was heard of in the meantime.
func (p *part) judge(result probed) {
	e, known := p.entries[result.key]
	if !known || !e.probing {
		return
	}
	e.probing = false
	if result.err != nil {
		p.drop(result.key, "it has fallen silent and does not answer")
	}
}
