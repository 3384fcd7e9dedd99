package file

import (
	"time"

	"github.com/amgate/amgate/identity"
)

var _ identity.Standing = (*Store)(nil)

// Stamp implements identity.Standing.
func (s *Store) Stamp(id string) (stamp string, since time.Time) {
	p := s.people.Load()
	return p.byID[id].stamp(), p.since
}

// stamp is that of identity.Standing; p may be nil.
func (p *person) stamp() string {
	switch {
	case p == nil || !p.user.Active:
		return ""
	case !p.user.HasPassword:
		return "-"
	}
	return p.digest.Fingerprint()
}

// OnChange implements identity.Standing. The change was made when the file was
// last written.
func (s *Store) OnChange(fn func(ids []string, made time.Time)) (stop func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.listeners[&fn] = struct{}{}
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.listeners, &fn)
	}
}

// takeOver puts a new version of the file in force and tells of whom it
// changes.
func (s *Store) takeOver(fresh *people, written time.Time) {
	fresh.since = time.Now()
	old := s.people.Swap(fresh)
	var ids []string
	for id, before := range old.byID {
		if before.stamp() != fresh.byID[id].stamp() {
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for fn := range s.listeners {
		(*fn)(ids, written)
	}
}
