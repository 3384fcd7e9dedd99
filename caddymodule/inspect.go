package caddymodule

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"

	"github.com/amgate/amgate/realm"
)

// Inspect makes the journeys of a configuration, realm by realm, without
// running it: no store is opened, and nothing of a running one is touched.
// adapter is the name of Caddy's config adapter, "" for JSON; file names the
// configuration in errors.
func Inspect(ctx caddy.Context, config []byte, file, adapter string) ([]Journeys, error) {
	app, err := appOf(config, file, adapter)
	if err != nil {
		return nil, err
	}
	app.setDefaults()
	cfg := realm.Config{BaseURL: app.BaseURL, Base: base, Logger: ctx.Slogger()}
	var all []Journeys
	var errs []error
	for _, r := range app.Realms {
		_, journeys, err := r.settings(ctx, app, cfg)
		all, errs = append(all, journeys), append(errs, err)
	}
	errs = append(errs, app.taken.release())
	return all, errors.Join(errs...)
}

// appOf is the app am of a configuration.
func appOf(config []byte, file, adapter string) (*App, error) {
	if adapter != "" {
		a := caddyconfig.GetAdapter(adapter)
		if a == nil {
			return nil, fmt.Errorf("there is no config adapter %q", adapter)
		}
		var err error
		if config, _, err = a.Adapt(config, map[string]any{"filename": file}); err != nil {
			return nil, err
		}
	}
	var whole struct {
		Apps struct {
			AM json.RawMessage `json:"am"`
		} `json:"apps"`
	}
	if err := json.Unmarshal(config, &whole); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	if whole.Apps.AM == nil {
		return nil, fmt.Errorf("%s: it does not configure the app am; in a Caddyfile that is the global option am", file)
	}
	app := new(App)
	strict := json.NewDecoder(bytes.NewReader(whole.Apps.AM))
	strict.DisallowUnknownFields()
	if err := strict.Decode(app); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return app, nil
}
