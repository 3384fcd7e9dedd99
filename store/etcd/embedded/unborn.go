package embedded

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// unbornFile lies in the data folder from before etcd's first start on it until
// that has succeeded. An etcd that is stopped in between may never become
// ready again: its log is there and does not yet name the member. Nobody was
// given a client, so there is nothing to lose, and the next start begins anew.
const unbornFile = "amgate.unborn"

// clearUnborn removes what a first start has left that did not succeed. The
// caller has the folder's lock.
func clearUnborn(dir string) error {
	marker := filepath.Join(dir, unbornFile)
	if _, err := os.Lstat(marker); errors.Is(err, os.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	if err := os.RemoveAll(filepath.Join(dir, memberDir)); err != nil {
		return fmt.Errorf("remove what an interrupted first start has left: %w", err)
	}
	return born(dir)
}

// expect marks a folder without data before etcd's first start on it.
func expect(dir string) error {
	if has, err := HasData(dir); has || err != nil {
		return err
	}
	marker := filepath.Join(dir, unbornFile)
	if err := os.WriteFile(marker, nil, 0o600); err != nil {
		return fmt.Errorf("mark the data folder: %w", err)
	}
	return syncFolder(dir)
}

// born takes the mark away, for good: from here on there may be data.
func born(dir string) error {
	err := os.Remove(filepath.Join(dir, unbornFile))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return syncFolder(dir)
}

// HasData reports whether a folder has data, which Start would open. Where
// there is none, Start begins with nothing.
func HasData(dir string) (bool, error) {
	_, err := os.Lstat(filepath.Join(dir, unbornFile))
	if err == nil {
		return false, nil
	}
	if !errors.Is(err, os.ErrNotExist) {
		return false, err
	}
	_, err = os.Lstat(filepath.Join(dir, memberDir))
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}
