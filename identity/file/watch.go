package file

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"
)

// maxSize is the size of the largest file that is read: about 200,000 users.
const maxSize = 64 << 20

// settled is how old a modification must be before an unchanged stat means
// an unchanged file: time stamps are as coarse as two seconds (FAT), and two
// writes within one tick look like one.
const settled = 2 * time.Second

// watcher reads a file when it looks as if it had changed. By asking stat
// again and again, instead of asking the system for events, it sees renames,
// swapped links and network folders alike.
type watcher struct {
	path   string
	seen   fs.FileInfo       // of the version read last; nil if it could not be
	unsure bool              // seen is too young to be trusted
	sum    [sha256.Size]byte // of the version read last
	gone   bool              // reported that it cannot be read
}

// errUnchanged says that there is no new version.
var errUnchanged = errors.New("unchanged")

// next returns the file's text if it is another one than that read last, else
// errUnchanged. That the file cannot be read is told once.
func (w *watcher) next() ([]byte, error) {
	info, err := os.Stat(w.path)
	if err == nil && w.seen != nil && !w.unsure && os.SameFile(info, w.seen) &&
		info.Size() == w.seen.Size() && info.ModTime().Equal(w.seen.ModTime()) {
		return nil, errUnchanged
	}
	before := w.sum
	text, err := w.read()
	switch {
	case err != nil && w.gone:
		return nil, errUnchanged
	case err != nil:
		w.gone = true
		return nil, err
	case w.sum == before:
		w.gone = false
		return nil, errUnchanged
	}
	w.gone = false
	return text, nil
}

// read returns the file's text and remembers what it looked like.
func (w *watcher) read() ([]byte, error) {
	w.seen = nil
	f, err := os.Open(w.path)
	if err != nil {
		return nil, err
	}
	defer f.Close() // nothing was written
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file", w.path)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxSize+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxSize {
		return nil, fmt.Errorf("%s is larger than %d MiB", w.path, maxSize>>20)
	}
	w.seen, w.unsure = info, time.Since(info.ModTime()) < settled
	w.sum = sha256.Sum256(text)
	return text, nil
}

// watch takes over new versions of the file until ctx ends.
func (s *Store) watch(ctx context.Context, w *watcher, poll time.Duration) {
	tick := time.NewTicker(poll)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		text, err := w.next()
		if errors.Is(err, errUnchanged) {
			continue
		}
		if err != nil {
			s.log.Error("the users file cannot be read; its last version stays in force", "error", err)
			continue
		}
		fresh, err := parse(s.path, text)
		if err != nil {
			s.log.Error("a new version of the users file is refused; the one before it stays in force", "error", err)
			continue
		}
		s.takeOver(fresh, w.seen.ModTime())
		s.log.Info("a new version of the users file is in force", "users", len(fresh.byID))
	}
}
