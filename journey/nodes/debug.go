package nodes

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/amgate/amgate/journey"
	"github.com/amgate/amgate/journey/callback"
)

// Debug shows the journey's state to whoever walks it, as JSON. What is
// transient or secure is not shown, nor anything named like a secret.
type Debug struct {
	Popup bool `json:"popupEnabled" option:"popup_enabled" doc:"Show the state; off, the node does nothing."`
}

var _ journey.Node = (*Debug)(nil)

// redacted stands in the place of what is not shown.
const redacted = "[redacted]"

// secretNames are parts of the names of what is not shown, wherever it stands.
var secretNames = []string{"password", "secret", "answer"}

func newDebug() journey.Node { return &Debug{Popup: true} }

// Process implements journey.Node.
func (n *Debug) Process(_ context.Context, in *journey.Input) (journey.Action, error) {
	if !n.Popup || in.Answers != nil {
		return journey.Goto(outcomeOnly), nil
	}
	shown := make(map[string]any)
	if in.Subject != "" {
		shown["universalId"] = in.Subject
	}
	for _, key := range in.State.Keys() {
		shown[key] = redacted
		if value, ok := in.State.Shared(key); ok {
			shown[key] = withoutSecrets(key, value)
		}
	}
	text, err := json.MarshalIndent(shown, "", "  ")
	if err != nil {
		return journey.Action{}, fmt.Errorf("the state cannot be shown: %w", err)
	}
	return journey.Ask(callback.TextOutput{Message: string(text), MessageType: callback.Information}), nil
}

// withoutSecrets is a value with all that is named like a secret replaced, in
// whatever depth.
func withoutSecrets(name string, value any) any {
	name = strings.ToLower(name)
	if slices.ContainsFunc(secretNames, func(part string) bool { return strings.Contains(name, part) }) {
		return redacted
	}
	switch v := value.(type) {
	case map[string]any:
		clean := make(map[string]any, len(v))
		for name, member := range v {
			clean[name] = withoutSecrets(name, member)
		}
		return clean
	case []any:
		clean := make([]any, len(v))
		for i, element := range v {
			clean[i] = withoutSecrets("", element)
		}
		return clean
	}
	return value
}

// Outcomes implements journey.Node.
func (*Debug) Outcomes() []string { return []string{outcomeOnly} }
