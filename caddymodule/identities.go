package caddymodule

import (
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/amgate/amgate/identity"
	"github.com/amgate/amgate/identity/file"
	"github.com/amgate/amgate/identity/password"
)

func init() { caddy.RegisterModule(FileIdentities{}) }

// FileIdentities are a realm's people in a JSON or YAML file. It is read
// again when it changes; a version with a mistake is refused, and the one
// before it stays.
type FileIdentities struct {
	// Path is the file's path.
	Path string `json:"path"`

	*file.Store `json:"-"`
	taken       releaser
}

// CaddyModule returns the Caddy module information.
func (FileIdentities) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "am.identities.file", New: func() caddy.Module { return new(FileIdentities) }}
}

// Provision reads the file.
func (f *FileIdentities) Provision(ctx caddy.Context) error {
	gate, err := take(&f.taken, "password gate", newPasswordGate)
	if err != nil {
		return err
	}
	f.Store, err = file.Open(file.Config{
		Path: caddy.NewReplacer().ReplaceAll(f.Path, ""), Gate: gate.Gate, Logger: ctx.Slogger(),
	})
	return err
}

// Cleanup stops watching the file.
func (f *FileIdentities) Cleanup() error {
	if f.Store != nil {
		f.Close()
	}
	return f.taken.release()
}

// passwordGate bounds the password checks of the whole process.
type passwordGate struct{ *password.Gate }

func newPasswordGate() (passwordGate, error) { return passwordGate{password.NewGate(0, 0)}, nil }

// Destruct has nothing to close.
func (passwordGate) Destruct() error { return nil }

// UnmarshalCaddyfile sets up the identities from Caddyfile tokens. Syntax:
//
//	file <path>
func (f *FileIdentities) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // consume the module's name
	if !d.AllArgs(&f.Path) {
		return d.ArgErr()
	}
	return nil
}

// Interface guards
var (
	_ caddy.Provisioner     = (*FileIdentities)(nil)
	_ caddy.CleanerUpper    = (*FileIdentities)(nil)
	_ identity.Store        = (*FileIdentities)(nil)
	_ caddyfile.Unmarshaler = (*FileIdentities)(nil)
)
