package file

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/amgate/amgate/identity"
	"github.com/amgate/amgate/identity/password"
)

// defaultPoll is how often the file is looked at.
const defaultPoll = time.Second

// Config says where the people are.
type Config struct {
	// Path of the file. Symbolic links are followed at each look.
	Path string
	// Gate bounds the password checks. Share one in the whole process.
	Gate *password.Gate
	// Logger is told of versions taken over and refused; never of what
	// they hold.
	Logger *slog.Logger
	// Poll is how often the file is looked at; 0 means every second.
	Poll time.Duration
}

// Store is an identity.Store over a file. Close it.
type Store struct {
	path   string
	gate   *password.Gate
	log    *slog.Logger
	people atomic.Pointer[people]
	// listeners are told of users that have changed.
	mu        sync.Mutex
	listeners map[*func([]string, time.Time)]struct{}
	// verify is Digest.Verify; tests count its calls.
	verify func(password.Digest, string) bool

	stop context.CancelFunc
	done chan struct{}
}

// Open reads the file and begins to look for changes of it. The error names
// file and line, and what would be right.
func Open(cfg Config) (*Store, error) {
	s := &Store{
		path:   cfg.Path,
		gate:   cfg.Gate,
		log:    cfg.Logger.With("file", cfg.Path),
		verify: password.Digest.Verify,
		done:   make(chan struct{}),

		listeners: make(map[*func([]string, time.Time)]struct{}),
	}
	w := watcher{path: cfg.Path}
	text, err := w.read()
	if err != nil {
		return nil, fmt.Errorf("users file: %w", err)
	}
	first, err := parse(cfg.Path, text)
	if err != nil {
		return nil, err
	}
	first.since = time.Now()
	s.people.Store(first)

	poll := cfg.Poll
	if poll <= 0 {
		poll = defaultPoll
	}
	ctx, stop := context.WithCancel(context.Background())
	s.stop = stop
	go func() {
		defer close(s.done)
		s.watch(ctx, &w, poll)
	}()
	return s, nil
}

// Close ends looking for changes and waits for a look under way. The people
// stay as they are. It may be called more than once.
func (s *Store) Close() {
	s.stop()
	<-s.done
}

// ByName finds a user by name. Errors: identity.ErrNotFound.
func (s *Store) ByName(ctx context.Context, username string) (*identity.User, error) {
	return found(ctx, s.people.Load().byName[identity.Canonical(username)])
}

// ByID finds a user by id. Errors: identity.ErrNotFound.
func (s *Store) ByID(ctx context.Context, id string) (*identity.User, error) {
	return found(ctx, s.people.Load().byID[id])
}

func found(ctx context.Context, p *person) (*identity.User, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if p == nil {
		return nil, identity.ErrNotFound
	}
	return &p.user, nil
}

// Authenticate returns the user whose name and password these are. Whoever
// the name belongs to, also nobody, it computes exactly one hash; see
// people.decoy for what keeps its cost from telling. Errors:
// identity.ErrCredentials, identity.ErrBusy, and that of ctx.
func (s *Store) Authenticate(ctx context.Context, username, pw string) (*identity.User, error) {
	p := s.people.Load()
	name := identity.Canonical(username)
	someone := p.byName[name]
	digest := p.decoy(name)
	if someone != nil && someone.user.HasPassword {
		digest = someone.digest
	}
	var match bool
	if err := s.gate.Do(ctx, func() { match = s.verify(digest, pw) }); err != nil {
		return nil, err
	}
	if !match || someone == nil || !someone.user.HasPassword {
		return nil, identity.ErrCredentials
	}
	return &someone.user, nil
}

// ByAttribute implements identity.Searcher. The first search by an attribute
// goes through everybody once for each version of the file.
func (s *Store) ByAttribute(ctx context.Context, attribute, value string, limit int) ([]*identity.User, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var users []*identity.User
	for _, one := range s.people.Load().by(attribute, value) {
		if len(users) == limit {
			break
		}
		users = append(users, &one.user)
	}
	return users, nil
}

// List implements identity.Lister. The first list goes through everybody once
// for each version of the file, and each search through their names.
func (s *Store) List(ctx context.Context, text string, page identity.Page) ([]*identity.User, string, error) {
	if err := ctx.Err(); err != nil {
		return nil, "", err
	}
	found, next := s.people.Load().roll().List(text, page)
	return found, next, nil
}

var (
	_ identity.Searcher = (*Store)(nil)
	_ identity.Lister   = (*Store)(nil)
)
