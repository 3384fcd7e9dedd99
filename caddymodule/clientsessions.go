package caddymodule

import (
	"fmt"
	"os"
	"runtime"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/amgate/amgate/realm"
	"github.com/amgate/amgate/token"
)

// ClientSessions says how clients carry their sessions.
type ClientSessions struct {
	// Algorithms are those of JOSE by which sessions are signed. The first one
	// signs, tokens by the others are accepted too. The default is HS256.
	Algorithms []string `json:"algorithms,omitempty"`
	// Keys are PEM files. The first signs, the others verify.
	Keys []string `json:"keys,omitempty"`
	// Compress has sessions compressed.
	Compress bool `json:"compress,omitempty"`
	// Track has the store keep small records of them.
	Track bool `json:"track,omitempty"`
}

// sessionSchemes are AM's words for the schemes of sessions, beside our own.
var sessionSchemes = map[string]string{"client": "client", "JWT": "client", "server": "server", "CTS": "server"}

var clientSessionOptions = []option[*ClientSessions]{
	{
		name: "algorithm", args: "<name...>", def: "HS256",
		doc: "How sessions are signed: by `HS256`, `HS384` or `HS512` with keys that are derived from `signing_key`; by `RS256`, `ES256`, `ES384`, `ES512` or `EdDSA` with a `key`. The first one signs, sessions that are signed by the others are accepted too.",
		set: list(func(c *ClientSessions) *[]string { return &c.Algorithms }),
	},
	{
		name: "key", args: "<file...>", many: true,
		doc: "PEM files of the keys, each of one of the algorithms: RSA of 2048 to 4096 bits, EC on P-256, P-384 or P-521, Ed25519. The first one signs and must be private, all verify. Nobody but its owner and group may have access to a private one.",
		set: list(func(c *ClientSessions) *[]string { return &c.Keys }),
	},
	{
		name: "compress",
		doc:  "Sessions are compressed, so that more fits into the cookie. Its length then tells something of what is in it. Never more than 32 KiB are unpacked.",
		set:  flag(func(c *ClientSessions) *bool { return &c.Compress }),
	},
	{
		name: "track",
		doc:  "The store keeps a small record of each session, written at the login. With it they are listed, their properties can be changed, they end by their handles, and `idle_timeout` is enforced, as with `server`.",
		set:  flag(func(c *ClientSessions) *bool { return &c.Track }),
	},
}

// parseAuthenticatedSessions takes the scheme of a realm's sessions. Syntax:
//
//	authenticated_sessions server
//	authenticated_sessions client [{
//		<option>...
//	}]
func parseAuthenticatedSessions(d *caddyfile.Dispenser, r *Realm) error {
	if !d.NextArg() {
		return d.ArgErr()
	}
	arg := d.Val()
	scheme, ok := sessionSchemes[arg]
	switch {
	case ok:
	case arg == "in_memory" || arg == "In-Memory":
		return d.Errf("authenticated_sessions %s: not supported for authenticated sessions; use client or server", arg)
	default:
		return d.Errf("authenticated_sessions: there is no scheme %q; use client or server", arg)
	}
	if d.NextArg() {
		return d.ArgErr()
	}
	r.AuthenticatedSessions = scheme
	var c ClientSessions
	seen := make(map[string]bool)
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		if scheme != string(realm.SessionsClient) {
			return d.Errf("authenticated_sessions %s: it has no option %q; only client has options", arg, d.Val())
		}
		if err := parseOption(d, "authenticated_sessions", clientSessionOptions, &c, seen); err != nil {
			return err
		}
		r.ClientSessions = &c
	}
	return nil
}

// clientSessions makes of the realm's settings what they say of sessions that
// clients carry.
func (r *Realm) clientSessions(s *realm.Settings) (err error) {
	c := r.ClientSessions
	if c == nil {
		return nil
	}
	if s.AuthenticatedSessions != realm.SessionsClient {
		return fmt.Errorf("client_sessions are for sessions that their clients carry, but these are %s", s.AuthenticatedSessions)
	}
	var algorithms []token.Algorithm
	for _, name := range c.Algorithms {
		algorithms = append(algorithms, token.Algorithm(name))
	}
	var keys []token.SigningKey
	for _, file := range c.Keys {
		if file, err = replaced(file); err != nil {
			return fmt.Errorf("key: %w", err)
		}
		key, err := readSigningKey(file)
		if err != nil {
			return err
		}
		keys = append(keys, key)
	}
	if s.Signing, err = token.NewSigning(algorithms, keys); err != nil {
		return err
	}
	s.Signing.Compress, s.Track = c.Compress, c.Track
	return nil
}

// readSigningKey reads a key from a PEM file.
func readSigningKey(file string) (token.SigningKey, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return token.SigningKey{}, fmt.Errorf("key: %w", err)
	}
	key, err := token.ParseSigningKey(file, text)
	if err != nil || !key.Private() || runtime.GOOS == "windows" { // where there are no such permissions
		return key, err
	}
	info, err := os.Stat(file)
	if err == nil && info.Mode()&0o007 != 0 {
		err = fmt.Errorf("key %s: everybody on this machine has access to it; take that away: chmod o-rwx", file)
	}
	return key, err
}
