package etcd_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/amgate/amgate/logtest"
	"github.com/amgate/amgate/store"
	"github.com/amgate/amgate/store/etcd"
	"github.com/amgate/amgate/store/storetest"
	"github.com/amgate/amgate/store/storetest/etcdproc"
)

// rootPassword and userPassword must show up nowhere.
const (
	rootPassword = "the-password-of-root"
	userPassword = "the-password-of-am"
)

// secureCluster is one that lets in nobody without a certificate and a
// password.
type secureCluster struct {
	*etcdproc.Cluster
	authority *etcdproc.Authority
}

func startSecure(t *testing.T, members int, args ...string) secureCluster {
	t.Helper()
	c := secureCluster{authority: etcdproc.NewAuthority(t)}
	c.Cluster = etcdproc.Start(t, etcdproc.Options{Members: members, Args: args, Authority: c.authority, Root: rootPassword})
	c.AddUser("am", userPassword, "/am")
	return c
}

// config is what a store needs that the cluster lets in.
func (c secureCluster) config(t *testing.T) etcd.Config {
	t.Helper()
	cert := c.authority.Issue(t, "amgate", time.Hour)
	return etcd.Config{
		Endpoints: c.Endpoints(), Prefix: "/am" + freshPrefix(), Timeout: 2 * time.Second,
		TLS:  &etcd.TLS{CA: c.authority.File, Certificate: cert.File, Key: cert.Key},
		User: "am", Password: password(userPassword),
	}
}

func password(text string) func() (string, error) {
	return func() (string, error) { return text, nil }
}

// logged lets a test read the log of a store, and sees to it that no password
// gets there.
func logged(t *testing.T, cfg *etcd.Config) *logtest.Log {
	t.Helper()
	log := new(logtest.Log)
	cfg.Logger = log.Logger()
	t.Cleanup(func() {
		for _, secret := range []string{rootPassword, userPassword} {
			if strings.Contains(log.String(), secret) {
				t.Errorf("the log holds a password:\n%s", log)
			}
		}
	})
	return log
}

// wantLogged demands that each text stands in the log once.
func wantLogged(t *testing.T, log *logtest.Log, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if n := log.Count(text); n != 1 {
			t.Errorf("%q is logged %d times, want once:\n%s", text, n, log)
		}
	}
}

// unwatchable demands that a watch ends, and says so.
func unwatchable(t *testing.T, s store.Store) {
	t.Helper()
	w, err := s.Watch(t.Context(), 0, "s/")
	if err == nil {
		for ev := range w.Events() {
			t.Errorf("told %+v", ev)
		}
		err = w.Err()
	}
	if !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("watch: %v, want ErrUnavailable", err)
	}
}

func TestContractOverTLSAsAUser(t *testing.T) {
	cluster := startSecure(t, 1)
	storetest.Run(t, func(t *testing.T) store.Store { return newStore(t, cluster.config(t)) })
}

// TestCertificatesThatAreNotAccepted: each way is an outage that the log
// explains once, and ends when the files are put right.
func TestCertificatesThatAreNotAccepted(t *testing.T) {
	t.Parallel()
	cluster := startSecure(t, 1)
	foreign := etcdproc.NewAuthority(t)
	for name, spoil := range map[string]func(*testing.T, *etcd.TLS){
		"a foreign authority": func(_ *testing.T, files *etcd.TLS) { files.CA = foreign.File },
		"a foreign client": func(t *testing.T, files *etcd.TLS) {
			c := foreign.Issue(t, "amgate", time.Hour)
			files.Certificate, files.Key = c.File, c.Key
		},
		"an expired client": func(t *testing.T, files *etcd.TLS) {
			c := cluster.authority.Issue(t, "expired", -time.Hour)
			files.Certificate, files.Key = c.File, c.Key
		},
		"no client certificate": func(_ *testing.T, files *etcd.TLS) { files.Certificate, files.Key = "", "" },
		"another server name":   func(_ *testing.T, files *etcd.TLS) { files.ServerName = "etcd.example.com" },
	} {
		t.Run(name, func(t *testing.T) {
			cfg := cluster.config(t)
			cfg.Timeout = 500 * time.Millisecond
			log := logged(t, &cfg)
			spoil(t, cfg.TLS)
			s := newStore(t, cfg)
			unwatchable(t, s)
			const told = "the store and etcd do not accept each other's certificates"
			// What a member has against a certificate may be lost with the
			// connection that it cuts; it says so again on the next.
			for deadline := time.Now().Add(30 * time.Second); log.Count(told) == 0 && time.Now().Before(deadline); {
				unavailable(t, s)
			}
			unavailable(t, s)
			wantLogged(t, log, told)
		})
	}
}

// TestCertificatesAreRenewedInPlace: what reads the new files is the next
// connection; nobody restarts anything, and half a renewal ends nothing.
func TestCertificatesAreRenewedInPlace(t *testing.T) {
	t.Parallel()
	cluster := startSecure(t, 1)
	cfg := cluster.config(t)
	old := cluster.authority.Issue(t, "renewed", -time.Hour)
	cfg.TLS.Certificate, cfg.TLS.Key = old.File, old.Key
	log := logged(t, &cfg)
	s := newStore(t, cfg)
	unavailable(t, s)
	cluster.authority.Issue(t, "renewed", time.Hour) // into the same files
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		_, err := s.Commit(t.Context(), store.Put("s/one", []byte("v"), time.Time{}))
		if err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
	if err := os.Remove(old.Key); err != nil {
		t.Fatal(err)
	}
	cluster.Stop(0)
	cluster.Start(0)
	back(t, s)
	wantLogged(t, log, "they cannot be read")
}

// TestWrongPassword: the user's fault is an outage to all callers, told once,
// and one that passes when the password is right.
func TestWrongPassword(t *testing.T) {
	cluster := startSecure(t, 1)
	cfg := cluster.config(t)
	log := logged(t, &cfg)
	var mine atomic.Pointer[string]
	wrong, right := "wrong", userPassword
	mine.Store(&wrong)
	cfg.Password = func() (string, error) { return *mine.Load(), nil }
	s := newStore(t, cfg)
	unavailable(t, s)
	unwatchable(t, s)
	wantLogged(t, log, "etcd refuses the store's user or its password")

	empty := ""
	mine.Store(&empty)
	time.Sleep(time.Second) // for so long the refusal stands
	unavailable(t, s)
	wantLogged(t, log, "the password of etcd's user cannot be read")

	mine.Store(&right)
	commit(t, s, store.Put("s/one", []byte("v"), time.Time{}))
	back(t, s)
}

// TestStoreWithoutAUser: it is whom its certificate names, who may do nothing
// here, or nobody.
func TestStoreWithoutAUser(t *testing.T) {
	for name, c := range map[string]struct {
		cfg  func(*testing.T) etcd.Config
		want string
	}{
		"with a certificate": {
			func(t *testing.T) etcd.Config {
				cfg := startSecure(t, 1).config(t)
				cfg.User, cfg.Password = "", nil
				return cfg
			},
			"etcd does not permit the store's user to use its keys",
		},
		"without": {
			func(t *testing.T) etcd.Config {
				return etcd.Config{Endpoints: etcdproc.Start(t, etcdproc.Options{Root: rootPassword}).Endpoints()}
			},
			"etcd wants to know who the store is",
		},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := c.cfg(t)
			log := logged(t, &cfg)
			unavailable(t, newStore(t, cfg))
			wantLogged(t, log, c.want)
		})
	}
}

// TestCertificateNamesTheUser: then there is no password that could be lost.
func TestCertificateNamesTheUser(t *testing.T) {
	cluster := startSecure(t, 1)
	admin := cluster.Admin()
	_, addErr := admin.UserAddWithOptions(t.Context(), "amgate", "", &clientv3.UserAddOptions{NoPassword: true})
	_, grantErr := admin.UserGrantRole(t.Context(), "amgate", "am")
	if err := errors.Join(addErr, grantErr); err != nil {
		t.Fatal(err)
	}
	cfg := cluster.config(t) // its certificate is made out to amgate
	cfg.User, cfg.Password = "", nil
	s := newStore(t, cfg)
	commit(t, s, store.Put("s/one", []byte("v"), time.Time{}))
	back(t, s)
}

// TestRevokedPermission: to be kept from a key is no proof that nothing is there.
func TestRevokedPermission(t *testing.T) {
	cluster := startSecure(t, 1)
	cfg := cluster.config(t)
	log := logged(t, &cfg)
	s := newStore(t, cfg)
	commit(t, s, store.Put("s/one", []byte("v"), time.Time{}))
	back(t, s)
	if _, err := cluster.Admin().UserRevokeRole(t.Context(), "am", "am"); err != nil {
		t.Fatal(err)
	}
	unavailable(t, s)
	if _, _, err := s.Get(t.Context(), "s/one", store.Any); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("any: %v, want ErrUnavailable", err)
	}
	unwatchable(t, s)
	wantLogged(t, log, "etcd does not permit the store's user to use its keys")
	if _, err := cluster.Admin().UserGrantRole(t.Context(), "am", "am"); err != nil {
		t.Fatal(err)
	}
	back(t, s)
}

// TestTokensExpire: etcd forgets a token that was not used for its lifetime, and
// all of them when a member starts. Nobody may notice, a writer included.
func TestTokensExpire(t *testing.T) {
	t.Parallel()
	cluster := startSecure(t, 1, "--auth-token-ttl=1")
	cfg := cluster.config(t)
	cfg.Timeout = 5 * time.Second
	s := newStore(t, cfg)
	commit(t, s, store.Put("s/one", []byte("v"), time.Time{}))
	time.Sleep(2500 * time.Millisecond) // etcd looks each second
	commit(t, s, store.Put("s/two", []byte("v"), time.Time{}))
	time.Sleep(2500 * time.Millisecond)
	w, err := s.Watch(t.Context(), 0, "s/", "u/")
	if err != nil {
		t.Fatal(err)
	}
	cluster.Stop(0)
	cluster.Start(0)
	back(t, s)
	commit(t, s, store.Put("u/two", []byte("after"), time.Time{}))
	for ev := range w.Events() { // it goes on without a gap or has ended
		if ev.Record.Key == "u/two" {
			return
		}
	}
	if err := w.Err(); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("the watch ended with %v", err)
	}
}

// TestStartWithoutTheCluster: a store whose cluster is away starts all the same,
// with a user to log in as too, and works as soon as etcd does.
func TestStartWithoutTheCluster(t *testing.T) {
	t.Parallel()
	cluster := startSecure(t, 1)
	cfg := cluster.config(t)
	cfg.Timeout = 500 * time.Millisecond
	commit(t, newStore(t, cfg), store.Put("s/one", []byte("v"), time.Time{}))
	for name, outage := range map[string]struct{ begin, end func(int) }{
		"stopped": {cluster.Stop, cluster.Start},
		"frozen":  {cluster.Freeze, cluster.Thaw},
	} {
		t.Run(name, func(t *testing.T) {
			outage.begin(0)
			s := newStore(t, cfg)
			unavailable(t, s)
			outage.end(0)
			back(t, s)
		})
	}
}

// TestThreeSecureMembers: whichever goes, the others know the user, its token
// included.
func TestThreeSecureMembers(t *testing.T) {
	t.Parallel()
	cluster := startSecure(t, 3)
	cfg := cluster.config(t)
	cfg.Timeout = 5 * time.Second
	s := newStore(t, cfg)
	commit(t, s, store.Put("s/one", []byte("v"), time.Time{}))
	for i := range 3 {
		cluster.Kill(i)
		back(t, s)
		cluster.Start(i)
	}
}

// TestReasonIsTold: that time ran out is not all that is known.
func TestReasonIsTold(t *testing.T) {
	s := newStore(t, etcd.Config{Endpoints: []string{"http://127.0.0.1:1"}, Timeout: 200 * time.Millisecond})
	_, _, err := s.Get(t.Context(), "s/one", store.Fresh)
	if !errors.Is(err, store.ErrUnavailable) || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("%v, want the reason", err)
	}
	if errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v looks as if the caller had given up", err)
	}
}
