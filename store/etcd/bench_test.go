package etcd_test

import (
	"fmt"
	"testing"
	"time"

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
