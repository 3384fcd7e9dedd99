package etcd

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/amgate/amgate/store"
)

// fault dresses what the client reports: whatever it is, the store could not
// be used. It wraps the context's error only if that of the caller has ended,
// not the deadline that enter has set: else our own time-out would look as if
// the caller had gone.
func (s *Store) fault(ctx context.Context, err error) error {
	s.troubles.note(err)
	if ended := ctx.Err(); ended != nil {
		return fmt.Errorf("etcd: %w: %w", store.ErrUnavailable, ended)
	}
	why := err.Error()
	if timedOut(err) {
		why = fmt.Sprintf("no answer within %v", s.timeout)
		if last := s.troubles.last.Load(); last != nil {
			why += ": " + *last
		}
	}
	return fmt.Errorf("etcd: %w: %s", store.ErrUnavailable, why)
}

// timedOut reports whether a deadline ended the call.
func timedOut(err error) bool {
	return errors.Is(err, context.DeadlineExceeded) || status.Code(err) == codes.DeadlineExceeded
}

// cause is what is known of why an attempt failed, "" if nothing is. One that
// waited for a connection until its time ran out tells why there was none.
func cause(err error) string {
	if err == nil || errors.Is(err, context.Canceled) || status.Code(err) == codes.Canceled {
		return ""
	}
	text := err.Error()
	if timedOut(err) {
		_, text, _ = strings.Cut(text, "latest balancer error: ")
	}
	return text
}

// remedy is what an operator can do about a fault that does not pass by itself.
type remedy struct{ what, todo string }

// remedies are by what etcd says. A fault that is not here is an outage, which
// passes.
var remedies = map[error]remedy{
	rpctypes.ErrAuthFailed: {
		"etcd refuses the store's user or its password",
		"compare user in store etcd with etcd's users; etcdctl user passwd sets a password",
	},
	rpctypes.ErrUserEmpty: {
		"etcd wants to know who the store is",
		"name etcd's user and its password: user <name> <password> in store etcd",
	},
	rpctypes.ErrPermissionDenied: {
		"etcd does not permit the store's user to use its keys",
		"etcdctl role grant-permission --prefix <role> readwrite <prefix>/, and etcdctl user grant-role <user> <role>; " +
			"without user in store etcd, the user is whom the client certificate is made out to",
	},
	rpctypes.ErrNoSpace: noSpace,
	rpctypes.ErrCorrupt: corrupt,
	rpctypes.ErrTooManyOps: {
		"etcd allows fewer operations in a transaction than the store needs",
		"start its members without --max-txn-ops, or with 128 at least",
	},
	rpctypes.ErrRequestTooLarge: {
		"etcd refuses a record for its size",
		"start its members without --max-request-bytes, or with 1572864 at least",
	},
}

// Remedies that are found in other ways too, or only in others.
var (
	noSpace = remedy{
		"etcd has reached its quota and refuses every write",
		"etcdctl compact, etcdctl defrag --cluster, then etcdctl alarm disarm; for longer, auto-compaction and a larger --quota-backend-bytes",
	}
	corrupt = remedy{
		"etcd's members hold different data",
		"replace the member that etcdctl alarm list names, as etcd's documentation says under data corruption",
	}
	badCertificate = remedy{
		"the store and etcd do not accept each other's certificates",
		"compare tls in store etcd with the members' --cert-file, --trusted-ca-file and --client-cert-auth",
	}
	badPassword = remedy{
		"the password of etcd's user cannot be read",
		"set again what the password of user in store etcd refers to",
	}
)

// fullInside is noSpace for an etcd in this process, which nobody else reaches.
var fullInside = remedy{
	"the embedded store has reached its quota and refuses every write",
	"amgate store defrag; if most of it is in use, move to a cluster",
}

// remedyFor finds what can be done about a fault.
func remedyFor(err error) (remedy, bool) {
	if known, ok := errors.AsType[rpctypes.EtcdError](rpctypes.Error(err)); ok {
		r, ok := remedies[known]
		return r, ok
	}
	if errors.Is(err, errNoPassword) {
		return badPassword, true
	}
	for _, word := range []string{"authentication handshake failed", "x509: ", "tls: "} {
		if strings.Contains(err.Error(), word) {
			return badCertificate, true
		}
	}
	return remedy{}, false
}

// reminder is how long something that does not pass is not logged again: each
// request of each client runs into it.
const reminder = 10 * time.Minute

// troubles keeps in mind what goes wrong, for the log and for errors.
type troubles struct {
	log *slog.Logger
	// inside says that etcd runs in this process.
	inside bool
	// last is what the last attempt failed with, nil if it did not. The
	// client tells only that time ran out when it has tried for as long.
	last atomic.Pointer[string]

	mu   sync.Mutex
	told map[string]time.Time
}

// attempt takes the outcome of an attempt.
func (t *troubles) attempt(err error) {
	text := cause(err)
	switch {
	case text != "":
		t.last.Store(&text)
	case err == nil && t.last.Load() != nil: // to look costs less than to write
		t.last.Store(nil)
	}
	t.note(err)
}

// note logs a fault that does not pass by itself.
func (t *troubles) note(err error) {
	if cause(err) == "" {
		return
	}
	r, ok := remedyFor(err)
	if t.inside && r == noSpace {
		r = fullInside
	}
	if ok && t.due(r.what) {
		t.log.Error(r.what, "remedy", r.todo, "error", err)
	}
}

// unreadable takes note that TLS goes by what its files held before.
func (t *troubles) unreadable(err error) {
	if t.due("files") {
		t.log.Warn("etcd is connected to by what the files of tls held before: they cannot be read", "error", err)
	}
}

// due reports whether it is time to log something, and counts it as logged.
func (t *troubles) due(what string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	if last, ok := t.told[what]; ok && now.Sub(last) < reminder {
		return false
	}
	if t.told == nil {
		t.told = make(map[string]time.Time)
	}
	t.told[what] = now
	return true
}
