package main

import (
	"encoding/json"
	"io"
)

// writeIndented writes JSON as people can read it, too.
func writeIndented(w io.Writer, value any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(value)
}
