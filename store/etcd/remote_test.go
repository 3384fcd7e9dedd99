package etcd_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/amgate/amgate/store"
	"github.com/amgate/amgate/store/etcd"
	"github.com/amgate/amgate/store/storetest"
	"github.com/amgate/amgate/store/storetest/etcdproc"
)

func TestContractOnAnEtcdProcess(t *testing.T) {
	cluster := etcdproc.Start(t, etcdproc.Options{Members: 1})
	storetest.Run(t, func(t *testing.T) store.Store {
		return newStore(t, etcd.Config{Endpoints: cluster.Endpoints(), Prefix: freshPrefix()})
	})
}

func TestContractOnThreeMembers(t *testing.T) {
	cluster := etcdproc.Start(t, etcdproc.Options{Members: 3})
	storetest.Run(t, func(t *testing.T) store.Store {
		return newStore(t, etcd.Config{Endpoints: cluster.Endpoints(), Prefix: freshPrefix(), Timeout: 10 * time.Second})
	})
}

// TestContractUnderFaults: what was committed while the network failed, whole or
// not at all, and by one alone.
func TestContractUnderFaults(t *testing.T) {
	cluster := etcdproc.Start(t, etcdproc.Options{Members: 1})
	storetest.RunFaults(t, func(t *testing.T) storetest.FaultyStore {
		endpoints, faults := cluster.Behind(t)
		s := newStore(t, etcd.Config{Endpoints: endpoints, Prefix: freshPrefix(), Timeout: 500 * time.Millisecond})
		return storetest.FaultyStore{Store: s, Faults: faults}
	})
}

// unavailable demands that every call says so, comes back, and does not look
// as if its caller had gone.
func unavailable(t *testing.T, s store.Store) {
	t.Helper()
	_, _, freshErr := s.Get(t.Context(), "s/one", store.Fresh)
	_, _, listErr := s.List(t.Context(), "s/", store.Page{})
	_, commitErr := s.Commit(t.Context(), store.Put("s/two", []byte("v"), time.Time{}))
	for name, err := range map[string]error{"get": freshErr, "list": listErr, "commit": commitErr} {
		if !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("%s: %v, want ErrUnavailable", name, err)
		}
		if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: %v looks as if the caller had given up", name, err)
		}
	}
}

// back waits until the store answers again and finds s/one.
func back(t *testing.T, s store.Store) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		r, _, err := s.Get(t.Context(), "s/one", store.Fresh)
		if err == nil {
			if string(r.Value) != "v" {
				t.Errorf("what was acknowledged is %q now", r.Value)
			}
			return
		}
		if !errors.Is(err, store.ErrUnavailable) || time.Now().After(deadline) {
			t.Fatalf("after the outage: %v", err)
		}
	}
}

// TestOutageIsToldAndPassesByItself: an outage must never look like an absent
// session, must not hold up a request for longer than the timeout, and must
// need nobody to reopen anything when it is over.
func TestOutageIsToldAndPassesByItself(t *testing.T) {
	cluster := etcdproc.Start(t, etcdproc.Options{})
	for name, outage := range map[string]struct{ begin, end func(int) }{
		"stopped": {cluster.Stop, cluster.Start},
		"killed":  {cluster.Kill, cluster.Start},
		"frozen":  {cluster.Freeze, cluster.Thaw},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStore(t, etcd.Config{Endpoints: cluster.Endpoints(), Prefix: freshPrefix(), Timeout: 500 * time.Millisecond})
			w, err := s.Watch(t.Context(), 0, "s/", "u/")
			if err != nil {
				t.Fatal(err)
			}
			commit(t, s, store.Put("s/one", []byte("v"), time.Time{}))
			if ev := <-w.Events(); ev.Record.Key != "s/one" {
				t.Fatalf("told %+v", ev)
			}
			outage.begin(0)
			unavailable(t, s)
			if _, err := s.Watch(t.Context(), 0, "s/"); !errors.Is(err, store.ErrUnavailable) {
				t.Errorf("watch: %v, want ErrUnavailable", err)
			}
			outage.end(0)
			back(t, s)
			// The watch goes on without a gap or has ended; it is never just deaf.
			commit(t, s, store.Put("u/two", []byte("after"), time.Time{}))
			for ev := range w.Events() {
				if ev.Record.Key == "u/two" && string(ev.Record.Value) == "after" {
					return
				}
			}
			if err := w.Err(); !errors.Is(err, store.ErrUnavailable) {
				t.Errorf("the watch ended with %v", err)
			}
		})
	}
}

// TestCutOffMemberProvesNothing: a member without the others answers Any from
// what it knows, but nothing that would count as proof.
func TestCutOffMemberProvesNothing(t *testing.T) {
	cluster := etcdproc.Start(t, etcdproc.Options{Members: 3})
	alone := newStore(t, etcd.Config{Endpoints: cluster.Endpoints()[2:], Timeout: time.Second})
	commit(t, alone, store.Put("s/one", []byte("v"), time.Time{}))
	w, err := alone.Watch(t.Context(), 0, "s/", "u/")
	if err != nil {
		t.Fatal(err)
	}
	cluster.Kill(0)
	cluster.Kill(1)
	unavailable(t, alone)
	if r, _, err := alone.Get(t.Context(), "s/one", store.Any); err != nil || string(r.Value) != "v" {
		t.Errorf("any: %q, %v", r.Value, err)
	}
	for ev := range w.Events() { // closes as the member has lost its leader
		if ev.Kind == store.Progress {
			t.Errorf("a cut-off member claims progress: %+v", ev)
		}
	}
	if err := w.Err(); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("the watch ended with %v, want ErrUnavailable", err)
	}
	cluster.Start(0)
	cluster.Start(1)
	back(t, alone)
}

// TestCutOffMemberIsLeft: a member that clients still reach, but the others do
// not, serves nobody for long. Neither reads nor writes fail because of it.
func TestCutOffMemberIsLeft(t *testing.T) {
	t.Parallel()
	cluster := etcdproc.Start(t, etcdproc.Options{Members: 3, Severable: true})
	lonely := (cluster.Leader() + 1) % 3
	alone := newStore(t, etcd.Config{Endpoints: cluster.Endpoints()[lonely : lonely+1], Timeout: 200 * time.Millisecond})
	all := newStore(t, etcd.Config{Endpoints: cluster.Endpoints(), Timeout: 5 * time.Second})
	commit(t, all, store.Put("s/one", []byte("v"), time.Time{}))
	cluster.Isolate(lonely)
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		_, _, err := alone.Get(t.Context(), "s/one", store.Fresh)
		if err != nil && strings.Contains(err.Error(), "no leader") {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the member does not notice: %v", err)
		}
	}
	for i := range 30 { // a third of them goes to the lonely one first
		commit(t, all, store.Put("s/one", fmt.Append(nil, i), time.Time{}))
		if r, _, err := all.Get(t.Context(), "s/one", store.Fresh); err != nil || string(r.Value) != fmt.Sprint(i) {
			t.Fatalf("the %d-th read: %q, %v", i, r.Value, err)
		}
	}
	cluster.Rejoin()
}

// TestOneMemberOfThreeMayGo: the others carry on with all that was acknowledged,
// whichever it is, the leader among them.
func TestOneMemberOfThreeMayGo(t *testing.T) {
	cluster := etcdproc.Start(t, etcdproc.Options{Members: 3})
	s := newStore(t, etcd.Config{Endpoints: cluster.Endpoints(), Timeout: 5 * time.Second})
	commit(t, s, store.Put("s/one", []byte("v"), time.Time{}))
	for i := range 3 {
		cluster.Kill(i)
		back(t, s)
		cluster.Start(i)
	}
}

// TestClusterIsLookedAt: what is amiss with it is told once, with the endpoint
// and what to do; and a new store finds what was amiss before.
func TestClusterIsLookedAt(t *testing.T) {
	one := etcdproc.Start(t, etcdproc.Options{Args: []string{"--quota-backend-bytes=16777216"}})
	other := etcdproc.Start(t, etcdproc.Options{})
	s := newStore(t, etcd.Config{Endpoints: one.Endpoints()})
	for i := 0; ; i++ { // until the alarm
		if _, err := s.Commit(t.Context(), store.Put(store.Key(fmt.Sprint("s/", i)), make([]byte, 1<<20), time.Time{})); err != nil {
			if !errors.Is(err, store.ErrUnavailable) {
				t.Errorf("a full store: %v, want ErrUnavailable", err)
			}
			break
		}
	}
	if _, _, err := s.Get(t.Context(), "s/0", store.Fresh); err != nil {
		t.Errorf("a full store is not read: %v", err)
	}
	const gone = "http://127.0.0.1:1"
	cfg := etcd.Config{Endpoints: append(append(one.Endpoints(), other.Endpoints()...), gone)}
	log := logged(t, &cfg)
	newStore(t, cfg)
	for deadline := time.Now().Add(30 * time.Second); log.Count("level=WARN") < 5; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			break
		}
	}
	wantLogged(t, log,
		`msg="a member of the cluster does not answer" endpoint=`+gone,
		`msg="etcd nears its quota, at which it refuses every write" endpoint=`+one.Endpoints()[0],
		`msg="etcd has reached its quota and refuses every write" endpoint=`+one.Endpoints()[0],
		"the endpoints are of different clusters",
		"the cluster stops when one member does",
	)
	if strings.Contains(log.String(), "auto-compaction seems") {
		t.Errorf("a young cluster is blamed:\n%s", log)
	}
}

// TestHealthyClusterIsNotBlamed: three members of this version, with a user that
// may use its keys alone.
func TestHealthyClusterIsNotBlamed(t *testing.T) {
	cluster := startSecure(t, 3)
	cfg := cluster.config(t)
	log := logged(t, &cfg)
	s := newStore(t, cfg)
	commit(t, s, store.Put("s/one", []byte("v"), time.Time{}))
	if v := s.LookAtCluster(t.Context()); v != "3 members answer, 3 vote, whole true" {
		t.Errorf("seen of the cluster: %s", v)
	}
	if _, err := cluster.Admin().Compact(t.Context(), commit(t, s, store.Put("s/one", []byte("v"), time.Time{}))); err != nil {
		t.Fatal(err)
	}
	if v := s.LookAtCluster(t.Context()); v != "3 members answer, 3 vote, whole false" {
		t.Errorf("seen of the cluster: %s", v)
	}
	if log.String() != "" {
		t.Errorf("logged:\n%s", log)
	}
}
