package guard

import (
	"errors"
	"fmt"
	"log/slog"

	"github.com/amgate/amgate/identity"
	"github.com/amgate/amgate/store"
	"github.com/amgate/amgate/token"
)

// Config is what a Guard is made of. Lockout may be nil.
type Config struct {
	// Store is the CTS.
	Store store.Store
	// Realm is the realm's path and Keys are its keys.
	Realm string
	Keys  *token.Keys
	// NameKey hashes names. It must outlive every rotation of secrets, see
	// token.Ring.DeriveLasting: with another one no record is found again.
	NameKey [32]byte
	// Users are the realm's people as their source knows them.
	Users identity.Store
	// Lockout locks names out after failed logins; nil for never.
	Lockout *Lockout
	// Switching says that accounts may be switched off. Without it nobody
	// looks whether one is.
	Switching bool
	// Logger is told of names that are locked out, by the id of their user,
	// and of records that are not what they should be.
	Logger *slog.Logger
}

// Guard guards the accounts of one realm. It is safe for concurrent use and
// has nothing to close.
type Guard struct {
	// Counters are for the realm's nodes.
	Counters *Counters
	// Accounts switch accounts on and off, and check what is no password.
	Accounts *Accounts
	// Users are the realm's people as everything but their source must see
	// them: not Active while they are switched off or locked out. If there is
	// no Lockout and no Switching they are those of Config and cost nothing.
	Users identity.Store
}

// New returns the guard of a realm. It does not touch the store.
func New(cfg Config) (*Guard, error) {
	if cfg.Store == nil || cfg.Keys == nil || cfg.Users == nil || cfg.Logger == nil {
		return nil, errors.New("guard: a guard needs a store, its realm's keys, its people and a logger")
	}
	if cfg.NameKey == [32]byte{} {
		return nil, errors.New("guard: a guard needs a key for names")
	}
	if cfg.Lockout != nil {
		if err := cfg.Lockout.Check(); err != nil {
			return nil, err
		}
	}
	r, err := newRecords(cfg)
	if err != nil {
		return nil, fmt.Errorf("guard: realm %s: %w", cfg.Realm, err)
	}
	var l *lockout
	if cfg.Lockout != nil {
		l = &lockout{Lockout: *cfg.Lockout, records: r, users: cfg.Users}
	}
	g := &Guard{Counters: &Counters{r}, Accounts: &Accounts{r, l}, Users: cfg.Users}
	if l != nil || cfg.Switching {
		g.Users = guarded(cfg, r, l)
	}
	return g, nil
}
