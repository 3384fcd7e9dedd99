// Package faultnet is a network that fails when told to: a TCP proxy for
// tests between a client and a server on loopback. It can delay bytes, hold
// them back in one direction or both, and reset connections.
//
// Toxiproxy does much of that too, with an HTTP API and a metrics server that
// no test here needs; but it cannot tell by whom a connection was made, which
// is what cuts one member of a cluster off from the others.
package faultnet

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"time"
)

const (
	chunkSize = 32 << 10
	// inFlight is how many chunks may be on their way in one direction. A
	// sender that goes on after that is held up, as by a full TCP window.
	inFlight = 64
	// headSize bounds what Options.Name is shown.
	headSize = 4 << 10
)

// Fault is what happens to connections. The zero Fault is a network that
// works.
type Fault struct {
	// Cut resets the connections that there are, and each new one.
	Cut bool
	// Up is the way from client to server, Down the way back.
	Up, Down Way
}

// Way is one direction of a connection.
type Way struct {
	// Silent holds everything back, the end of a connection too, until the
	// fault is over. Then all is delivered, as TCP sends again what a network
	// has dropped. Other than in such a network, connections can be opened:
	// they are accepted, and nothing is answered.
	Silent bool
	// Delay is how long bytes travel, and the end of a connection behind
	// them; Jitter is how much longer at most.
	Delay, Jitter time.Duration
}

// Slow is a Fault in which each way takes delay and up to jitter more.
func Slow(delay, jitter time.Duration) Fault {
	way := Way{Delay: delay, Jitter: jitter}
	return Fault{Up: way, Down: way}
}

// Cut, BlackHole and HalfOpen are the Faults by these names. In the last one
// requests arrive and replies do not.
var (
	Cut       = Fault{Cut: true}
	BlackHole = Fault{Up: Way{Silent: true}, Down: Way{Silent: true}}
	HalfOpen  = Fault{Down: Way{Silent: true}}
)

// Proxy passes connections on. Its methods are safe for concurrent use.
type Proxy struct {
	listener net.Listener
	target   string
	name     func(head []byte) string
	running  sync.WaitGroup

	mu      sync.Mutex
	judge   func(from string) Fault
	changed chan struct{} // closed, and replaced, when judge is
	links   map[*link]struct{}
	closed  bool
}

// Listen returns a proxy on a free port of loopback for a server that need not
// run yet. It ends with the test.
func Listen(tb testing.TB, target string) *Proxy { return ListenNamed(tb, target, nil) }

// ListenNamed is Listen for a proxy that tells connections apart: name returns
// who made one, judging by how the bytes begin that the client sent first, up
// to an empty line. It needs a protocol in which the client speaks first.
func ListenNamed(tb testing.TB, target string, name func(head []byte) string) *Proxy {
	tb.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatalf("faultnet: %v", err)
	}
	p := &Proxy{
		listener: listener, target: target, name: name,
		judge: func(string) Fault { return Fault{} }, changed: make(chan struct{}), links: make(map[*link]struct{}),
	}
	p.running.Go(p.accept)
	tb.Cleanup(p.close)
	return p
}

// Addr is the proxy's host:port.
func (p *Proxy) Addr() string { return p.listener.Addr().String() }

// Set begins a fault for all connections, those under way too. It replaces
// what was set before.
func (p *Proxy) Set(f Fault) { p.SetFor(func(string) Fault { return f }) }

// SetFor is Set with a fault for each name of ListenNamed.
func (p *Proxy) SetFor(judge func(from string) Fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.judge = judge
	close(p.changed)
	p.changed = make(chan struct{})
	for l := range p.links {
		if judge(l.from).Cut {
			l.reset()
		}
	}
}

func (p *Proxy) close() {
	p.mu.Lock()
	p.closed = true
	p.listener.Close()
	for l := range p.links {
		l.reset()
	}
	p.mu.Unlock()
	p.running.Wait()
}

func (p *Proxy) accept() {
	for {
		conn, err := p.listener.Accept()
		if err != nil {
			return
		}
		l := &link{proxy: p, client: conn.(*net.TCPConn), done: make(chan struct{})}
		if !p.add(l) {
			return
		}
		p.running.Go(func() {
			defer p.remove(l)
			l.run()
		})
	}
}

// add takes up a connection, unless the proxy is closed.
func (p *Proxy) add(l *link) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		l.reset()
		return false
	}
	p.links[l] = struct{}{}
	return true
}

func (p *Proxy) remove(l *link) {
	p.mu.Lock()
	defer p.mu.Unlock()
	l.end()
	delete(p.links, l)
}

// drop resets a connection that cannot be passed on.
func (p *Proxy) drop(l *link) {
	p.mu.Lock()
	defer p.mu.Unlock()
	l.reset()
}

// fault is what holds for a name, until changed is closed.
func (p *Proxy) fault(from string) (f Fault, changed <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.judge(from), p.changed
}

// link is one connection of a client.
type link struct {
	proxy  *Proxy
	from   string // guarded by proxy.mu
	client *net.TCPConn
	server *net.TCPConn  // nil before it is dialled; guarded by proxy.mu
	done   chan struct{} // closed by end
	ended  bool          // guarded by proxy.mu
}

// reset ends both connections with a RST, and drops what is on its way.
// proxy.mu is held.
func (l *link) reset() {
	for _, c := range l.conns() {
		_ = c.SetLinger(0) // fails only on a connection that has ended
	}
	l.end()
}

// end closes both connections. proxy.mu is held.
func (l *link) end() {
	if l.ended {
		return
	}
	l.ended = true
	close(l.done)
	for _, c := range l.conns() {
		c.Close()
	}
}

func (l *link) conns() []*net.TCPConn {
	if l.server == nil {
		return []*net.TCPConn{l.client}
	}
	return []*net.TCPConn{l.client, l.server}
}

// run passes bytes on until the connection ends.
func (l *link) run() {
	var head []byte
	var from string
	if l.proxy.name != nil {
		var err error
		if head, err = readHead(l.client); err != nil {
			l.proxy.drop(l)
			return
		}
		from = l.proxy.name(head)
	}
	conn, err := net.Dial("tcp", l.proxy.target)
	if err != nil {
		l.proxy.drop(l)
		return
	}
	server := conn.(*net.TCPConn)
	if !l.begin(from, server) {
		server.Close()
		l.proxy.drop(l)
		return
	}
	var ways sync.WaitGroup
	ways.Go(func() {
		l.pass(server, io.MultiReader(bytes.NewReader(head), l.client), from, func(f Fault) Way { return f.Up })
	})
	ways.Go(func() { l.pass(l.client, server, from, func(f Fault) Way { return f.Down }) })
	ways.Wait()
}

// begin reports whether the connection may be passed on.
func (l *link) begin(from string, server *net.TCPConn) bool {
	p := l.proxy
	p.mu.Lock()
	defer p.mu.Unlock()
	if l.ended || p.judge(from).Cut {
		return false
	}
	l.from, l.server = from, server
	return true
}

// readHead reads up to an empty line or headSize.
func readHead(r io.Reader) ([]byte, error) {
	var head []byte
	for buf := make([]byte, headSize); len(head) < headSize && !bytes.Contains(head, []byte("\r\n\r\n")); {
		n, err := r.Read(buf)
		head = append(head, buf[:n]...)
		if err != nil {
			return head, err
		}
	}
	return head, nil
}

// chunk is bytes on their way; none stand for the end of the connection.
type chunk struct {
	data []byte
	due  time.Time
}

// pass carries bytes one way until that ends. A connection that breaks in one
// way is reset in both.
func (l *link) pass(dst *net.TCPConn, src io.Reader, from string, way func(Fault) Way) {
	chunks := make(chan chunk, inFlight)
	var reading sync.WaitGroup
	defer reading.Wait()
	reading.Go(func() {
		defer close(chunks)
		for {
			buf := make([]byte, chunkSize)
			n, err := src.Read(buf)
			if err != nil && !errors.Is(err, io.EOF) {
				return
			}
			f, _ := l.proxy.fault(from)
			select {
			case chunks <- chunk{buf[:n], time.Now().Add(way(f).travel())}:
			case <-l.done:
				return
			}
			if err != nil {
				return
			}
		}
	})
	for c := range chunks {
		if !l.await(c.due, from, way) {
			break
		}
		if len(c.data) == 0 {
			if dst.CloseWrite() == nil {
				return
			}
			break
		}
		if _, err := dst.Write(c.data); err != nil {
			break
		}
	}
	l.proxy.drop(l)
}

// travel is how long bytes take that set out now.
func (w Way) travel() time.Duration {
	if w.Jitter <= 0 {
		return w.Delay
	}
	var b [8]byte
	rand.Read(b[:]) // never fails since Go 1.24
	return w.Delay + time.Duration(binary.BigEndian.Uint64(b[:])%uint64(w.Jitter))
}

// await returns true when the time has come and the way is open, false when
// the connection has ended.
func (l *link) await(due time.Time, from string, way func(Fault) Way) bool {
	for {
		f, changed := l.proxy.fault(from)
		var arrives <-chan time.Time
		if !way(f).Silent {
			left := time.Until(due)
			if left <= 0 {
				return true
			}
			arrives = time.After(left)
		}
		select {
		case <-arrives:
		case <-changed:
		case <-l.done:
			return false
		}
	}
}
