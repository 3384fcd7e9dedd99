package etcd

import (
	"context"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/amgate/amgate/logtest"
	"github.com/amgate/amgate/store"
)

// etcdErrors are the texts of all errors that etcd's servers give, read from
// the source of the version in use, so that a new one is not missed.
func etcdErrors(t *testing.T) []string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-f", "{{.Dir}}", "go.etcd.io/etcd/api/v3/v3rpc/rpctypes").Output()
	if err != nil {
		t.Fatal(err)
	}
	var texts []string
	err = filepath.WalkDir(strings.TrimSpace(string(out)), func(path string, _ fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
				if text, err := strconv.Unquote(lit.Value); err == nil && strings.HasPrefix(text, "etcdserver: ") {
					texts = append(texts, text)
				}
			}
			return true
		})
		return nil
	})
	if err != nil || len(texts) < 50 {
		t.Fatalf("%d errors found, %v", len(texts), err)
	}
	return texts
}

// TestEveryFaultIsAnOutage: whatever etcd or gRPC says, nobody may take it for
// a record that is not there, a lost race or a caller that has gone.
func TestEveryFaultIsAnOutage(t *testing.T) {
	faults := []error{
		errors.New("anything else"), errRestless, errStalled, errNoPassword, clientv3.ErrNoAvailableEndpoints,
		context.Canceled, context.DeadlineExceeded,
	}
	for _, text := range etcdErrors(t) {
		for code := codes.Canceled; code <= codes.Unauthenticated; code++ {
			grpc := status.Error(code, text)
			faults = append(faults, grpc, rpctypes.Error(grpc))
		}
	}
	for code := codes.Canceled; code <= codes.Unauthenticated; code++ {
		faults = append(faults, status.Error(code, "anything"))
	}
	s := &Store{timeout: time.Second}
	s.troubles.log = new(logtest.Log).Logger()
	gone, hangUp := context.WithCancel(t.Context())
	hangUp()
	for _, fault := range faults {
		err := s.fault(t.Context(), fault)
		if !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("%v is %v, want ErrUnavailable", fault, err)
		}
		for _, other := range []error{
			store.ErrNotFound, store.ErrExists, store.ErrConflict, store.ErrCompacted, ErrMalformed,
			context.Canceled, context.DeadlineExceeded,
		} {
			if errors.Is(err, other) {
				t.Errorf("%v is %v, also %v", fault, err, other)
			}
		}
		if err := s.fault(gone, fault); !errors.Is(err, store.ErrUnavailable) || !errors.Is(err, context.Canceled) {
			t.Errorf("%v is %v to a caller that has gone", fault, err)
		}
	}
}

// TestEndOfAWatchIsTold: only that history is gone is ErrCompacted.
func TestEndOfAWatchIsTold(t *testing.T) {
	s := &Store{timeout: time.Second, closing: t.Context()}
	s.troubles.log = new(logtest.Log).Logger()
	compacted := ended(response{WatchResponse: clientv3.WatchResponse{CompactRevision: 7, Canceled: true}, open: true})
	if err := s.whyEnded(t.Context(), compacted); !errors.Is(err, store.ErrCompacted) || errors.Is(err, store.ErrUnavailable) {
		t.Errorf("compacted: %v, want ErrCompacted alone", err)
	}
	for name, r := range map[string]response{
		"cancelled": {WatchResponse: clientv3.WatchResponse{Canceled: true}, open: true},
		"closed":    {},
	} {
		if err := s.whyEnded(t.Context(), ended(r)); !errors.Is(err, store.ErrUnavailable) || errors.Is(err, store.ErrCompacted) {
			t.Errorf("%s: %v, want ErrUnavailable alone", name, err)
		}
	}
}

// TestWhatDoesNotPassIsLoggedNowAndThen: each request runs into it, and one line
// for each would bury the rest.
func TestWhatDoesNotPassIsLoggedNowAndThen(t *testing.T) {
	handshake := status.Error(codes.Unavailable, "connection error: desc = \"transport: authentication handshake failed: x509: …\"")
	waited := status.Error(codes.DeadlineExceeded, "latest balancer error: connection error: desc = \"remote error: tls: bad certificate\"")
	for _, c := range []struct {
		err  error
		want string // "" for what passes by itself
	}{
		{rpctypes.ErrGRPCAuthFailed, "refuses the store's user"},
		{rpctypes.ErrGRPCUserEmpty, "who the store is"},
		{rpctypes.ErrGRPCPermissionDenied, "does not permit"},
		{rpctypes.ErrPermissionDenied, "does not permit"},
		{rpctypes.ErrGRPCNoSpace, "quota"},
		{rpctypes.ErrGRPCCorrupt, "different data"},
		{rpctypes.ErrGRPCTooManyOps, "fewer operations"},
		{rpctypes.ErrGRPCRequestTooLarge, "for its size"},
		{handshake, "certificates"},
		{waited, "certificates"},
		{errNoPassword, "cannot be read"},
		{rpctypes.ErrGRPCNoLeader, ""},
		{rpctypes.ErrGRPCRequestTooManyRequests, ""},
		{status.Error(codes.Unavailable, "connection refused"), ""},
		{context.DeadlineExceeded, ""},
	} {
		synctest.Test(t, func(t *testing.T) {
			log := new(logtest.Log)
			s := &Store{timeout: time.Second, troubles: troubles{log: log.Logger()}}
			for range 100 {
				s.troubles.attempt(c.err)
				_ = s.fault(t.Context(), c.err)
			}
			want := 1
			if c.want == "" {
				want = 0
			}
			if n := log.Count("level=ERROR"); n != want || !strings.Contains(log.String(), c.want) {
				t.Errorf("%v is logged %d times, want %d with %q:\n%s", c.err, n, want, c.want, log)
			}
			time.Sleep(reminder)
			s.troubles.attempt(c.err)
			if n := log.Count("remedy="); n != 2*want {
				t.Errorf("%v is logged %d times after %v, want %d", c.err, n, reminder, 2*want)
			}
		})
	}
}

// TestFullEmbeddedStoreIsTold: nobody reaches that with etcdctl.
func TestFullEmbeddedStoreIsTold(t *testing.T) {
	log := new(logtest.Log)
	s := &Store{troubles: troubles{log: log.Logger(), inside: true}}
	_ = s.fault(t.Context(), rpctypes.ErrNoSpace)
	if text := log.String(); !strings.Contains(text, "amgate store defrag") || strings.Contains(text, "etcdctl") {
		t.Errorf("logged: %s", text)
	}
}

// TestReasonIsOfTheLastAttempt: one that has passed explains nothing.
func TestReasonIsOfTheLastAttempt(t *testing.T) {
	s := &Store{timeout: time.Second}
	s.troubles.log = new(logtest.Log).Logger()
	s.troubles.attempt(status.Error(codes.Unavailable, "connection refused"))
	if err := s.fault(t.Context(), context.DeadlineExceeded); !strings.Contains(err.Error(), "within 1s: rpc error: code = Unavailable desc = connection refused") {
		t.Error(err)
	}
	s.troubles.attempt(nil)
	if err := s.fault(t.Context(), context.DeadlineExceeded); !strings.HasSuffix(err.Error(), "no answer within 1s") {
		t.Error(err)
	}
}
