package embedded

import (
	"context"
	"log/slog"
	"time"
)

const (
	// full is the part of the quota, in percent, from which there is a warning.
	full = 60
	// lookInterval is how often the size is looked at.
	lookInterval = time.Minute
)

// Usage is how much room the data takes up. When Size reaches Quota, etcd
// refuses every write until the folder is defragmented.
type Usage struct {
	Size  int64 // of the data file, in bytes; only Defragment makes it smaller
	InUse int64 // bytes of it that hold something
	Quota int64 // the largest Size, in bytes
}

// Nearly reports whether the size has come to 60 % of the quota.
func (u Usage) Nearly() bool { return u.Size*100 >= u.Quota*full }

// Usage is how much room the data takes up now.
func (s *Server) Usage() Usage {
	b := s.etcd.Server.Backend()
	return Usage{Size: b.Size(), InUse: b.SizeInUse(), Quota: s.etcd.Server.Cfg.QuotaBackendBytes}
}

// watchUsage warns when the quota is nearly reached, once each time that it
// comes to that, until ctx ends.
func watchUsage(ctx context.Context, usage func() Usage, log *slog.Logger) {
	tick := time.NewTicker(lookInterval)
	defer tick.Stop()
	warned := false
	for {
		u := usage()
		if u.Nearly() && !warned {
			log.Warn("the embedded store nears its quota, at which it refuses every write: stop the gateway and run "+
				"amgate store defrag; if most of it is in use, move to a cluster",
				"size", u.Size, "in_use", u.InUse, "quota", u.Quota)
		}
		warned = u.Nearly()
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}
