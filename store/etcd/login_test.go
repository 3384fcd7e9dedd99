package etcd

import (
	"context"
	"errors"
	"log/slog"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
)

// authority stands for etcd: it gives out the tokens 1, 2, 3, … and takes the
// last of them.
type authority struct {
	given atomic.Int64
	err   error
}

func (a *authority) authenticate(ctx context.Context, _, _ string) (*clientv3.AuthenticateResponse, error) {
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-time.After(100 * time.Millisecond): // hashing
	}
	n := a.given.Add(1)
	if a.err != nil {
		return nil, a.err
	}
	return &clientv3.AuthenticateResponse{Token: strconv.FormatInt(n, 10)}, nil
}

func (a *authority) invoke(ctx context.Context, _ string, _, _ any, _ *grpc.ClientConn, _ ...grpc.CallOption) error {
	md, _ := metadata.FromOutgoingContext(ctx)
	switch tokens := md.Get(rpctypes.TokenFieldNameGRPC); {
	case len(tokens) == 0:
		return rpctypes.ErrGRPCUserEmpty
	case len(tokens) > 1 || tokens[0] != strconv.FormatInt(a.given.Load(), 10):
		return rpctypes.ErrGRPCInvalidAuthToken
	}
	return nil
}

func newTestLogin(a *authority) *login {
	l := newLogin("am", func() (string, error) { return "secret", nil }, time.Second, slog.New(slog.DiscardHandler))
	l.authenticate = a.authenticate
	return l
}

func (l *login) call(ctx context.Context, a *authority) error {
	return l.unary(ctx, "/etcdserverpb.KV/Txn", nil, nil, nil, a.invoke)
}

// TestManyCallsLogInOnce: a member that starts has forgotten all tokens, and
// must not be asked to hash the password for each call under way.
func TestManyCallsLogInOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := new(authority)
		l := newTestLogin(a)
		for round := range 3 {
			var calls sync.WaitGroup
			for range 100 {
				calls.Go(func() {
					if err := l.call(t.Context(), a); err != nil {
						t.Error(err)
					}
				})
			}
			calls.Wait()
			if n := a.given.Load(); n != int64(round+1) {
				t.Fatalf("%d tokens after %d rounds", n, round+1)
			}
			l.mu.Lock()
			l.token = "forgotten"
			l.mu.Unlock()
		}
	})
}

// TestARefusedLoginIsNotRepeatedAtOnce: with a wrong password, each request
// would cost etcd a hash.
func TestARefusedLoginIsNotRepeatedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &authority{err: rpctypes.ErrAuthFailed}
		l := newTestLogin(a)
		for range 100 {
			if err := l.call(t.Context(), a); !errors.Is(err, rpctypes.ErrAuthFailed) {
				t.Fatalf("%v, want ErrAuthFailed", err)
			}
		}
		if n := a.given.Load(); n != 1 {
			t.Errorf("etcd was asked %d times", n)
		}
		a.err = nil
		time.Sleep(refusalPause + time.Millisecond)
		if err := l.call(t.Context(), a); err != nil {
			t.Error(err)
		}
	})
}

// TestHangingUpEndsNoLogin: others may wait for it.
func TestHangingUpEndsNoLogin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := new(authority)
		l := newTestLogin(a)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		if err := l.call(ctx, a); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v, want that the caller has gone", err)
		}
		time.Sleep(100 * time.Millisecond)
		if err := l.call(t.Context(), a); err != nil || a.given.Load() != 1 {
			t.Errorf("%v after %d logins", err, a.given.Load())
		}
	})
}

// TestClusterThatLetsEverybodyIn: a user does no harm where nobody asks for
// one, and is ready when somebody does.
func TestClusterThatLetsEverybodyIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &authority{err: rpctypes.ErrAuthNotEnabled}
		l := newTestLogin(a)
		if token, err := l.current(t.Context()); err != nil || token != "" {
			t.Errorf("token %q, %v", token, err)
		}
		a.err = nil
		if err := l.call(t.Context(), a); err != nil {
			t.Error(err)
		}
	})
}

// TestLoginItselfNeedsNoToken: else it would wait for itself.
func TestLoginItselfNeedsNoToken(t *testing.T) {
	a := new(authority)
	err := newTestLogin(a).unary(t.Context(), etcdserverpb.Auth_Authenticate_FullMethodName, nil, nil, nil, a.invoke)
	if !errors.Is(err, rpctypes.ErrGRPCUserEmpty) || a.given.Load() != 0 {
		t.Errorf("%v after %d logins", err, a.given.Load())
	}
}

func TestPasswordThatCannotBeHad(t *testing.T) {
	a := new(authority)
	l := newTestLogin(a)
	for name, password := range map[string]func() (string, error){
		"unreadable": func() (string, error) { return "", errors.New("no such file") },
		"empty":      func() (string, error) { return "", nil },
	} {
		l.password = Config{User: "am", Password: password}.password
		if err := l.call(t.Context(), a); !errors.Is(err, errNoPassword) || a.given.Load() != 0 {
			t.Errorf("%s: %v after %d logins", name, err, a.given.Load())
		}
	}
}
