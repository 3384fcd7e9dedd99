package mail

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	netmail "net/mail"
	"sync"
	"time"

	"github.com/amgate/amgate/journey"
)

// TLS says how the connection to the mail server is protected.
type TLS string

// The ways to protect a connection.
const (
	// StartTLS begins in the clear and goes on only under TLS, RFC 3207.
	StartTLS TLS = "starttls"
	// ImplicitTLS is TLS from the first byte, RFC 8314.
	ImplicitTLS TLS = "implicit"
	// NoTLS is for a server on the same machine or a network that is trusted.
	NoTLS TLS = "off"
)

// The defaults of Config.
const (
	DefaultTimeout   = 10 * time.Second
	DefaultPort      = 587 // of StartTLS, RFC 6409
	DefaultPortTLS   = 465 // RFC 8314
	DefaultPortNoTLS = 25
)

// maxConnections is how many mails are sent at once; others wait.
const maxConnections = 8

// Config is a mail server and what is sent by it.
type Config struct {
	// Host is the server's name, which its certificate must have. Port is 587,
	// 465 or 25 if it is 0, depending on TLS.
	Host string
	Port int
	// TLS is StartTLS if it is "".
	TLS TLS
	// RootCAs are whom the server's certificate must come from; nil is the
	// system's.
	RootCAs *x509.CertPool
	// Username and Password sign in; without a name nobody does.
	Username string
	Password Password
	// From is the sender, "no-reply@example.com" or with a name before it,
	// unless a template has one of its own.
	From string
	// Timeout bounds the sending of one mail; 0 is DefaultTimeout.
	Timeout time.Duration
	// Templates are the realm's mails by name.
	Templates map[string]Template
}

// Password is a password that cannot slip into a log, a dump or a document.
// The zero Password is empty.
type Password struct {
	// The text is captured by a function, in which no package looks that
	// prints values by reflection; see token.Secret.
	reveal func() string
}

// NewPassword hides a password.
func NewPassword(text string) Password { return Password{func() string { return text }} }

// String tells nothing.
func (Password) String() string { return "(password)" }

// GoString tells nothing.
func (Password) GoString() string { return "mail.Password{}" }

// MarshalText tells nothing.
func (Password) MarshalText() ([]byte, error) { return []byte("(password)"), nil }

func (p Password) text() string {
	if p.reveal == nil {
		return ""
	}
	return p.reveal()
}

// Mailer implements journey.Mailer over SMTP. It is safe for concurrent use.
type Mailer struct {
	server    server
	from      *netmail.Address
	timeout   time.Duration
	templates map[string]*template
	attempts  attempts
	slots     chan struct{}

	mu      sync.Mutex
	closed  bool
	sending sync.WaitGroup
}

var _ journey.Mailer = (*Mailer)(nil)

// New checks the configuration. It does not connect.
func New(cfg Config) (*Mailer, error) {
	m := &Mailer{
		timeout:   cfg.Timeout,
		templates: make(map[string]*template, len(cfg.Templates)),
		slots:     make(chan struct{}, maxConnections),
	}
	if m.timeout <= 0 {
		m.timeout = DefaultTimeout
	}
	var err error
	if m.server, err = newServer(cfg); err != nil {
		return nil, err
	}
	if m.from, err = parseSender(cfg.From); err != nil {
		return nil, fmt.Errorf("mail: from: %w", err)
	}
	var errs []error
	for name, t := range cfg.Templates {
		if m.templates[name], err = compile(t); err != nil {
			errs = append(errs, fmt.Errorf("mail: template %s: %w", name, err))
		}
	}
	return m, errors.Join(errs...)
}

// HasTemplate implements journey.Mailer.
func (m *Mailer) HasTemplate(name string) bool { return m.templates[name] != nil }

// Send implements journey.Mailer. Of several calls for one mail of one attempt
// one sends it, and the others return what that one did.
func (m *Mailer) Send(ctx context.Context, mail journey.Mail) error {
	if !m.enter() {
		return fmt.Errorf("%w: mail: it is configured anew", journey.ErrService)
	}
	defer m.sending.Done()
	ctx, cancel := context.WithTimeout(ctx, m.timeout)
	defer cancel()
	return m.attempts.once(ctx, mail, func() error { return m.send(ctx, mail) })
}

// enter notes that a mail is being sent, unless the Mailer is closed.
func (m *Mailer) enter() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return false
	}
	m.sending.Add(1)
	return true
}

// Close waits for the mails that are being sent; further ones are
// journey.ErrService. It takes at most the Timeout and may be called again.
func (m *Mailer) Close() {
	m.mu.Lock()
	m.closed = true
	m.mu.Unlock()
	m.sending.Wait()
}

func (m *Mailer) send(ctx context.Context, mail journey.Mail) error {
	to, err := ParseAddress(mail.To)
	if err != nil {
		return fmt.Errorf("mail: to: %w", err)
	}
	c := content{subject: mail.Subject, text: mail.Text}
	from := m.from
	if mail.Template != "" {
		t := m.templates[mail.Template]
		if t == nil {
			return fmt.Errorf("mail: there is no template %q", mail.Template)
		}
		if t.from != nil {
			from = t.from
		}
		c = t.fill(mail.Values, mail.Languages)
	}
	select {
	case m.slots <- struct{}{}:
		defer func() { <-m.slots }()
	case <-ctx.Done():
		return fmt.Errorf("%w: mail: too many are being sent: %w", journey.ErrService, ctx.Err())
	}
	return m.server.deliver(ctx, newMessage(from, to, c))
}
