package rest

import (
	"encoding/json"
	"maps"
	"slices"
)

// withDetails is a body that a journey has added members to.
type withDetails struct {
	body any
	more map[string]any
}

// detailed is a body with more members behind its own, by their names. None
// of them takes the place of those that are reserved.
func detailed(body any, more map[string]any, reserved ...string) any {
	more = maps.Clone(more)
	maps.DeleteFunc(more, func(name string, _ any) bool { return slices.Contains(reserved, name) })
	if len(more) == 0 {
		return body
	}
	return withDetails{body, more}
}

var _ json.Marshaler = withDetails{}

// MarshalJSON implements json.Marshaler.
func (w withDetails) MarshalJSON() ([]byte, error) {
	own, err := encode(w.body)
	if err != nil {
		return nil, err
	}
	more, err := encode(w.more)
	if err != nil {
		return nil, err
	}
	joined := own[:len(own)-1]
	if len(joined) > 1 {
		joined = append(joined, ',')
	}
	return append(joined, more[1:]...), nil
}
