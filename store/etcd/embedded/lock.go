package embedded

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"go.etcd.io/etcd/client/pkg/v3/fileutil"
)

// lockFile lies in the data folder and stays there. The lock on it is the
// kernel's: it goes with the process, however that ends.
const lockFile = "amgate.lock"

// InUseError says that another process, or another Server of this one, has
// the data folder.
type InUseError struct {
	Dir string
	PID int // 0 if it could not be read
}

// Error implements error.
func (e *InUseError) Error() string {
	who := "another process"
	if e.PID != 0 {
		who = fmt.Sprintf("another process (pid %d)", e.PID)
	}
	return fmt.Sprintf("data folder %s is in use by %s: stop that first or name another folder; "+
		"processes that share their data need an etcd of their own, named by its endpoints", e.Dir, who)
}

// folderLock is held as long as the folder is used.
type folderLock struct{ file *fileutil.LockedFile }

// held keeps the locks of this process from the garbage collector. It closes
// a file that nobody refers to any more, and with it the lock would go, while
// etcd goes on for whoever kept only its client.
var held sync.Map // *folderLock → struct{}

// lockFolder takes the lock or fails at once, with *InUseError if it is held.
func lockFolder(dir string) (*folderLock, error) {
	path := filepath.Join(dir, lockFile)
	f, err := fileutil.TryLockFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if errors.Is(err, fileutil.ErrLocked) {
		return nil, &InUseError{Dir: dir, PID: holder(path)}
	}
	if err != nil {
		return nil, fmt.Errorf("lock the data folder: %w", err)
	}
	l := &folderLock{file: f}
	if err := l.sign(); err != nil {
		return nil, errors.Join(fmt.Errorf("lock the data folder: %w", err), l.release())
	}
	held.Store(l, struct{}{})
	return l, nil
}

// sign writes down who holds the lock, for the message that another gets.
func (l *folderLock) sign() error {
	if err := l.file.Truncate(0); err != nil {
		return err
	}
	_, err := l.file.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	return err
}

func (l *folderLock) release() error {
	held.Delete(l)
	return l.file.Close()
}

// holder reads who holds the lock, 0 if it is not (yet) written there.
func holder(path string) int {
	f, err := os.Open(path) // #nosec G304 -- in the data folder
	if err != nil {
		return 0
	}
	defer f.Close()
	line, err := io.ReadAll(io.LimitReader(f, 32))
	if err != nil {
		return 0
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(line)))
	if err != nil {
		return 0
	}
	return pid
}
