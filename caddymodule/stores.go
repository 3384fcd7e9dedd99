package caddymodule

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/amgate/amgate/store"
	"github.com/amgate/amgate/store/etcd"
	"github.com/amgate/amgate/store/etcd/embedded"
	"github.com/amgate/amgate/store/memory"
	"github.com/amgate/amgate/token"
)

func init() {
	caddy.RegisterModule(MemoryStore{})
	caddy.RegisterModule(EtcdStore{})
}

// StoreModule is what a module in the namespace am.stores has to be.
type StoreModule interface {
	// Open opens the store. It is called once for each distinct
	// configuration of the module, when that starts, and never by caddy
	// validate; log outlives the configuration. A store that is an io.Closer
	// is closed when no configuration uses it any more.
	Open(ctx context.Context, log *slog.Logger) (store.Store, error)
}

// keyMaker is a StoreModule whose store may belong to this process alone,
// which then makes its own signing key. SigningKey is called once the store is
// open, so that nobody else works on what lies beside it.
type keyMaker interface {
	MakesKey() bool
	SigningKey() (token.Secret, error)
}

func makesKey(m StoreModule) bool {
	maker, ok := m.(keyMaker)
	return ok && maker.MakesKey()
}

// MemoryStore keeps everything in this process and forgets it at the end:
// for tests and throw-away runs.
type MemoryStore struct{}

// CaddyModule returns the Caddy module information.
func (MemoryStore) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "am.stores.memory", New: func() caddy.Module { return new(MemoryStore) }}
}

// Open returns an empty store.
func (*MemoryStore) Open(_ context.Context, log *slog.Logger) (store.Store, error) {
	log.Warn("the store is in memory only: every session ends with this process")
	return memory.New(), nil
}

// MakesKey says yes: nobody else sees what the key signs.
func (*MemoryStore) MakesKey() bool { return true }

// SigningKey makes a key that is as short-lived as the store.
func (*MemoryStore) SigningKey() (token.Secret, error) { return token.GenerateSecret(), nil }

// UnmarshalCaddyfile sets up the store from Caddyfile tokens. Syntax:
//
//	memory
func (*MemoryStore) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // consume the module's name
	if d.NextArg() || d.NextBlock(d.Nesting()) {
		return d.Err("store memory takes neither arguments nor options")
	}
	return nil
}

// EtcdStore keeps the CTS in etcd: embedded in this process by default, or a
// cluster.
type EtcdStore struct {
	// Embedded is the folder of the embedded etcd; "data/cts" by default.
	Embedded string `json:"embedded,omitempty"`
	// Endpoints are those of an etcd cluster, instead of an embedded one.
	Endpoints []string `json:"endpoints,omitempty"`
	// Prefix goes before all keys, "/am" by default.
	Prefix string `json:"prefix,omitempty"`
	// Timeout bounds each operation, 2 seconds by default.
	Timeout caddy.Duration `json:"timeout,omitempty"`
	// TLS is for https endpoints. By default the system's authorities are
	// trusted, and no certificate is shown.
	TLS *EtcdTLS `json:"tls,omitempty"`
	// Username is who the store is for a cluster that asks. Placeholders in
	// the password are replaced each time that it is needed.
	Username string `json:"username,omitempty"`
	Password string `json:"password,omitempty"`
}

// EtcdTLS says whom an EtcdStore trusts and how it shows who it is. All files
// are in PEM form, and are read again for each connection.
type EtcdTLS struct {
	CA          string `json:"ca,omitempty"`
	Certificate string `json:"certificate,omitempty"`
	Key         string `json:"key,omitempty"`
	// ServerName is whom the members' certificates are made out to, by
	// default each to the host of its endpoint.
	ServerName string `json:"server_name,omitempty"`
}

// CaddyModule returns the Caddy module information.
func (EtcdStore) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "am.stores.etcd", New: func() caddy.Module { return new(EtcdStore) }}
}

// Provision fills in the defaults.
func (s *EtcdStore) Provision(caddy.Context) error {
	if len(s.Endpoints) == 0 && s.Embedded == "" {
		s.Embedded = filepath.Join("data", "cts")
	}
	if s.Prefix == "" {
		s.Prefix = "/am"
	}
	if s.Timeout == 0 {
		s.Timeout = caddy.Duration(2 * time.Second)
	}
	if s.Embedded == "" {
		return nil
	}
	var err error
	s.Embedded, err = filepath.Abs(s.Embedded)
	return err
}

// Validate refuses settings that contradict each other.
func (s *EtcdStore) Validate() error {
	if s.Embedded != "" && len(s.Endpoints) > 0 {
		return errors.New("an etcd is either embedded or has endpoints, not both")
	}
	if s.Timeout < 0 {
		return fmt.Errorf("timeout %v is negative", time.Duration(s.Timeout))
	}
	if s.Embedded == "" {
		return s.config(nil).Validate()
	}
	if s.TLS != nil || s.Username != "" {
		return errors.New("an embedded etcd listens nowhere: tls, server_name and user are for endpoints")
	}
	return nil
}

// config is what the store needs to know, but for an embedded server.
func (s *EtcdStore) config(log *slog.Logger) etcd.Config {
	return etcd.Config{
		Endpoints: s.Endpoints, Prefix: s.Prefix, Timeout: time.Duration(s.Timeout), Logger: log,
		TLS: (*etcd.TLS)(s.TLS), User: s.Username,
		Password: func() (string, error) { return replaced(s.Password) },
	}
}

// Open connects to the cluster, or to the embedded server, which it starts
// unless another configuration of this process has it running.
func (s *EtcdStore) Open(ctx context.Context, log *slog.Logger) (store.Store, error) {
	cfg := s.config(log)
	if s.Embedded == "" {
		return etcd.New(cfg)
	}
	embeddedMoves.Lock()
	defer embeddedMoves.Unlock()
	var taken releaser
	server, err := take(&taken, embeddedKey(s.Embedded), func() (*embeddedServer, error) {
		log.Info("opening the store", "folder", s.Embedded)
		server, err := embedded.Start(ctx, embedded.Config{Dir: s.Embedded, Logger: log})
		if err != nil {
			return nil, err
		}
		embeddedServers.Store(server, s.Embedded)
		return &embeddedServer{Server: server}, nil
	})
	if err != nil {
		return nil, err
	}
	cfg.Client, cfg.Alone = server.Client(), true
	st, err := etcd.New(cfg)
	if err != nil {
		return nil, errors.Join(err, taken.release())
	}
	return &embeddedStore{Store: st, taken: taken}, nil
}

// embeddedKey names an embedded server in the pool: its folder alone, since
// a folder can be open only once, whatever the other settings are.
type embeddedKey string

// embeddedMoves is held while an embedded server starts or stops. The pool
// lets go of a server before that has let go of its folder, and a start that
// fell in between would find the folder in use, by this process.
var embeddedMoves sync.Mutex

type embeddedServer struct{ *embedded.Server }

// embeddedServers are those of this process: one, or for a while two
// when a configuration has changed the folder. Metrics and the admin API look
// at them here, because they belong to no configuration.
var embeddedServers sync.Map // *embedded.Server → its folder

// Destruct stops the server. Only a backend that has drained gives it back,
// so nothing works on it.
func (s *embeddedServer) Destruct() error {
	embeddedServers.Delete(s.Server)
	return s.Close()
}

// embeddedStore is a store together with its share of the embedded server.
type embeddedStore struct {
	*etcd.Store
	taken releaser
}

// Close closes the store, and the server with the last store on it.
func (s *embeddedStore) Close() error {
	err := s.Store.Close()
	embeddedMoves.Lock()
	defer embeddedMoves.Unlock()
	return errors.Join(err, s.taken.release())
}

// MakesKey says whether the store is embedded: then it has no other users.
func (s *EtcdStore) MakesKey() bool { return s.Embedded != "" }

// SigningKey reads the key beside the embedded store's folder, and makes it
// at the first start. It never lies in etcd, so that a copy of the store
// alone opens nothing.
func (s *EtcdStore) SigningKey() (token.Secret, error) {
	path := s.Embedded + ".signing_key"
	text, err := os.ReadFile(path)
	if err == nil {
		secret, err := token.ParseSecret(strings.TrimSpace(string(text)))
		if err != nil {
			return token.Secret{}, fmt.Errorf("%s: %w", path, err)
		}
		return secret, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return token.Secret{}, err
	}
	secret := token.GenerateSecret()
	return secret, writeWhole(path, secret.Base64()+"\n")
}

// writeWhole writes a file that only its owner can read. It is there whole and
// for good, or not at all: a process that is killed leaves no half of a key
// behind, which the next start would refuse.
func writeWhole(path, text string) error {
	dir := filepath.Dir(path)
	file, err := os.CreateTemp(dir, filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	_, err = file.WriteString(text)
	err = errors.Join(err, file.Sync(), file.Close())
	if err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(file.Name()))
	}
	folder, err := os.Open(dir) // #nosec G304 -- the operator's own
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

// UnmarshalCaddyfile sets up the store from Caddyfile tokens. Syntax:
//
//	etcd [<endpoints...>] {
//		embedded    <folder>
//		prefix      <prefix>
//		timeout     <duration>
//		tls         <ca> [<certificate> <key>]
//		server_name <name>
//		user        <name> <password>
//	}
func (s *EtcdStore) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // consume the module's name
	s.Endpoints = d.RemainingArgs()
	for _, endpoint := range s.Endpoints {
		if err := etcd.CheckEndpoint(endpoint); err != nil {
			return d.WrapErr(err)
		}
	}
	return parseBlock(d, "store etcd", etcdOptions, s)
}

// Interface guards
var (
	_ StoreModule           = (*MemoryStore)(nil)
	_ keyMaker              = (*MemoryStore)(nil)
	_ StoreModule           = (*EtcdStore)(nil)
	_ keyMaker              = (*EtcdStore)(nil)
	_ caddy.Provisioner     = (*EtcdStore)(nil)
	_ caddy.Validator       = (*EtcdStore)(nil)
	_ caddyfile.Unmarshaler = (*MemoryStore)(nil)
	_ caddyfile.Unmarshaler = (*EtcdStore)(nil)
)
