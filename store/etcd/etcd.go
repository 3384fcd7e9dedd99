// Package etcd keeps records in etcd, so that many processes share them. It
// works against a remote cluster by endpoints and against a server in this
// process (package embedded) by that server's client.
//
// No record has a lease: its deadline lies in its value, each reader judges
// it, and whoever sweeps does it with Commit. A commit is one etcd
// transaction, and only one that creates over an expired record takes a
// second. Revisions are etcd's own, shared with whatever else lives there.
package etcd

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/amgate/amgate/store"
)

// defaultTimeout is how long a call waits for etcd unless Config says
// otherwise.
const defaultTimeout = 2 * time.Second

// Config says where the records are.
type Config struct {
	// Client is one of an etcd in this process, which somebody else closes,
	// after the Store. Without one, the Store makes its own for Endpoints.
	Client *clientv3.Client
	// Alone says that the etcd of Client has no other member. It answers a write
	// when it has applied it, so what it knows is all there is: a Fresh read
	// need not ask first whether it still leads.
	Alone bool
	// Endpoints are the members' client URLs, all of them https or all http.
	Endpoints []string
	// TLS is for https endpoints. nil: the system's authorities are trusted,
	// and no certificate is shown.
	TLS *TLS
	// User is who the store is for an etcd that asks its clients for a
	// password. Empty: nobody, or whom the client certificate names.
	User string
	// Password returns the user's password. It is called for each login, so
	// that a new one needs no restart and none is kept in memory that a log
	// could show.
	Password func() (string, error)
	// Prefix comes before every key, with a slash between them, so that one
	// cluster can serve several installations. Empty: keys are as they are.
	Prefix string
	// Timeout bounds each call to etcd. 0: 2 s.
	Timeout time.Duration
	// Logger is told of records that cannot be read, of faults that do not
	// pass by themselves, and of what is amiss with the cluster. nil: nobody is.
	Logger *slog.Logger
}

// Store is a store.Store in etcd. Make one with New.
type Store struct {
	client  *clientv3.Client
	owned   bool // whether Close closes the client
	alone   bool
	prefix  string
	timeout time.Duration
	log     *slog.Logger

	troubles troubles

	// inUse is held for reading by every call, for writing by Close: so it
	// waits for the calls, and those that come later find closed.
	inUse    sync.RWMutex
	closed   bool
	closing  context.Context // ends when Close begins; ends the watches
	end      context.CancelFunc
	watchers sync.WaitGroup
	watches  atomic.Uint64 // numbers the watches, see Watch
}

var _ store.Store = (*Store)(nil)

// errClosed is what a closed store answers.
var errClosed = fmt.Errorf("etcd: %w: the store is closed", store.ErrUnavailable)

// New returns a store. It does not wait for etcd: a cluster that is away
// makes calls fail with store.ErrUnavailable until it is back.
func New(cfg Config) (*Store, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("etcd: %w", err)
	}
	s := &Store{client: cfg.Client, alone: cfg.Alone, timeout: cfg.Timeout, log: cfg.Logger}
	if s.timeout <= 0 {
		s.timeout = defaultTimeout
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if p := strings.TrimSuffix(cfg.Prefix, "/"); p != "" {
		s.prefix = p + "/"
	}
	s.troubles.log, s.troubles.inside = s.log, cfg.Client != nil
	s.closing, s.end = context.WithCancel(context.Background())
	if s.client == nil {
		client, err := s.dial(cfg)
		if err != nil {
			return nil, fmt.Errorf("etcd: %w", err)
		}
		s.client, s.owned = client, true
		if cfg.Logger != nil {
			s.watchers.Go(func() { watchCluster(s.closing, s.look, s.log) })
		}
	}
	return s, nil
}

// Close ends the watches, waits for them and for the calls under way, at
// most about the timeout, and closes the client if it is the store's own.
// Later calls fail with store.ErrUnavailable. It may be called twice.
func (s *Store) Close() error {
	s.end()
	s.inUse.Lock()
	again := s.closed
	s.closed = true
	s.inUse.Unlock()
	s.watchers.Wait()
	if again || !s.owned {
		return nil
	}
	if err := s.client.Close(); err != nil {
		return fmt.Errorf("etcd: close: %w", err)
	}
	return nil
}

// enter begins a call: it bounds the context and holds off Close until leave
// is called. An error is ready to be returned and wants no leave.
func (s *Store) enter(ctx context.Context) (bounded context.Context, leave func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, nil, s.fault(ctx, err)
	}
	s.inUse.RLock()
	if s.closed {
		s.inUse.RUnlock()
		return nil, nil, errClosed
	}
	bounded, cancel := context.WithTimeout(ctx, s.timeout)
	return bounded, func() { cancel(); s.inUse.RUnlock() }, nil
}

// name is the etcd key of a record.
func (s *Store) name(k store.Key) string { return s.prefix + string(k) }

// below is the range of etcd keys under a prefix, in the form that etcd's
// range ends have: a pair of zero bytes stands for everything.
func (s *Store) below(prefix store.Key) (begin, end string) {
	begin = s.name(prefix)
	if begin == "" {
		return "\x00", "\x00"
	}
	return begin, clientv3.GetPrefixRangeEnd(begin)
}
