package embedded

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"go.etcd.io/etcd/etcdutl/v3/snapshot"
	"go.uber.org/zap"
)

// WriteSnapshot writes all data, as of now, in the form of "etcdctl snapshot
// save": the data file and then its SHA-256. Others read and write meanwhile.
// Progress, unless nil, is told again and again how many bytes of how many
// are written. The values in it are sealed, but the names of the keys are not.
func (s *Server) WriteSnapshot(ctx context.Context, w io.Writer, progress func(done, all int64)) (err error) {
	snap := s.etcd.Server.Backend().Snapshot()
	defer func() { err = errors.Join(err, snap.Close()) }()
	sum := sha256.New()
	out := &counter{ctx: ctx, to: io.MultiWriter(w, sum), all: snap.Size(), progress: progress}
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

// counter tells of the progress of what is written through it, and ends with
// its context.
type counter struct {
	ctx       context.Context
	to        io.Writer
	done, all int64
	progress  func(done, all int64)
}

// Write implements io.Writer.
func (c *counter) Write(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := c.to.Write(p)
	c.done += int64(n)
	if c.progress != nil {
		c.progress(c.done, c.all)
	}
	return n, err
}

// Defragment gives the room that nothing uses any more back to the file
// system. Nobody can read or write meanwhile; it takes seconds for each GiB.
func (s *Server) Defragment() error {
	if err := s.etcd.Server.Backend().Defrag(); err != nil {
		return fmt.Errorf("defragment: %w", err)
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
	member, draft := filepath.Join(dir, "member"), filepath.Join(dir, "restoring")
	switch _, err := os.Lstat(member); {
	case err == nil:
		return fmt.Errorf("restore: %w", &NotEmptyError{Dir: dir})
	case !errors.Is(err, os.ErrNotExist):
		return fmt.Errorf("restore: %w", err)
	}
	if err := checkSum(file); err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	if err := os.RemoveAll(draft); err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	if err := bootstrap(file, draft); err != nil {
		return errors.Join(fmt.Errorf("restore %s: %w", file, err), os.RemoveAll(draft))
	}
	if err := os.Rename(filepath.Join(draft, "member"), member); err != nil {
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
	size := info.Size() - sha256.Size
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
