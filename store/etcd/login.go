package etcd

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"golang.org/x/sync/singleflight"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// refusalPause is how long a refused login is not tried again: etcd hashes the
// password each time, which takes it a good part of a second.
const refusalPause = time.Second

// errNoPassword says that etcd was not even asked.
var errNoPassword = errors.New("there is no password for etcd's user")

// login adds to each call the token that etcd gives for the user's password.
// The client could do so itself, but it would log in when it is made, so that
// an outage then ends the start; and again once for each call under way when a
// token has expired or a member has forgotten it, at the cost of a hash each.
type login struct {
	user         string
	password     func() (string, error) // see Config
	authenticate func(ctx context.Context, user, password string) (*clientv3.AuthenticateResponse, error)
	timeout      time.Duration
	log          *slog.Logger

	flight singleflight.Group

	mu      sync.Mutex
	known   bool   // whether token is etcd's last word
	token   string // empty if etcd wants none
	refused error  // the last refusal, and until when it stands
	until   time.Time
}

func newLogin(user string, password func() (string, error), timeout time.Duration, log *slog.Logger) *login {
	return &login{user: user, password: password, timeout: timeout, log: log}
}

// unary is a grpc.UnaryClientInterceptor. A call that etcd refused for its
// token had no effect, and is made once more with a new one.
func (l *login) unary(
	ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption,
) error {
	if method == etcdserverpb.Auth_Authenticate_FullMethodName {
		return invoke(ctx, method, req, reply, cc, opts...)
	}
	token, err := l.current(ctx)
	if err != nil {
		return err
	}
	err = invoke(withToken(ctx, token), method, req, reply, cc, opts...)
	if !staleToken(err) {
		return err
	}
	if token, err = l.renew(ctx, token); err != nil {
		return err
	}
	return invoke(withToken(ctx, token), method, req, reply, cc, opts...)
}

// stream is a grpc.StreamClientInterceptor. A stream gets a new token: that
// the old one had expired would only be told by ending the watches on it.
func (l *login) stream(
	ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, begin grpc.Streamer, opts ...grpc.CallOption,
) (grpc.ClientStream, error) {
	l.mu.Lock()
	old := l.token
	l.mu.Unlock()
	token, err := l.renew(ctx, old)
	if err != nil {
		if timedOut(err) {
			err = status.Error(codes.Unavailable, err.Error()) // so the client tries again
		}
		return nil, err
	}
	return begin(withToken(ctx, token), desc, cc, method, opts...)
}

// current returns the token, and logs in if there was none yet.
func (l *login) current(ctx context.Context) (string, error) {
	l.mu.Lock()
	known, token := l.known, l.token
	l.mu.Unlock()
	if known {
		return token, nil
	}
	return l.renew(ctx, "")
}

// renew returns another token than the one that is no good any more. All who
// want one at the same time share it.
func (l *login) renew(ctx context.Context, old string) (string, error) {
	l.mu.Lock()
	known, token, refused := l.known, l.token, l.refused
	if time.Now().After(l.until) {
		refused = nil
	}
	l.mu.Unlock()
	switch {
	case refused != nil:
		return "", refused
	case known && token != old:
		return token, nil
	}
	// It outlives the caller, who may hang up while others wait.
	result := l.flight.DoChan("", func() (any, error) {
		bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), l.timeout)
		defer cancel()
		return l.logIn(bounded)
	})
	select {
	case r := <-result:
		if r.Err != nil {
			return "", r.Err
		}
		return r.Val.(string), nil
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// logIn asks etcd for a token.
func (l *login) logIn(ctx context.Context) (string, error) {
	password, err := l.password()
	if err != nil {
		return "", err
	}
	resp, err := l.authenticate(ctx, l.user, password)
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case errors.Is(err, rpctypes.ErrAuthNotEnabled):
		if !l.known {
			l.log.Warn("etcd asks nobody for a password, though the store has a user: everybody who reaches it can "+
				"change all of it; see etcdctl auth enable", "user", l.user)
		}
		resp = new(clientv3.AuthenticateResponse)
	case errors.Is(err, rpctypes.ErrAuthFailed):
		l.refused, l.until = err, time.Now().Add(refusalPause)
		return "", err
	case err != nil:
		return "", err
	}
	l.known, l.token, l.refused = true, resp.Token, nil
	return l.token, nil
}

// staleToken reports whether etcd refused a call because of its token, or
// because it had none.
func staleToken(err error) bool {
	err = rpctypes.Error(err)
	return errors.Is(err, rpctypes.ErrInvalidAuthToken) || errors.Is(err, rpctypes.ErrUserEmpty) ||
		errors.Is(err, rpctypes.ErrAuthOldRevision)
}

func withToken(ctx context.Context, token string) context.Context {
	if token == "" {
		return ctx
	}
	return metadata.AppendToOutgoingContext(ctx, rpctypes.TokenFieldNameGRPC, token)
}
