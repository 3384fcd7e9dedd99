package faultnet_test

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/amgate/amgate/store/storetest/faultnet"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds waits for what is promised to come, moment waits for what
// must not come.
const (
	patience = 20 * time.Second
	moment   = 100 * time.Millisecond
)

// echo answers each line with itself, until the client ends.
func echo(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				_, _ = io.Copy(conn, conn)
			}()
		}
	}()
	return l.Addr().String()
}

type client struct {
	*testing.T
	net.Conn
	in *bufio.Reader
}

func dial(t *testing.T, p *faultnet.Proxy) *client {
	t.Helper()
	conn, err := net.Dial("tcp", p.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &client{t, conn, bufio.NewReader(conn)}
}

func (c *client) say(line string) {
	c.Helper()
	if _, err := io.WriteString(c.Conn, line+"\n"); err != nil {
		c.Fatal(err)
	}
}

func (c *client) hears(want string) {
	c.Helper()
	_ = c.SetReadDeadline(time.Now().Add(patience))
	if got, err := c.in.ReadString('\n'); err != nil || got != want+"\n" {
		c.Fatalf("heard %q, %v; want %q", got, err, want)
	}
}

func (c *client) hearsNothing() {
	c.Helper()
	_ = c.SetReadDeadline(time.Now().Add(moment))
	if got, err := c.in.ReadString('\n'); !errors.Is(err, os.ErrDeadlineExceeded) {
		c.Fatalf("heard %q, %v; want silence", got, err)
	}
}

func (c *client) isReset() {
	c.Helper()
	_ = c.SetReadDeadline(time.Now().Add(patience))
	if _, err := c.in.ReadString('\n'); !errors.Is(err, syscall.ECONNRESET) {
		c.Fatalf("%v, want a reset", err)
	}
}

// refused demands that a new connection is reset, perhaps while it is made.
func refused(t *testing.T, p *faultnet.Proxy) {
	t.Helper()
	conn, err := net.Dial("tcp", p.Addr())
	if err == nil {
		defer conn.Close()
		(&client{t, conn, bufio.NewReader(conn)}).isReset()
	} else if !errors.Is(err, syscall.ECONNRESET) {
		t.Error(err)
	}
}

func TestPassesOn(t *testing.T) {
	c := dial(t, faultnet.Listen(t, echo(t)))
	c.say("one")
	c.hears("one")
	// What ends in one direction ends there alone.
	large := bytes.Repeat([]byte("x"), 1<<20)
	go func() {
		_, _ = c.Write(large)
		_ = c.Conn.(*net.TCPConn).CloseWrite()
	}()
	_ = c.SetReadDeadline(time.Now().Add(patience))
	if got, err := io.ReadAll(c.in); err != nil || !bytes.Equal(got, large) {
		t.Errorf("%d bytes came back, %v", len(got), err)
	}
}

// TestSilence: what a silent network holds back arrives when it speaks again.
func TestSilence(t *testing.T) {
	for name, fault := range map[string]faultnet.Fault{"black hole": faultnet.BlackHole, "half-open": faultnet.HalfOpen} {
		t.Run(name, func(t *testing.T) {
			p := faultnet.Listen(t, echo(t))
			early := dial(t, p)
			early.say("one")
			early.hears("one")
			p.Set(fault)
			late := dial(t, p)
			early.say("two")
			late.say("three")
			early.hearsNothing()
			late.hearsNothing()
			p.Set(faultnet.Fault{})
			early.hears("two")
			late.hears("three")
		})
	}
}

// TestHalfOpenDeliversRequests: the server hears what it cannot answer.
func TestHalfOpenDeliversRequests(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	p := faultnet.Listen(t, l.Addr().String())
	p.Set(faultnet.HalfOpen)
	dial(t, p).say("one")
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	server := &client{t, conn, bufio.NewReader(conn)}
	defer conn.Close()
	server.hears("one")
}

func TestCut(t *testing.T) {
	p := faultnet.Listen(t, echo(t))
	early := dial(t, p)
	early.say("one")
	early.hears("one")
	p.Set(faultnet.Cut)
	early.isReset()
	refused(t, p)
	p.Set(faultnet.Fault{})
	after := dial(t, p)
	after.say("two")
	after.hears("two")
}

func TestSlow(t *testing.T) {
	p := faultnet.Listen(t, echo(t))
	p.Set(faultnet.Slow(moment, moment))
	c := dial(t, p)
	began := time.Now()
	for _, line := range []string{"one", "two", "three"} {
		c.say(line)
	}
	for _, line := range []string{"one", "two", "three"} {
		c.hears(line) // in order, however long each took
	}
	if took := time.Since(began); took < 2*moment {
		t.Errorf("there and back in %v", took)
	}
}

// TestOneClientIsCutOff by what it said first, and no other.
func TestOneClientIsCutOff(t *testing.T) {
	p := faultnet.ListenNamed(t, echo(t), func(head []byte) string {
		name, _, _ := strings.Cut(string(head), "\r\n")
		return name
	})
	hello := func(name string) *client {
		c := dial(t, p)
		c.say(name + "\r\n\r")
		return c
	}
	alice, bob := hello("alice"), hello("bob")
	alice.hears("alice\r")
	bob.hears("bob\r")
	alice.hears("\r")
	bob.hears("\r")
	p.SetFor(func(from string) faultnet.Fault { return faultnet.Fault{Cut: from == "alice"} })
	alice.isReset()
	hello("alice").isReset()
	bob.say("still here")
	bob.hears("still here")
}

func TestServerThatIsAway(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	refused(t, faultnet.Listen(t, l.Addr().String()))
}
