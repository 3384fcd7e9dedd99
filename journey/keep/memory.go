package keep

import (
	"context"
	"errors"

	"github.com/amgate/amgate/journey"
	"github.com/amgate/amgate/token"
)

// MemoryConfig is what a Memory is made of.
type MemoryConfig struct {
	// Table holds the journeys; nil for one of its own.
	Table *Table
	// Keys are the realm's.
	Keys *token.Keys
}

// Memory keeps journeys in this process. They end with it, and a step that
// reaches another process is *journey.LostError there. Everything else the
// contract promises holds without conditions: answers to one journey wait for
// one another.
type Memory struct {
	table *Table
	ids   authIDs
}

var _ journey.Keeper = (*Memory)(nil)

// begun is the Revision of a snapshot that a Memory has kept.
const begun = 1

// NewMemory returns a keeper for the realm of the keys.
func NewMemory(cfg MemoryConfig) (*Memory, error) {
	if cfg.Keys == nil {
		return nil, errors.New("keep: a keeper needs its realm's keys")
	}
	if cfg.Table == nil {
		cfg.Table = NewTable(TableConfig{})
	}
	return &Memory{table: cfg.Table, ids: authIDs{keys: cfg.Keys, kind: token.MemAuth}}, nil
}

// Begin implements journey.Keeper.
func (m *Memory) Begin(_ context.Context, s *journey.Snapshot) (string, error) {
	return m.keep(s)
}

// keep makes s the journey's only answerable step. The authId is made first:
// a step that cannot be answered must not replace one that can.
func (m *Memory) keep(s *journey.Snapshot) (string, error) {
	s.Allow = newAllow()
	data, err := encode(s)
	if err != nil {
		return "", err
	}
	authID, err := m.ids.sign(s)
	if err != nil {
		return "", err
	}
	m.table.put(s.ID, data, s.Deadline)
	s.Revision = begun
	return authID, nil
}

// Step implements journey.Keeper.
func (m *Memory) Step(
	ctx context.Context, realm, authID string, fn func(context.Context, *journey.Snapshot) error,
) (string, error) {
	o, err := m.ids.open(realm, authID)
	if err != nil {
		return "", err
	}
	if !o.ours {
		return "", &journey.LostError{Start: o.start()}
	}
	release, err := m.table.locks.acquire(ctx, o.id)
	if err != nil {
		return "", err
	}
	defer release()

	s, err := m.load(o)
	if err != nil {
		return "", err
	}
	if err := fn(ctx, s); err != nil || s.Ended {
		return "", err
	}
	return m.keep(s)
}

func (m *Memory) load(o opened) (*journey.Snapshot, error) {
	data, found := m.table.get(o.id)
	switch {
	case !found:
		return nil, &journey.LostError{Start: o.start()}
	case data == nil:
		return nil, journey.ErrExpired
	}
	s, err := decode(data)
	if err != nil {
		return nil, err
	}
	s.Revision = begun
	return s, o.judge(s)
}

// Finish implements journey.Keeper.
func (m *Memory) Finish(ctx context.Context, s *journey.Snapshot, commit journey.Commit) error {
	if s.Ended {
		return journey.ErrUsed
	}
	if commit != nil {
		if err := commit(ctx); err != nil {
			return err
		}
	}
	if s.Revision == begun {
		m.table.put(s.ID, nil, s.Deadline)
	}
	s.Ended = true
	return nil
}

// Resume implements journey.Keeper.
func (*Memory) Resume(context.Context, string, string, func(context.Context, *journey.Snapshot) error) (string, error) {
	return "", journey.ErrNotSuspended
}
