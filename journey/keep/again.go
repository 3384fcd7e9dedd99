package keep

import (
	"encoding/json"

	"github.com/amgate/amgate/journey"
)

// firstOr is the journey at its first step: as it is remembered, or, if this
// is the first step, the journey itself.
func (s *stored) firstOr(plain []byte) json.RawMessage {
	if s.First != nil {
		return s.First
	}
	return plain[1:]
}

// beginAgain returns a journey at its first step, and encoded. Its allowlist
// state is a new one, by which this record is told from others.
func beginAgain(first json.RawMessage) (*journey.Snapshot, []byte, error) {
	s, err := decode(append([]byte{version}, first...))
	if err != nil {
		return nil, nil, err
	}
	s.Allow = newAllow()
	plain, err := encode(s, MaxState, "the store")
	return s.Snapshot, plain, err
}
