package etcdproc_test

import (
	"context"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/goleak"
	"go.uber.org/zap"

	"github.com/amgate/amgate/store/storetest/etcdproc"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestIsolatedMemberAnswersWhatItKnew: a member that is cut off answers
// serializable reads from before, no linearizable ones, and catches up.
func TestIsolatedMemberAnswersWhatItKnew(t *testing.T) {
	c := etcdproc.Start(t, etcdproc.Options{Members: 3, Severable: true})
	leader := c.Leader()
	lonely := (leader + 1) % 3
	here, there := dial(t, c.Endpoints()[lonely]), dial(t, c.Endpoints()[leader])
	put := func(value string) {
		t.Helper()
		if _, err := there.Put(t.Context(), "k", value); err != nil {
			t.Fatal(err)
		}
	}
	read := func(opts ...clientv3.OpOption) string {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		resp, err := here.Get(ctx, "k", opts...)
		if err != nil {
			return err.Error()
		}
		return string(resp.Kvs[0].Value)
	}
	put("old")
	if got := read(); got != "old" {
		t.Fatal(got)
	}
	c.Isolate(lonely)
	put("new")
	for range 3 {
		if got := read(clientv3.WithSerializable()); got != "old" {
			t.Errorf("a serializable read answers %q", got)
		}
		if got := read(); got == "old" || got == "new" {
			t.Errorf("a linearizable read answers %q", got)
		}
	}
	c.Rejoin()
	for deadline := time.Now().Add(30 * time.Second); read() != "new"; {
		if time.Now().After(deadline) {
			t.Fatal("the member does not catch up")
		}
	}
}

// TestSpaceRunsOut and comes back.
func TestSpaceRunsOut(t *testing.T) {
	c := etcdproc.Start(t, etcdproc.Options{Args: []string{"--quota-backend-bytes=16777216"}})
	client := dial(t, c.Endpoints()[0])
	c.Fill(0)
	if _, err := client.Put(t.Context(), "k", "v"); err == nil {
		t.Error("there is space")
	}
	c.MakeRoom()
	if _, err := client.Put(t.Context(), "k", "v"); err != nil {
		t.Error(err)
	}
}

func dial(t *testing.T, endpoint string) *clientv3.Client {
	t.Helper()
	client, err := clientv3.New(clientv3.Config{Endpoints: []string{endpoint}, Logger: zap.NewNop()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return client
}
