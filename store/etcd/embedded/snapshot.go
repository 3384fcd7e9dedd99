package embedded

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/etcdutl/v3/snapshot"
	"go.uber.org/zap"
)

// SumSize is how many bytes WriteSnapshot writes after the data file.
const SumSize = sha256.Size

// WriteSnapshot writes all data, as of now, in the form of "etcdctl snapshot
// save": the data file and then its SHA-256. Others read and write meanwhile.
// Progress, unless nil, is told how many bytes of how many are written, first
// none, then again and again. The values in a snapshot are sealed, but the
// names of the keys are not.
func (s *Server) WriteSnapshot(ctx context.Context, w io.Writer, progress func(done, all int64)) (err error) {
	if err := s.enter(); err != nil {
		return fmt.Errorf("snapshot: %w", err)
	}
	defer s.leave()
	snap := s.etcd.Server.Backend().Snapshot()
	defer func() { err = errors.Join(err, snap.Close()) }()
	if progress != nil {
		progress(0, snap.Size())
	}
	sum := sha256.New()
	both := io.MultiWriter(w, sum)
	var done int64
	out := writer(func(p []byte) (int, error) {
		if s.closing.Err() != nil {
			return 0, errClosed
		}
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		n, err := both.Write(p)
		if done += int64(n); progress != nil {
			progress(done, snap.Size())
		}
		return n, err
	})
	if _, err := snap.WriteTo(out); err != nil {
		if ended := ctx.Err(); ended != nil {
			err = ended // the data file does not pass it on as one
		}
		return fmt.Errorf("snapshot: %w", err)
	}
	if _, err := w.Write(sum.Sum(nil)); err != nil {
		return fmt.Errorf("snapshot: %w", err)
	}
	return nil
}

// writer is a function that is an io.Writer.
type writer func(p []byte) (int, error)

// Write implements io.Writer.
func (w writer) Write(p []byte) (int, error) { return w(p) }

// SaveSnapshot writes a file by a function that has WriteSnapshot's result,
// from wherever, go to what it is given. The file is readable by its owner
// alone. It is there whole, with a checksum that was verified, or not at all;
// one that is there already is left as it is and gives an error that is
// fs.ErrExist.
func SaveSnapshot(path string, write func(io.Writer) error) (err error) {
	if _, err := os.Lstat(path); err == nil {
		return fmt.Errorf("snapshot %s: %w; name another file", path, os.ErrExist)
	}
	file, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("snapshot: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(file.Name()))
		}
	}()
	if err := errors.Join(write(file), file.Sync(), file.Close()); err != nil {
		return err
	}
	if err := checkSum(file.Name()); err != nil {
		return err
	}
	if err := os.Rename(file.Name(), path); err != nil {
		return fmt.Errorf("snapshot: %w", err)
	}
	return syncFolder(filepath.Dir(path))
}

// disarmTime bounds how long it may take to end an alarm.
const disarmTime = 10 * time.Second

// Defragment gives the room that nothing uses any more back to the file
// system. Nobody can read or write meanwhile; it takes seconds for each GiB.
// If etcd refused writes for want of room and there is some now, it takes them
// again.
func (s *Server) Defragment() error {
	if err := s.enter(); err != nil {
		return fmt.Errorf("defragment: %w", err)
	}
	defer s.leave()
	if err := s.etcd.Server.Backend().Defrag(); err != nil {
		return fmt.Errorf("defragment: %w", err)
	}
	if err := s.disarm(); err != nil {
		return fmt.Errorf("defragment: let etcd take writes again: %w", err)
	}
	return nil
}

// disarm ends etcd's alarm that its quota is reached, if it is not any more.
// etcd itself never does, and keeps the alarm over a restart.
func (s *Server) disarm() error {
	if u := s.Usage(); u.Size >= u.Quota {
		return nil
	}
	ctx, cancel := context.WithTimeout(s.closing, disarmTime)
	defer cancel()
	rung, err := s.client.AlarmList(ctx)
	if err != nil {
		return err
	}
	for _, alarm := range rung.Alarms {
		if alarm.Alarm != etcdserverpb.AlarmType_NOSPACE {
			continue
		}
		if _, err := s.client.AlarmDisarm(ctx, (*clientv3.AlarmMember)(alarm)); err != nil {
			return err
		}
	}
	return nil
}

// NotEmptyError says that a folder that a snapshot was to be restored into
// has data already.
type NotEmptyError struct{ Dir string }

// Error implements error.
func (e *NotEmptyError) Error() string {
	return fmt.Sprintf("data folder %s has data already, which a restore does not overwrite: move the folder away, "+
		"or name another one", e.Dir)
}

// Restore makes a data folder from a snapshot, which Start then opens. The
// snapshot's checksum is verified. A folder that has data is refused with
// *NotEmptyError, one that a process uses with *InUseError; one where a
// restore was interrupted is as if it had not begun.
func Restore(file, dir string) (err error) {
	if err := private(dir); err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	lock, err := lockFolder(dir)
	if err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	defer func() { err = errors.Join(err, lock.release()) }()
	member, draft := filepath.Join(dir, memberDir), filepath.Join(dir, "restoring")
	if has, err := HasData(dir); err != nil {
		return fmt.Errorf("restore: %w", err)
	} else if has {
		return fmt.Errorf("restore: %w", &NotEmptyError{Dir: dir})
	}
	if err := checkSum(file); err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	if err := errors.Join(clearUnborn(dir), os.RemoveAll(draft)); err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	if err := bootstrap(file, draft); err != nil {
		return errors.Join(fmt.Errorf("restore %s: %w", file, err), os.RemoveAll(draft))
	}
	if err := os.Rename(filepath.Join(draft, memberDir), member); err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	if err := os.Remove(draft); err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	return syncFolder(dir)
}

// bootstrap makes the folder of the only member from a snapshot.
func bootstrap(file, dir string) error {
	cfg, err := settings(Config{Dir: dir})
	if err != nil {
		return err
	}
	return snapshot.NewV3(zap.NewNop()).Restore(snapshot.RestoreConfig{
		SnapshotPath: file, OutputDataDir: dir,
		Name: memberName, PeerURLs: []string{nowhere},
		InitialCluster: cfg.InitialCluster, InitialClusterToken: cfg.InitialClusterToken,
	})
}

// errNoSnapshot says that a file is not what WriteSnapshot or etcd's own tools
// wrote, or no longer.
var errNoSnapshot = errors.New("not a whole snapshot: its checksum is missing or wrong; " +
	"take one with amgate store snapshot or etcdctl snapshot save")

// checkSum verifies a snapshot before anything is made of it. etcd's data
// files are of whole pages, so a checksum shows in the size.
func checkSum(path string) error {
	f, err := os.Open(path) // #nosec G304 -- the operator's own
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	const page = 512
	size := info.Size() - SumSize
	if !info.Mode().IsRegular() || size <= 0 || size%page != 0 {
		return fmt.Errorf("%s: %w", path, errNoSnapshot)
	}
	sum := sha256.New()
	if _, err := io.CopyN(sum, f, size); err != nil {
		return err
	}
	want, err := io.ReadAll(f)
	if err != nil {
		return err
	}
	if string(sum.Sum(nil)) != string(want) {
		return fmt.Errorf("%s: %w", path, errNoSnapshot)
	}
	return nil
}

// syncFolder makes what was renamed in a folder last.
func syncFolder(dir string) error {
	f, err := os.Open(dir) // #nosec G304 -- the operator's own
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
