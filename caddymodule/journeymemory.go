package caddymodule

import (
	"fmt"
	"log/slog"
	"strconv"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/amgate/amgate/journey/keep"
	"github.com/amgate/amgate/realm"
)

// JourneyMemory bounds the journeys that are kept in memory, those of all
// realms together. The one that was answered longest ago gives way.
type JourneyMemory struct {
	// SizeMiB is about how much they may take up, 256 by default.
	SizeMiB int `json:"size_mib,omitempty"`
	// Journeys is how many there may be, 100000 by default.
	Journeys int `json:"journeys,omitempty"`
}

func (m *JourneyMemory) check() error {
	if m.SizeMiB < 0 || m.Journeys < 0 {
		return fmt.Errorf("journey_memory: %d MiB and %d journeys; at least one of each is needed", m.SizeMiB, m.Journeys)
	}
	return nil
}

// journeyMemory holds the unfinished in-memory journeys of this process, and what
// hands them over. It lies in the pool; its bounds are those of the configuration that started last.
type journeyMemory struct {
	current[*JourneyMemory]
	table   *keep.Table
	drainer *realm.Drainer
}

func newMemory(log *slog.Logger) *journeyMemory {
	m := &journeyMemory{table: keep.NewTable(keep.TableConfig{})}
	m.drainer = realm.NewDrainer(m.table, log)
	m.hold = func(limits *JourneyMemory) {
		m.table.Limit(keep.TableConfig{MaxJourneys: limits.Journeys, MaxBytes: int64(limits.SizeMiB) << 20})
	}
	return m
}

// Destruct forgets the journeys.
func (m *journeyMemory) Destruct() error {
	m.drainer.Close()
	return nil
}

func takeMemory(taken *releaser, log *slog.Logger) (*journeyMemory, error) {
	return take(taken, "journeys", func() (*journeyMemory, error) { return newMemory(log), nil })
}

// parseMemory sets the bounds of journeys in memory. Syntax:
//
//	journey_memory <size> [<journeys>]
func parseMemory(d *caddyfile.Dispenser, p *appParser) (err error) {
	if !d.NextArg() {
		return d.ArgErr()
	}
	m := new(JourneyMemory)
	if m.SizeMiB, err = mebibytes(d, d.Val()); err != nil {
		return err
	}
	if d.NextArg() {
		if m.Journeys, err = strconv.Atoi(d.Val()); err != nil || m.Journeys < 1 {
			return d.Errf("journey_memory: %q is not a number of journeys; write for example: journey_memory 256MiB 100000", d.Val())
		}
	}
	if d.NextArg() {
		return d.ArgErr()
	}
	p.app.JourneyMemory = m
	return nil
}
