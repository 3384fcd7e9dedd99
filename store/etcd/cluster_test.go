package etcd

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/amgate/amgate/logtest"
)

// healthy is a cluster with which nothing is amiss.
func healthy() view {
	v := view{at: time.Now(), voting: 3, revision: 5_000_000, members: make(map[string]told)}
	for _, endpoint := range []string{"https://a:2379", "https://b:2379", "https://c:2379"} {
		v.members[endpoint] = told{StatusResponse: &clientv3.StatusResponse{
			Header: &etcdserverpb.ResponseHeader{ClusterId: 0xabc}, Version: "3.5.13",
			DbSize: 59, DbSizeQuota: 100,
		}}
	}
	return v
}

func TestProblemsOfACluster(t *testing.T) {
	const b = "https://b:2379"
	for name, c := range map[string]struct {
		spoil func(v, since *view)
		// want is a part of the only problem; "" if there is none. where is
		// its endpoint, "" for all of them.
		want, where string
	}{
		"healthy":          {func(_, _ *view) {}, "", ""},
		"newer":            {func(v, _ *view) { v.members[b].Version = "3.10.0-rc.1" }, "", ""},
		"no quota":         {func(v, _ *view) { v.members[b].DbSizeQuota = 0 }, "", ""}, // 3.5 does not tell it
		"members not told": {func(v, _ *view) { v.voting = 0 }, "", ""},
		"old":              {func(v, _ *view) { v.members[b].Version = "3.5.12" }, "too old", b},
		"much older":       {func(v, _ *view) { v.members[b].Version = "3.4.99" }, "too old", b},
		"odd":              {func(v, _ *view) { v.members[b].Version = "odd" }, "too old", b},
		"nearly full":      {func(v, _ *view) { v.members[b].DbSize = 60 }, "nears its quota", b},
		"full": {
			func(v, _ *view) { v.members[b].Errors = []string{"memberID:1 alarm:NOSPACE "} }, "has reached its quota", b,
		},
		"corrupt": {
			func(v, _ *view) { v.members[b].Errors = []string{"memberID:1 alarm:CORRUPT "} }, "different data", b,
		},
		"no leader": {func(v, _ *view) { v.members[b].Errors = []string{"etcdserver: no leader"} }, "is not well", b},
		"gone":      {func(v, _ *view) { v.members[b] = told{err: errors.New("refused")} }, "does not answer", b},
		"foreign":   {func(v, _ *view) { v.members[b].Header.ClusterId = 0xdef }, "different clusters", ""},
		"two":       {func(v, _ *view) { v.voting = 2 }, "stops when one member does", ""},
		"never compacted": {
			func(v, _ *view) { v.whole, v.revision = true, historyLimit+1 }, "auto-compaction", "",
		},
		"nothing to compact yet": {func(v, _ *view) { v.whole, v.revision = true, historyLimit/2 }, "", ""},
		"compaction stands still": {
			func(v, since *view) {
				v.still, since.at, since.revision = true, v.at.Add(-historyTime), v.revision-historyLimit
			}, "auto-compaction", "",
		},
		"compaction is not due": {
			func(v, since *view) {
				v.still, since.at, since.revision = true, v.at.Add(-historyTime/2), v.revision-historyLimit
			}, "", "",
		},
		"little changes": {
			func(v, since *view) {
				v.still, since.at, since.revision = true, v.at.Add(-historyTime), v.revision-1000
			}, "", "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			v := healthy()
			since := healthy()
			c.spoil(&v, &since)
			found := v.problems(since)
			if c.want == "" {
				if len(found) > 0 {
					t.Errorf("found %+v", found)
				}
				return
			}
			where := c.where
			if where == "" {
				where = "https://a:2379 https://b:2379 https://c:2379"
			}
			if len(found) != 1 || !strings.Contains(found[0].what, c.want) || found[0].where != where || found[0].remedy == "" {
				t.Errorf("found %+v, want one with %q at %s", found, c.want, where)
			}
		})
	}
}

// TestClusterIsLookedAtNowAndThen: often until it is reached, every hour then;
// and one that goes on as it was is not written about again.
func TestClusterIsLookedAtNowAndThen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := new(logtest.Log)
		var looks, voting atomic.Int64
		voting.Store(3)
		look := func(context.Context, int64) view {
			if looks.Add(1) <= 10 {
				return view{}
			}
			v := healthy()
			v.voting = int(voting.Load())
			return v
		}
		ctx, cancel := context.WithCancel(t.Context())
		go watchCluster(ctx, look, log.Logger())
		step := func(d time.Duration, wantLooks int64, wantWarnings int) {
			t.Helper()
			before := looks.Load()
			time.Sleep(d)
			synctest.Wait()
			if n := looks.Load() - before; n < wantLooks || n > wantLooks*5/4+1 { // pauses are up to a fifth shorter
				t.Errorf("%d looks in %v, want about %d", n, d, wantLooks)
			}
			if n := log.Count("level=WARN"); n != wantWarnings {
				t.Errorf("%d warnings, want %d:\n%s", n, wantWarnings, log)
			}
		}
		step(5*time.Minute, 11, 0)
		voting.Store(2)
		step(10*time.Hour, 10, 1)
		voting.Store(3)
		step(2*time.Hour, 2, 1)
		voting.Store(2)
		step(10*time.Hour, 10, 2)
		cancel()
		synctest.Wait()
	})
}

// TestStandstillOfCompactionIsFound over many looks, as long as it lasts.
func TestStandstillOfCompactionIsFound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := new(logtest.Log)
		var revision, compacted atomic.Int64
		revision.Store(1_000)
		compacted.Store(1_000)
		look := func(_ context.Context, since int64) view {
			v := healthy()
			v.revision = revision.Add(100_000) // an hour
			v.still = since >= compacted.Load()
			return v
		}
		ctx, cancel := context.WithCancel(t.Context())
		go watchCluster(ctx, look, log.Logger())
		for range 100 { // it keeps a few hours
			time.Sleep(nextLook)
			synctest.Wait()
			compacted.Store(revision.Load() - 300_000)
		}
		if log.String() != "" {
			t.Errorf("blamed although it compacts:\n%s", log)
		}
		time.Sleep(40 * nextLook)
		synctest.Wait()
		if n := log.Count("auto-compaction seems to be off"); n != 1 {
			t.Errorf("%d warnings about compaction, want 1:\n%s", n, log)
		}
		cancel()
		synctest.Wait()
	})
}
