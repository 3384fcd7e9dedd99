package main

import (
	"context"
	"os"
	"strings"

	"github.com/caddyserver/caddy/v2"

	"github.com/amgate/amgate/caddymodule"
)

// configured reads the journeys of a configuration: JSON if its name says so,
// else a Caddyfile.
func configured(file string) ([]caddymodule.Journeys, error) {
	config, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	adapter := "caddyfile"
	if strings.HasSuffix(file, ".json") {
		adapter = ""
	}
	ctx, cancel := caddy.NewContext(caddy.Context{Context: context.Background()})
	defer cancel()
	return caddymodule.Inspect(ctx, config, file, adapter)
}
