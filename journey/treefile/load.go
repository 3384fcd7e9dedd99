package treefile

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Bounds of what is read.
const (
	maxFile    = 16 << 20 // bytes of one file
	maxFiles   = 10_000
	maxFolders = 8 // levels of folders
)

// nodesFolder is where fr-config-manager keeps the nodes of a journey, beside
// the file of its tree.
const nodesFolder = "nodes"

// Load reads journeys from files, folders and patterns (see filepath.Match). In
// a folder it reads every *.json, and the folders below; those whose name begins
// with a dot are left out. A journey may be in several files if it is the same
// in all of them.
//
// An error means that a path names nothing, or something that is no journey, or
// two different journeys of one name. What is wrong with one journey alone is
// in its Problems.
func Load(paths []string, types Types) (*Set, error) {
	set := new(Set)
	byName := make(map[string]*Journey)
	var errs []error
	for _, path := range paths {
		files, err := find(path)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		for _, file := range files {
			errs = append(errs, set.load(file, types, byName))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		set.Journeys = append(set.Journeys, byName[name])
	}
	return set, errors.Join(errs...)
}

// load reads the journeys of one file.
func (s *Set) load(file string, types Types, byName map[string]*Journey) error {
	data, err := read(file)
	if err != nil {
		return err
	}
	exports, err := parseExports(file, data)
	if err != nil {
		return err
	}
	for _, e := range exports {
		if e.bare {
			if err := e.addNodes(filepath.Join(filepath.Dir(file), nodesFolder)); err != nil {
				return err
			}
		}
		j := build(e, types)
		if other, ok := byName[e.name]; ok {
			if other.digest == j.digest {
				continue
			}
			return fmt.Errorf("%s: journey %s is another one in %s; a realm has one journey of a name",
				file, printable(e.name), other.Tree.Source)
		}
		byName[e.name] = j
		s.addTemplates(e, j)
	}
	return nil
}

// addTemplates collects the mail templates of a journey.
func (s *Set) addTemplates(e *export, j *Journey) {
	for _, name := range slices.Sorted(maps.Keys(e.templates)) {
		if other, ok := s.Templates[name]; ok && !bytes.Equal(other, e.templates[name]) {
			j.warn(Problem{Text: fmt.Sprintf(
				"the mail template %s is another one in an earlier file; that one is used", printable(name))})
			continue
		}
		if s.Templates == nil {
			s.Templates = make(map[string]json.RawMessage)
		}
		s.Templates[name] = e.templates[name]
	}
}

// find lists the files that a path means. Of what a pattern matches it takes
// what it would take in a folder.
func find(path string) ([]string, error) {
	info, err := os.Stat(path)
	switch {
	case err == nil && info.IsDir():
		return walk(path, 0)
	case err == nil:
		return []string{path}, nil
	case !errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("journeys %s: %w", path, err)
	}
	matches, err := filepath.Glob(path)
	if err != nil {
		return nil, fmt.Errorf("journeys %s: %w; a pattern is for example /etc/am/journeys/*.json", path, err)
	}
	var files []string
	for _, match := range matches {
		if info, err := os.Stat(match); isHidden(match) || err == nil && !info.IsDir() && !isJSON(match) {
			continue
		}
		more, err := find(match)
		if err != nil {
			return nil, err
		}
		files = append(files, more...)
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("journeys %s: there is no such file; name files, folders or a pattern such as /etc/am/journeys/*.json", path)
	}
	return files, nil
}

func isHidden(path string) bool { return strings.HasPrefix(filepath.Base(path), ".") }

func isJSON(path string) bool { return strings.EqualFold(filepath.Ext(path), ".json") }

// walk lists the files in a folder and in those below it. The folder "nodes"
// beside a file belongs to that file.
func walk(folder string, depth int) ([]string, error) {
	if depth > maxFolders {
		return nil, fmt.Errorf("journeys %s: folders are nested more than %d levels deep", folder, maxFolders)
	}
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, fmt.Errorf("journeys %s: %w", folder, err)
	}
	var files, folders []string
	for _, entry := range entries {
		path := filepath.Join(folder, entry.Name())
		info, err := os.Stat(path) // follows links, as Kubernetes makes them
		switch {
		case isHidden(path):
		case err != nil:
			return nil, fmt.Errorf("journeys %s: %w", path, err)
		case info.IsDir():
			folders = append(folders, path)
		case isJSON(path):
			files = append(files, path)
		}
	}
	for _, below := range folders {
		if len(files) > 0 && filepath.Base(below) == nodesFolder {
			continue
		}
		more, err := walk(below, depth+1)
		if err != nil {
			return nil, err
		}
		if files = append(files, more...); len(files) > maxFiles {
			return nil, fmt.Errorf("journeys %s: there are more than %d files", folder, maxFiles)
		}
	}
	return files, nil
}

// read reads a file of bounded size.
func read(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	if len(data) > maxFile {
		return nil, fmt.Errorf("%s: it is larger than %d MiB", file, maxFile>>20)
	}
	return bytes.TrimPrefix(data, []byte("\uFEFF")), nil // a mark that Windows likes
}
