package etcd_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"golang.org/x/sync/errgroup"

	"github.com/amgate/amgate/store"
	"github.com/amgate/amgate/store/etcd"
)

func BenchmarkGet(b *testing.B) {
	client := startEmbedded(b)
	commit(b, newStore(b, etcd.Config{Client: client}), store.Put("s/one", make([]byte, 512), time.Now().Add(time.Hour)))
	for _, of := range []struct {
		name  string
		alone bool
		want  store.Freshness
	}{{"any", false, store.Any}, {"fresh", false, store.Fresh}, {"fresh, alone", true, store.Fresh}} {
		b.Run(of.name, func(b *testing.B) {
			s := newStore(b, etcd.Config{Client: client, Alone: of.alone})
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := s.Get(b.Context(), "s/one", of.want); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkCommit writes what a login does: a session and its index entry.
func BenchmarkCommit(b *testing.B) {
	s := newStore(b, etcd.Config{Client: startEmbedded(b)})
	deadline := time.Now().Add(time.Hour)
	session, entry := make([]byte, 512), make([]byte, 64)
	login := func(n int64) error {
		_, err := s.Commit(b.Context(),
			store.Create(store.Key(fmt.Sprintf("s/%d", n)), session, deadline),
			store.Create(store.Key(fmt.Sprintf("u/x/%d", n)), entry, deadline))
		return err
	}
	b.Run("one after the other", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := login(stores.Add(1)); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("100 at once", func(b *testing.B) {
		b.ReportAllocs()
		b.SetParallelism(50)
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if err := login(stores.Add(1)); err != nil {
					b.Error(err)
				}
			}
		})
	})
}

// BenchmarkCommitAgainstRaw makes logins by Commit and by etcd's own client, in
// turn, 64 at once, and compares their rates: the median of the rounds counts,
// since a machine with other work disturbs some.
func BenchmarkCommitAgainstRaw(b *testing.B) {
	const logins, clients = 2_000, 64
	client := startEmbedded(b)
	s := newStore(b, etcd.Config{Client: client, Prefix: "/am"})
	deadline := time.Now().Add(time.Hour)
	session, entry := make([]byte, 512), make([]byte, 64)
	names := func() (string, string) {
		n := stores.Add(1)
		return fmt.Sprintf("s/%027d", n), fmt.Sprintf("u/x/%027d", n)
	}
	took := func(login func() error) time.Duration {
		var all errgroup.Group
		all.SetLimit(clients)
		began := time.Now()
		for range logins {
			all.Go(login)
		}
		if err := all.Wait(); err != nil {
			b.Fatal(err)
		}
		return time.Since(began)
	}
	var ours, raws, ratios []float64
	for b.Loop() {
		own := took(func() error {
			k, e := names()
			_, err := s.Commit(b.Context(),
				store.Create(store.Key(k), session, deadline), store.Create(store.Key(e), entry, deadline))
			return err
		})
		raw := took(func() error {
			k, e := names()
			resp, err := client.Txn(b.Context()).If(
				clientv3.Compare(clientv3.CreateRevision(k), "=", 0), clientv3.Compare(clientv3.CreateRevision(e), "=", 0),
			).Then(clientv3.OpPut(k, string(session)), clientv3.OpPut(e, string(entry))).Commit()
			if err == nil && !resp.Succeeded {
				err = store.ErrExists
			}
			return err
		})
		ours, raws = append(ours, logins/own.Seconds()), append(raws, logins/raw.Seconds())
		ratios = append(ratios, raw.Seconds()/own.Seconds())
	}
	for name, values := range map[string][]float64{"logins/s": ours, "raw-logins/s": raws, "of-raw": ratios} {
		slices.Sort(values)
		b.ReportMetric(values[len(values)/2], name)
	}
}
