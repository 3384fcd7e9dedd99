package bench

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/amgate/amgate/identity"
	"github.com/amgate/amgate/journey/keep"
	"github.com/amgate/amgate/journey/nodes"
	"github.com/amgate/amgate/realm"
	"github.com/amgate/amgate/realm/realmtest"
	"github.com/amgate/amgate/rest"
	"github.com/amgate/amgate/session"
	"github.com/amgate/amgate/store"
	"github.com/amgate/amgate/store/cache"
	"github.com/amgate/amgate/store/etcd"
	"github.com/amgate/amgate/store/sealed"
	"github.com/amgate/amgate/token"
	"github.com/amgate/amgate/web"
)

// BenchmarkSessionsPage searches the Sessions page for users of whom this node
// has seen nothing, in an embedded etcd with so many sessions, one a user, as
// -sessions says, which are put into large transactions: a login at a time would
// take all day. Run it with -benchtime 1000x.
func BenchmarkSessionsPage(b *testing.B) {
	many := max(*loaded, 10_000)
	st := openEmbedded(b)
	asked := &reading{Store: st}
	front := newFront(b, asked)
	began := time.Now()
	fill(b, st, many)
	filled := time.Since(began)
	admin := tokenOf(b, front, "/", "boss")
	console := web.NewConsole(front)

	search := func(user string) time.Duration {
		r := httptest.NewRequestWithContext(b.Context(), http.MethodGet, "/am/console/realms/alpha/sessions?user="+url.QueryEscape(user), nil)
		r.AddCookie(&http.Cookie{Name: realm.DefaultCookie, Value: admin})
		w := httptest.NewRecorder()
		began := time.Now()
		console.ServeHTTP(w, r)
		took := time.Since(began)
		if n := strings.Count(w.Body.String(), "<code>shandle:"); w.Code != http.StatusOK || n != 1 {
			b.Fatalf("%s: %d, %d sessions\n%s", user, w.Code, n, w.Body)
		}
		return took
	}
	search(grantOf(0).UserID)
	asked.reads.Store(0)
	var took []time.Duration
	for b.Loop() {
		// Far apart, each a user who was not asked for before.
		took = append(took, search(grantOf(1+len(took)*7919%(many-1)).UserID))
	}
	percentiles(b, took, "search")
	b.ReportMetric(float64(asked.reads.Load())/float64(len(took)), "reads/search")
	b.ReportMetric(filled.Seconds(), "fill-s")
	b.ReportMetric(0, "ns/op")
}

// crowd are people of any name, each with the password "password"; boss is an
// administrator.
type crowd struct{}

func (crowd) ByName(_ context.Context, name string) (*identity.User, error) {
	u := &identity.User{ID: name, Username: name, Active: true, HasPassword: true, Roles: []string{"staff"}}
	if name == "boss" {
		u.Roles = []string{realm.RoleAdmin}
	}
	return u, nil
}

func (c crowd) ByID(ctx context.Context, id string) (*identity.User, error) { return c.ByName(ctx, id) }

func (c crowd) Authenticate(ctx context.Context, name, password string) (*identity.User, error) {
	if password != "password" {
		return nil, identity.ErrCredentials
	}
	return c.ByName(ctx, name)
}

// newFront starts the realms / and /alpha on a store, with a cache.
func newFront(b *testing.B, st store.Store) realm.Front {
	b.Helper()
	log := slog.New(slog.DiscardHandler)
	cached, err := cache.New(st, cache.Config{Node: "bench", Prefixes: []store.Key{"s/"}})
	must(b, err)
	b.Cleanup(cached.Close)
	access := session.NewAccess(session.AccessConfig{Store: cached, Logger: log})
	b.Cleanup(access.Close)
	var realms []realm.Settings
	for _, path := range []string{"/", "/alpha"} {
		realms = append(realms, realm.Settings{
			Path: path, Users: crowd{}, Journeys: realmtest.Journeys(nodes.Login()), JourneySessions: realm.JourneysInMemory,
			SigningKeys: []token.Secret{secret(b)},
		})
	}
	set, err := realm.New(realm.Config{Realms: realmtest.Complete(realms...), Base: realmtest.Base, Logger: log})
	must(b, err)
	b.Cleanup(set.Close)
	must(b, set.Start(b.Context(), realm.Backend{
		Store: cached, Access: access, Journeys: keep.NewTable(keep.TableConfig{}), SigningKeys: []token.Secret{secret(b)},
	}))
	return realm.Front{
		Realms: set, Base: realmtest.Base, Logger: log,
		ClientIP: func(*http.Request) netip.Addr { return netip.MustParseAddr("192.0.2.1") },
	}
}

// tokenOf signs a user in to a realm.
func tokenOf(b *testing.B, front realm.Front, path, name string) string {
	b.Helper()
	r := httptest.NewRequestWithContext(b.Context(), http.MethodPost, "/am/json/authenticate?realm="+path, nil)
	r.Header.Set("X-OpenAM-Username", name)
	r.Header.Set("X-OpenAM-Password", "password")
	w := httptest.NewRecorder()
	rest.New(front).ServeHTTP(w, r)
	cookies := w.Result().Cookies()
	i := slices.IndexFunc(cookies, func(c *http.Cookie) bool { return c.Name == realm.DefaultCookie })
	if i < 0 {
		b.Fatalf("%s cannot sign in: %d %s", name, w.Code, w.Body)
	}
	return cookies[i].Value
}

// fill makes sessions in /alpha, one for each of so many users, as the realms
// of newFront do.
func fill(b *testing.B, st *etcd.Store, many int) {
	b.Helper()
	to := &gathering{Store: st}
	to.commits.SetLimit(8)
	access := session.NewAccess(session.AccessConfig{Store: st, Logger: slog.New(slog.DiscardHandler)})
	defer access.Close()
	manager := session.NewManager(session.Config{
		Store: to, Keys: ringOf(b, st), Access: access, Logger: slog.New(slog.DiscardHandler),
	})
	for n := range many {
		_, _, err := manager.Issue(b.Context(), grantOf(n))
		must(b, err)
	}
	must(b, to.flush())
}

// ringOf reads the keys of the installation that newFront set up.
func ringOf(b *testing.B, st store.Store) *token.Ring {
	b.Helper()
	const key store.Key = "k/installation"
	rec, _, err := st.Get(b.Context(), key, store.Fresh)
	must(b, err)
	codec, err := sealed.New([]sealed.Key{{ID: secret(b).ID(), Key: token.DeriveRoot(secret(b), "seal k/")}})
	must(b, err)
	installation, err := codec.Open(key, rec.Value)
	must(b, err)
	all := []token.Secret{secret(b)}
	ring, err := token.NewRing(installation, all, map[string][]token.Secret{"/": all, "/alpha": all})
	must(b, err)
	return ring
}

// secret is the root secret, and that of both realms.
func secret(b *testing.B) token.Secret {
	b.Helper()
	s, err := token.NewSecret(bytes.Repeat([]byte("s"), 32))
	must(b, err)
	return s
}

// gathering puts the operations of many commits into one. It says that they
// happened before they have.
type gathering struct {
	store.Store
	ops     []store.Op
	commits errgroup.Group
}

func (g *gathering) Commit(ctx context.Context, ops ...store.Op) (int64, error) {
	if len(g.ops)+len(ops) > store.MaxOps {
		full := g.ops
		g.ops = nil
		g.commits.Go(func() error {
			_, err := g.Store.Commit(context.WithoutCancel(ctx), full...)
			return err
		})
	}
	g.ops = append(g.ops, ops...)
	return 1, nil
}

// flush waits until all has happened.
func (g *gathering) flush() error {
	err := g.commits.Wait()
	_, last := g.Store.Commit(context.Background(), g.ops...)
	return errors.Join(err, last)
}

// reading counts reads of records and lists.
type reading struct {
	store.Store
	reads atomic.Int64
}

func (r *reading) Get(ctx context.Context, k store.Key, want store.Freshness) (store.Record, int64, error) {
	r.reads.Add(1)
	return r.Store.Get(ctx, k, want)
}

func (r *reading) List(ctx context.Context, prefix store.Key, page store.Page) ([]store.Record, int64, error) {
	r.reads.Add(1)
	return r.Store.List(ctx, prefix, page)
}
