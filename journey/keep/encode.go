package keep

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/amgate/amgate/journey"
)

// version begins every encoded snapshot; JSON follows.
const version = 1

// errVersion says that a journey was kept by a version of amgate that writes
// another form.
var errVersion = errors.New("keep: a journey of an unknown version")

// encode turns a snapshot into bytes that share nothing with it.
func encode(s *journey.Snapshot) ([]byte, error) {
	text, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("keep: %w", err)
	}
	if len(text) >= MaxState {
		return nil, fmt.Errorf("%w: %d bytes, at most %d are kept", journey.ErrTooLarge, len(text), MaxState)
	}
	return append([]byte{version}, text...), nil
}

func decode(data []byte) (*journey.Snapshot, error) {
	if len(data) == 0 || data[0] != version {
		return nil, errVersion
	}
	s := new(journey.Snapshot)
	if err := json.Unmarshal(data[1:], s); err != nil {
		return nil, fmt.Errorf("keep: %w", err)
	}
	return s, nil
}
