package caddymodule

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/amgate/amgate/journey"
	"github.com/amgate/amgate/journey/nodes"
	"github.com/amgate/amgate/journey/treefile"
	"github.com/amgate/amgate/realm"
)

// JourneyFiles are journeys in AM's format.
type JourneyFiles struct {
	// Paths are files, folders and patterns. What is relative is so to the
	// folder in which the process was started.
	Paths []string `json:"paths"`
	// Strict demands that each of them runs here. By default those that
	// cannot are disabled, with a warning.
	Strict bool `json:"strict,omitempty"`
}

// load reads the files, if there are any; nil is none.
func (f *JourneyFiles) load(ctx caddy.Context) (*treefile.Set, error) {
	if f == nil {
		return nil, nil
	}
	paths := make([]string, len(f.Paths))
	for i, path := range f.Paths {
		var err error
		if paths[i], err = replaced(path); err != nil {
			return nil, fmt.Errorf("journeys: %w", err)
		}
	}
	return treefile.Load(paths, NodeTypes{Context: ctx})
}

// Journeys are the journeys of a realm, and what they are judged by.
type Journeys struct {
	// Path is the realm's.
	Path string
	// Files has those of files; nil if there are none.
	Files *treefile.Set
	treefile.Realm
}

// journeys makes the realm's journeys: those of files, those of the
// configuration, and the built-in one unless the realm has its own of that name.
func (r *Realm) journeys(ctx caddy.Context, files *treefile.Set, lent *journey.Services) (Journeys, error) {
	inline, err := r.inline(ctx)
	return Journeys{Path: r.Path, Files: files, Realm: treefile.Realm{
		Inline:   inline,
		BuiltIn:  map[string]*journey.Tree{realm.DefaultJourney: nodes.Login()},
		Services: lent,
		Strict:   r.JourneyFiles != nil && r.JourneyFiles.Strict,
	}}, err
}

// judge decides which of the realm's journeys run.
func (r *Realm) judge(s *realm.Settings, journeys Journeys, log *slog.Logger) error {
	verdict := journeys.Files.Judge(journeys.Realm)
	if verdict.Err != nil {
		return verdict.Err
	}
	for _, problem := range verdict.Disabled {
		log.Warn("a journey cannot run here and is disabled", "realm", r.Path, "problem", problem)
	}
	for _, problem := range verdict.Warnings {
		log.Warn("a journey differs from its file", "realm", r.Path, "problem", problem)
	}
	s.Journeys = verdict.Journeys
	known := maps.Clone(verdict.Journeys)
	for _, problem := range verdict.Disabled {
		known[problem.Journey] = nil
	}
	return r.setTimeouts(s.Journeys, slices.Sorted(maps.Keys(known)))
}

// setTimeouts gives single journeys the timeouts that the realm has for them.
// One that is known and does not run may have one too.
func (r *Realm) setTimeouts(trees map[string]*journey.Tree, known []string) error {
	var errs []error
	for _, t := range r.JourneyTimeouts {
		if !slices.Contains(known, t.Journey) {
			errs = append(errs, at(t.Source, fmt.Errorf("journey_timeout: there is no journey %s in this realm; there are: %s",
				t.Journey, strings.Join(known, ", "))))
			continue
		}
		if tree, ok := trees[t.Journey]; ok {
			timed := *tree
			timed.Timeout = time.Duration(t.Timeout)
			trees[t.Journey] = &timed
		}
	}
	return errors.Join(errs...)
}

// parseJourneyFiles reads where journeys are, from Caddyfile tokens. Syntax:
//
//	journeys [<path...>] [strict] {
//		<path...>
//		strict
//	}
func parseJourneyFiles(d *caddyfile.Dispenser, r *Realm) error {
	if r.JourneyFiles == nil {
		r.JourneyFiles = new(JourneyFiles)
	}
	f, before := r.JourneyFiles, len(r.JourneyFiles.Paths)
	add := func(words ...string) {
		for _, word := range words {
			if word == "strict" {
				f.Strict = true
				continue
			}
			f.Paths = append(f.Paths, word)
		}
	}
	add(d.RemainingArgs()...)
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		add(d.Val())
		add(d.RemainingArgs()...)
	}
	if len(f.Paths) == before {
		return d.Err("journeys: name files, folders or patterns; write for example: journeys /etc/am/journeys/*.json")
	}
	return nil
}
