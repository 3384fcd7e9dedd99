package rest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"

	"github.com/amgate/amgate/identity/file"
	"github.com/amgate/amgate/identity/password"
	"github.com/amgate/amgate/journey"
	"github.com/amgate/amgate/journey/keep"
	"github.com/amgate/amgate/journey/nodes"
	"github.com/amgate/amgate/realm"
	"github.com/amgate/amgate/session"
	"github.com/amgate/amgate/store"
	"github.com/amgate/amgate/store/memory"
	"github.com/amgate/amgate/token"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	alpha      = "/am/json/realms/root/realms/alpha/authenticate"
	cookieName = realm.DefaultCookie
)

// users has bjensen with the password Ch4ng31t, as AM's documents do; hashed
// with parameters that cost nothing.
const users = `{"users":[{"username":"bjensen","password":"$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHRzYWx0c2FsdA$HASH","roles":["staff"]}]}`

// discard is for tests that do not look at the log.
var discard = slog.New(slog.DiscardHandler)

// site is the API over a real Set, on a store that can be made to fail.
type site struct {
	*API
	set   *realm.Set
	store *faulty
	logs  *logs
}

// logs is a buffer that the goroutines of the Set may write to.
type logs struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// faulty is a store that counts, and does not answer while it is down.
type faulty struct {
	store.Store
	down          atomic.Bool
	gets, commits atomic.Int64
}

func (f *faulty) fault() error {
	if f.down.Load() {
		return fmt.Errorf("%w: https://internal:2379", store.ErrUnavailable)
	}
	return nil
}

func (f *faulty) Get(ctx context.Context, k store.Key, want store.Freshness) (store.Record, int64, error) {
	f.gets.Add(1)
	if err := f.fault(); err != nil {
		return store.Record{}, 0, err
	}
	return f.Store.Get(ctx, k, want)
}

func (f *faulty) Commit(ctx context.Context, ops ...store.Op) (int64, error) {
	f.commits.Add(1)
	if err := f.fault(); err != nil {
		return 0, err
	}
	return f.Store.Commit(ctx, ops...)
}

// withNode adds a journey Spy of one node to the realm /alpha.
func withNode(n journey.Node) func(*realm.Settings) {
	return func(s *realm.Settings) {
		s.Journeys["Spy"] = &journey.Tree{Name: "Spy", Entry: "spy", Nodes: map[string]*journey.Placed{
			"spy": {ID: "spy", Type: "Spy", Node: n, Next: map[string]string{"outcome": journey.Failure}},
		}}
	}
}
