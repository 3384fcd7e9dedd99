package journeytest

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/amgate/amgate/identity"
	"github.com/amgate/amgate/journey"
)

// Realm is what a realm lends to nodes, in memory, for tests of nodes. It is
// safe for concurrent use.
type Realm struct {
	// Templates are the names of the mail templates that exist.
	Templates []string
	// Broken is what sending a mail and counting fail with, if it is set.
	Broken error

	mu       sync.Mutex
	mails    []journey.Mail
	counters map[string]counter
	inactive map[string]bool
	counts   map[string]int
	times    map[string][]time.Duration
}

type counter struct {
	value   int
	attempt string
}

// Services are the services of the realm. The fields that a configuration
// fills in, Agents, Terms, Questions and Webhooks, are the caller's to set.
func (r *Realm) Services() *journey.Services {
	return &journey.Services{
		Counters: (*counters)(r), Accounts: (*accounts)(r), Sealer: sealer{}, Meter: (*meter)(r), Mailer: (*mailer)(r),
	}
}

// Mails are the mails that were sent.
func (r *Realm) Mails() []journey.Mail {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.mails)
}

// Inactive reports whether a user's account was switched off.
func (r *Realm) Inactive(userID string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.inactive[userID]
}

// Counted is how often a metric was counted, and Timed what it timed.
func (r *Realm) Counted(name string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.counts[name]
}

// Timed are the durations that were reported under a name.
func (r *Realm) Timed(name string) []time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.times[name])
}

// set writes one entry of a map that may not be there yet.
func set[V any](m *map[string]V, key string, value V) {
	if *m == nil {
		*m = make(map[string]V)
	}
	(*m)[key] = value
}

type counters Realm

func (c *counters) Add(_ context.Context, userID, name string, n int, _ time.Duration, attempt string) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.Broken != nil {
		return 0, c.Broken
	}
	now := c.counters[userID+"\n"+name]
	if now.attempt != attempt {
		now = counter{value: now.value + n, attempt: attempt}
		set(&c.counters, userID+"\n"+name, now)
	}
	return now.value, nil
}

func (c *counters) Get(_ context.Context, userID, name string) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.counters[userID+"\n"+name].value, c.Broken
}

func (c *counters) Reset(_ context.Context, userID, name string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.counters, userID+"\n"+name)
	return c.Broken
}

type accounts Realm

func (a *accounts) SetActive(_ context.Context, u *identity.User, active bool) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	set(&a.inactive, u.ID, !active)
	return a.Broken
}

func (a *accounts) Check(_ context.Context, _ *identity.User, right func() bool) (bool, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.Broken != nil {
		return false, a.Broken
	}
	return right(), nil
}

type meter Realm

func (m *meter) Count(name string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	set(&m.counts, name, m.counts[name]+1)
}

func (m *meter) Time(name string, d time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	set(&m.times, name, append(m.times[name], d))
}

type mailer Realm

func (m *mailer) Send(_ context.Context, mail journey.Mail) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.Broken == nil {
		m.mails = append(m.mails, mail)
	}
	return m.Broken
}

func (m *mailer) HasTemplate(name string) bool { return slices.Contains(m.Templates, name) }

// sealer signs what it is given and does not hide it.
type sealer struct{}

func (sealer) Seal(purpose string, plain []byte) (string, error) {
	return base64.RawURLEncoding.EncodeToString(plain) + "." + sign(purpose, plain), nil
}

func (s sealer) Open(purpose, sealed string) ([]byte, error) {
	text, _, _ := strings.Cut(sealed, ".")
	plain, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return nil, journey.ErrSignature
	}
	// Sealed again, every character counts, also those that decoding skips.
	if again, _ := s.Seal(purpose, plain); !hmac.Equal([]byte(again), []byte(sealed)) {
		return nil, journey.ErrSignature
	}
	return plain, nil
}

func sign(purpose string, plain []byte) string {
	m := hmac.New(sha256.New, []byte("journeytest"))
	m.Write([]byte(purpose + "\x00"))
	m.Write(plain)
	return base64.RawURLEncoding.EncodeToString(m.Sum(nil))
}
