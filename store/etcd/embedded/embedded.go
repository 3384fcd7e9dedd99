// Package embedded runs an etcd of one member inside this process, on a
// folder, and without any listener: nobody can reach it but through Client.
// It is a real etcd with its write-ahead log, so what was acknowledged
// survives a kill, and its folder can later be served by etcd itself.
package embedded

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"sync"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/embed"
	"go.etcd.io/etcd/server/v3/etcdserver/api/v3client"
	"go.uber.org/zap"
)

const (
	memberName = "amgate"
	// memberDir is what etcd makes in its data folder, and all that it makes.
	memberDir = "member"
	// nowhere is the address that the member advertises, since it must name
	// one. Port 0 cannot be connected to, and nothing listens.
	nowhere = "http://127.0.0.1:0"
	// quota is how much etcd may hold before it refuses writes.
	quota = 8 << 30
	// retention is how much history is kept for watches to begin in. A
	// session's record is rewritten often; etcd would keep every version.
	retention = "5m"
)

// Config says where the data lies.
type Config struct {
	// Dir is the data folder, made if there is none. Nobody but the owner
	// may look into it; wider permissions are taken away.
	Dir string
	// Logger is told of etcd's warnings and errors. nil: nobody is.
	Logger *slog.Logger
}

// Server is a running etcd. Make one with Start.
type Server struct {
	etcd   *embed.Etcd
	client *clientv3.Client
	lock   *folderLock
	once   sync.Once

	closing context.Context // ends when Close begins
	end     context.CancelFunc
	// work is what Close waits for: watchUsage, and what works on the data
	// file beside etcd. inUse keeps it from beginning once closing has ended.
	inUse sync.Mutex
	work  sync.WaitGroup
}

// errClosed is what a closed server answers.
var errClosed = errors.New("the embedded etcd is closed")

// enter begins work that Close waits for, unless that has begun. Whoever
// entered calls leave.
func (s *Server) enter() error {
	s.inUse.Lock()
	defer s.inUse.Unlock()
	if s.closing.Err() != nil {
		return errClosed
	}
	s.work.Add(1)
	return nil
}

func (s *Server) leave() { s.work.Done() }

// Start opens the data folder and returns when etcd answers, in about half a
// second; with much data it takes longer. A folder that another process uses
// is refused at once with *InUseError. If ctx ends first, nothing is left
// running and the error wraps that of ctx.
//
// When the disk fails, etcd ends the whole process after it has logged why,
// because it can no longer promise anything.
func Start(ctx context.Context, cfg Config) (*Server, error) {
	if cfg.Dir == "" {
		return nil, errors.New("embedded etcd: no data folder is given")
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("embedded etcd: %w", err)
	}
	if err := private(cfg.Dir); err != nil {
		return nil, fmt.Errorf("embedded etcd: %w", err)
	}
	// etcd waits silently for a folder in use, so this lock comes first.
	lock, err := lockFolder(cfg.Dir)
	if err != nil {
		return nil, fmt.Errorf("embedded etcd: %w", err)
	}
	etcdConfig, err := settings(cfg)
	if err != nil {
		return nil, errors.Join(err, lock.release())
	}
	if err := clearUnborn(cfg.Dir); err != nil {
		return nil, errors.Join(fmt.Errorf("embedded etcd: %w", err), lock.release())
	}
	if err := expect(cfg.Dir); err != nil {
		return nil, errors.Join(fmt.Errorf("embedded etcd: %w", err), lock.release())
	}
	etcd, err := embed.StartEtcd(etcdConfig)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("embedded etcd: %w", err), lock.release())
	}
	s := &Server{etcd: etcd, lock: lock}
	s.closing, s.end = context.WithCancel(context.Background())
	select {
	case <-etcd.Server.ReadyNotify():
		if err := born(cfg.Dir); err != nil {
			return nil, errors.Join(fmt.Errorf("embedded etcd: %w", err), s.Close())
		}
		s.client = v3client.New(etcd.Server)
		if cfg.Logger != nil {
			s.work.Go(func() { watchUsage(s.closing, s.Usage, cfg.Logger) })
		}
		return s, nil
	case <-etcd.Server.StopNotify():
		return nil, errors.Join(errors.New("embedded etcd: the server stopped while starting"), s.Close())
	case <-ctx.Done():
		return nil, errors.Join(fmt.Errorf("embedded etcd: not ready in time: %w", ctx.Err()), s.Close())
	}
}

// settings are etcd's defaults without everything that listens.
func settings(cfg Config) (*embed.Config, error) {
	addr, err := url.Parse(nowhere)
	if err != nil {
		return nil, fmt.Errorf("embedded etcd: %w", err)
	}
	c := embed.NewConfig()
	c.Name = memberName
	c.Dir = cfg.Dir
	c.ListenPeerUrls, c.ListenClientUrls = nil, nil
	c.AdvertisePeerUrls = []url.URL{*addr}
	c.AdvertiseClientUrls = []url.URL{*addr}
	c.InitialCluster = c.InitialClusterFromName(memberName)
	c.EnableGRPCGateway = false
	c.QuotaBackendBytes = quota
	c.AutoCompactionMode = embed.CompactorModePeriodic
	c.AutoCompactionRetention = retention
	c.ZapLoggerBuilder = embed.NewZapLoggerBuilder(zap.New(newBridge(cfg.Logger)))
	return c, nil
}

// private makes the folder one that only its owner can look into.
func private(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make the data folder: %w", err)
	}
	info, err := os.Stat(dir)
	if err != nil {
		return fmt.Errorf("data folder: %w", err)
	}
	if info.Mode().Perm()&0o077 == 0 {
		return nil
	}
	if err := os.Chmod(dir, 0o700); err != nil { // #nosec G302 -- a folder
		return fmt.Errorf("data folder %s is open to others: %w", dir, err)
	}
	return nil
}

// Client is a client of the server in this process. It is closed by Close
// and must not be used after that; close what uses it first.
func (s *Server) Client() *clientv3.Client { return s.client }

// Close stops etcd, waits until everything is on disk, and lets go of the
// folder. It may be called twice.
func (s *Server) Close() (err error) {
	s.once.Do(func() {
		s.inUse.Lock()
		s.end()
		s.inUse.Unlock()
		s.work.Wait()
		// A client without a connection always says that it was cancelled.
		if s.client != nil {
			if err = s.client.Close(); errors.Is(err, context.Canceled) {
				err = nil
			}
		}
		s.etcd.Close()
		err = errors.Join(err, s.lock.release())
	})
	return err
}
