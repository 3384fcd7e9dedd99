package etcd

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"

	"github.com/amgate/amgate/store"
)

// leaderPause is how long a call waits at most before it asks again, another
// member if there is one, after a member said that it has no leader.
const leaderPause = 50 * time.Millisecond

// Validate tells what is wrong with the settings, without reaching etcd. The
// files of TLS and the password must be there.
func (cfg Config) Validate() error {
	if cfg.Client != nil {
		return nil
	}
	if len(cfg.Endpoints) == 0 {
		return errors.New("neither a client nor endpoints are given")
	}
	schemes := make(map[string]string)
	for _, endpoint := range cfg.Endpoints {
		scheme, err := parseEndpoint(endpoint)
		if err != nil {
			return err
		}
		schemes[scheme] = endpoint
	}
	if len(schemes) > 1 {
		return errors.New("the endpoints must be all https or all http: one client speaks either")
	}
	if cfg.User != "" {
		if _, err := cfg.password(); err != nil {
			return err
		}
	}
	if cfg.TLS == nil {
		return nil
	}
	if plain, ok := schemes["http"]; ok {
		return fmt.Errorf("tls is for https endpoints; write https%s instead of %s", strings.TrimPrefix(plain, "http"), plain)
	}
	_, err := cfg.TLS.load()
	return err
}

// password is the user's password, which cannot be empty.
func (cfg Config) password() (string, error) {
	if cfg.Password == nil {
		return "", fmt.Errorf("%w %q", errNoPassword, cfg.User)
	}
	switch text, err := cfg.Password(); {
	case err != nil:
		return "", fmt.Errorf("%w %q: %w", errNoPassword, cfg.User, err)
	case text == "":
		return "", fmt.Errorf("%w %q: it is empty", errNoPassword, cfg.User)
	default:
		return text, nil
	}
}

// CheckEndpoint tells what is wrong with a member's URL.
func CheckEndpoint(endpoint string) error {
	_, err := parseEndpoint(endpoint)
	return err
}

// parseEndpoint returns the scheme of a member's URL, https or http. To host
// and port alone the client would speak one or the other by its settings.
func parseEndpoint(endpoint string) (scheme string, err error) {
	u, err := url.Parse(endpoint)
	if err == nil && (u.Scheme == "https" || u.Scheme == "http") {
		bare := url.URL{Scheme: u.Scheme, Host: u.Host}
		if u.Hostname() != "" && u.Port() != "" && bare.String() == endpoint {
			return u.Scheme, nil
		}
	}
	if _, host, found := strings.Cut(endpoint, "@"); found {
		endpoint = "…@" + host // before it may be a password
	}
	return "", fmt.Errorf("%q is no endpoint; write for example https://etcd-1.example.com:2379", endpoint)
}

// dial makes the store's own client, which notices a dead connection in
// seconds and is back soon after a member is: it tries again after 100 ms, and
// each time 1.6 times as long, at most 2 s, all of it 20 % more or less at
// random. It connects, and logs in, when there is something to ask, not here.
// It logs nothing itself: a warning for each retry of each request would bury
// the rest.
func (s *Store) dial(cfg Config) (*clientv3.Client, error) {
	redial := backoff.DefaultConfig
	redial.BaseDelay = 100 * time.Millisecond
	redial.MaxDelay = 2 * time.Second
	options := []grpc.DialOption{
		grpc.WithConnectParams(grpc.ConnectParams{Backoff: redial, MinConnectTimeout: s.timeout}),
		grpc.WithChainUnaryInterceptor(s.watchCalls),
		grpc.WithChainStreamInterceptor(s.watchStreams),
	}
	if cfg.TLS != nil {
		options = append(options, grpc.WithTransportCredentials(newTransport(*cfg.TLS, s.troubles.unreadable)))
	}
	var in *login
	if cfg.User != "" {
		if strings.HasPrefix(cfg.Endpoints[0], "http://") {
			s.log.Warn("the password of etcd's user goes over the network for all to read; use https endpoints", "user", cfg.User)
		}
		in = newLogin(cfg.User, cfg.password, s.timeout, s.log)
		options = append(options, grpc.WithChainUnaryInterceptor(in.unary), grpc.WithChainStreamInterceptor(in.stream))
	}
	client, err := clientv3.New(clientv3.Config{
		Endpoints: cfg.Endpoints,
		// etcd cuts off who pings more often than every 5 s.
		DialKeepAliveTime:    10 * time.Second,
		DialKeepAliveTimeout: 3 * time.Second,
		BackoffWaitBetween:   50 * time.Millisecond,
		DialOptions:          options,
		Logger:               zap.NewNop(),
	})
	if err != nil {
		return nil, err
	}
	if in != nil {
		in.authenticate = client.Auth.Authenticate
	}
	return client, nil
}

// watchCalls sees each attempt at a call, also those that the client repeats,
// whose errors it keeps to itself. That a member has no leader is found before
// it does anything, so that a write too may be tried again.
func (s *Store) watchCalls(
	ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption,
) error {
	for {
		err := invoke(ctx, method, req, reply, cc, opts...)
		s.troubles.attempt(err)
		if !errors.Is(rpctypes.Error(err), rpctypes.ErrNoLeader) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(store.Spread(leaderPause, leaderPause/2)):
		}
	}
}

// watchStreams is watchCalls for the beginning of streams. The client tries
// those again itself.
func (s *Store) watchStreams(
	ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, begin grpc.Streamer, opts ...grpc.CallOption,
) (grpc.ClientStream, error) {
	stream, err := begin(ctx, desc, cc, method, opts...)
	s.troubles.attempt(err)
	return stream, err
}
