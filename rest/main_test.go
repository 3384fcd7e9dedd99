package rest

import (
	"log/slog"
)

// discard is for tests that do not look at the log.
var discard = slog.New(slog.DiscardHandler)
