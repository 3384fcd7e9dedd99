package callback

import (
	"fmt"
	"io"
	"log/slog"
)

// Secret is a text that a client typed and that nobody else may see. It shows
// itself neither when printed nor when logged nor when encoded, alone or as a
// part of something; string(s) is the only way to it.
type Secret string

// hiddenSecret stands where a Secret would be seen.
const hiddenSecret = "[hidden]"

var (
	_ fmt.Formatter  = Secret("")
	_ slog.LogValuer = Secret("")
)

// Format implements fmt.Formatter, for every verb.
func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, hiddenSecret) }

// LogValue implements slog.LogValuer.
func (Secret) LogValue() slog.Value { return slog.StringValue(hiddenSecret) }

// MarshalText keeps the text out of whatever is encoded.
func (Secret) MarshalText() ([]byte, error) { return []byte(hiddenSecret), nil }
