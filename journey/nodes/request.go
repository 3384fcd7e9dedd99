package nodes

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/amgate/amgate/journey"
)

// RequestHeader copies request headers into the state, each as a list of its
// values: an empty one if the client did not send it.
type RequestHeader struct {
	Allowed map[string]string `json:"allowedHeaders" option:"allowed_header" doc:"A header, and the key of the state that receives its values. Required." example:"X-Department department"`
	// Delimited headers that are there once are split at commas.
	Delimited []string `json:"headersToBeDelimited" option:"delimited_header" doc:"Allowed headers whose value is split at commas, if the client sent it once."`
}

// QueryParameter copies parameters of the request's query into the state, as
// RequestHeader does headers.
type QueryParameter struct {
	Allowed   map[string]string `json:"allowedQueryParameters" option:"allowed_query_parameter" doc:"A parameter, and the key of the state that receives its values. Required." example:"campaign campaign"`
	Delimited []string          `json:"queryParametersToBeDelimited" option:"delimited_query_parameter" doc:"Allowed parameters whose value is split at commas, if the client sent it once."`
}

var (
	_ journey.Node     = (*RequestHeader)(nil)
	_ journey.Declarer = (*RequestHeader)(nil)
	_ journey.Checker  = (*RequestHeader)(nil)
	_ journey.Node     = (*QueryParameter)(nil)
	_ journey.Declarer = (*QueryParameter)(nil)
	_ journey.Checker  = (*QueryParameter)(nil)
)

// Process implements journey.Node.
func (n *RequestHeader) Process(_ context.Context, in *journey.Input) (journey.Action, error) {
	copyValues(in.State, n.Allowed, n.Delimited, in.Client.Header.Values)
	return journey.Goto(outcomeOnly), nil
}

// Process implements journey.Node.
func (n *QueryParameter) Process(_ context.Context, in *journey.Input) (journey.Action, error) {
	copyValues(in.State, n.Allowed, n.Delimited, func(name string) []string { return in.Client.Query[name] })
	return journey.Goto(outcomeOnly), nil
}

// copyValues puts the values of each allowed name into the state, under the
// key that belongs to it.
func copyValues(state *journey.State, allowed map[string]string, delimited []string, valuesOf func(name string) []string) {
	for name, key := range allowed {
		values := valuesOf(name)
		if len(values) == 1 && slices.Contains(delimited, name) {
			values = strings.Split(values[0], ",")
		}
		list := make([]any, len(values)) // as JSON gives it back
		for i, v := range values {
			if !utf8.ValidString(v) {
				v = fromLatin1(v)
			}
			list[i] = v
		}
		state.PutShared(key, list)
	}
}

// Outcomes implements journey.Node.
func (*RequestHeader) Outcomes() []string { return []string{outcomeOnly} }

// Outcomes implements journey.Node.
func (*QueryParameter) Outcomes() []string { return []string{outcomeOnly} }

// Reads implements journey.Declarer.
func (*RequestHeader) Reads() []string { return nil }

// Reads implements journey.Declarer.
func (*QueryParameter) Reads() []string { return nil }

// Writes implements journey.Declarer.
func (n *RequestHeader) Writes() []string { return slices.Sorted(maps.Values(n.Allowed)) }

// Writes implements journey.Declarer.
func (n *QueryParameter) Writes() []string { return slices.Sorted(maps.Values(n.Allowed)) }

// Check implements journey.Checker.
func (n *RequestHeader) Check() error {
	return checkAllowed("allowed_header", n.Allowed, "delimited_header", n.Delimited)
}

// Check implements journey.Checker.
func (n *QueryParameter) Check() error {
	return checkAllowed("allowed_query_parameter", n.Allowed, "delimited_query_parameter", n.Delimited)
}

func checkAllowed(option string, allowed map[string]string, listOption string, delimited []string) error {
	if len(allowed) == 0 {
		return fmt.Errorf("%s is missing; give at least a name and a key of the state", option)
	}
	for _, name := range slices.Sorted(maps.Keys(allowed)) {
		if err := checkKey(allowed[name]); err != nil {
			return fmt.Errorf("%s %s: %w", option, name, err)
		}
	}
	for _, name := range delimited {
		if _, ok := allowed[name]; !ok {
			return fmt.Errorf("%s %s: there is no %s of this name", listOption, name, option)
		}
	}
	return nil
}

// checkKey refuses keys of the state that a configuration cannot set: those
// that the engine keeps for itself.
func checkKey(key string) error {
	switch key {
	case "":
		return errors.New("the key of the state is empty")
	case journey.KeyRealm, journey.KeyAuthLevel, journey.KeyTargetAuthLevel, keyPage:
		return fmt.Errorf("the key %s of the state is the journey's own; choose another", key)
	}
	return nil
}
