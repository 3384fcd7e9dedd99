package caddymodule

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/amgate/amgate/journey"
	"github.com/amgate/amgate/journey/nodes"
	"github.com/amgate/amgate/journey/treefile"
	"github.com/amgate/amgate/mail"
)

// Mail is how journeys send mail. What the app says holds for all realms; a
// realm may have a server and templates of its own.
type Mail struct {
	SMTP *SMTP `json:"smtp,omitempty"`
	// MailTemplateFiles are files, or patterns, of exports of AM and IDM;
	// MailTemplates stand in the configuration and before those of files.
	MailTemplateFiles []string        `json:"mail_template_files,omitempty"`
	MailTemplates     []*MailTemplate `json:"mail_templates,omitempty"`
}

// SMTP is a mail server. Placeholders are replaced everywhere.
type SMTP struct {
	// Address is the server's name, and its port unless that is the usual one.
	Address string `json:"address"`
	// From is the sender, "Example <no-reply@example.com>".
	From     string `json:"from,omitempty"`
	Username string `json:"username,omitempty"`
	Password string `json:"password,omitempty"`
	// TLS is starttls (the default), implicit or off.
	TLS string `json:"tls,omitempty"`
	// CA is a PEM file of who issued the server's certificate; by default
	// the system knows.
	CA string `json:"ca,omitempty"`
	// Timeout is for one mail, 10 seconds by default.
	Timeout caddy.Duration `json:"timeout,omitempty"`
}

// MailTemplate is a mail in one or more languages.
type MailTemplate struct {
	Name string `json:"name"`
	// From is the sender, that of the server by default.
	From    string     `json:"from,omitempty"`
	Subject nodes.Text `json:"subject,omitempty"`
	Text    nodes.Text `json:"text,omitempty"`
	HTML    nodes.Text `json:"html,omitempty"`
}

// mailer takes the realm's mailer from the pool, so that a reload does not make
// it forget what it has sent; nil if there is no server. all is what the app
// says; files are the realm's journeys, with their templates.
func (r *Realm) mailer(taken *releaser, all Mail, files *treefile.Set, log *slog.Logger) (journey.Mailer, error) {
	smtp := r.SMTP
	if smtp == nil {
		smtp = all.SMTP
	}
	if smtp == nil {
		if len(r.MailTemplateFiles)+len(r.MailTemplates) > 0 {
			return nil, errors.New("there are mail templates but no smtp; write for example: smtp mail.example.com")
		}
		return nil, nil
	}
	cfg, hidden, err := smtp.config()
	if err != nil {
		return nil, fmt.Errorf("smtp: %w", err)
	}
	cfg.Templates = usable(files, log.With("realm", r.Path))
	for _, m := range []Mail{all, r.Mail} {
		if err := m.addTemplates(cfg.Templates); err != nil {
			return nil, err
		}
	}
	key, err := mailerKey(cfg, hidden)
	if err != nil {
		return nil, err
	}
	m, err := take(taken, key, func() (*mailer, error) {
		m, err := mail.New(cfg)
		return &mailer{m}, err
	})
	if err != nil {
		return nil, err // it says that it is about mail
	}
	return m.Mailer, nil
}

// mailer closes when no configuration uses it any more.
type mailer struct{ *mail.Mailer }

// Destruct closes the mailer once nobody sends by it.
func (m *mailer) Destruct() error {
	whenUnused(func() error { m.Close(); return nil }, func(error) {})
	return nil
}

// mailerKey is the same for settings that make the same mailer. hidden is what
// cfg does not show.
func mailerKey(cfg mail.Config, hidden []string) (any, error) {
	cfg.RootCAs = nil
	text, err := json.Marshal([]any{cfg, hidden})
	if err != nil {
		return nil, err
	}
	return struct {
		name string
		hash [32]byte
	}{"mailer", sha256.Sum256(text)}, nil
}

// config reads the settings of the server, with placeholders replaced. hidden
// are the password and the certificates.
func (s *SMTP) config() (cfg mail.Config, hidden []string, err error) {
	cfg.TLS, cfg.Timeout = mail.TLS(s.TLS), time.Duration(s.Timeout)
	var password, ca string
	for _, field := range []struct {
		name, text string
		into       *string
	}{
		{"address", s.Address, &cfg.Host},
		{"from", s.From, &cfg.From},
		{"username", s.Username, &cfg.Username},
		{"password", s.Password, &password},
		{"ca", s.CA, &ca},
	} {
		if *field.into, err = replaced(field.text); err != nil {
			return cfg, nil, fmt.Errorf("%s: %w", field.name, err)
		}
	}
	cfg.Password = mail.NewPassword(password)
	if host, port, err := net.SplitHostPort(cfg.Host); err == nil {
		cfg.Host = host
		if cfg.Port, err = strconv.Atoi(port); err != nil || cfg.Port < 1 {
			return cfg, nil, fmt.Errorf("%q is no port; write for example mail.example.com:587", port)
		}
	}
	if ca == "" {
		return cfg, []string{password}, nil
	}
	pem, err := os.ReadFile(ca) // #nosec G304 -- the operator's own
	if err != nil {
		return cfg, nil, fmt.Errorf("ca: %w", err)
	}
	cfg.RootCAs = x509.NewCertPool()
	if !cfg.RootCAs.AppendCertsFromPEM(pem) {
		return cfg, nil, fmt.Errorf("ca: %s holds no certificate in PEM form", ca)
	}
	return cfg, []string{password, string(pem)}, nil
}

// usable are the templates of journeys in files. One that cannot be used is
// left out with a warning: only a journey that needs it cannot run then.
func usable(files *treefile.Set, log *slog.Logger) map[string]mail.Template {
	all := make(map[string]mail.Template)
	if files == nil {
		return all
	}
	for _, name := range slices.Sorted(maps.Keys(files.Templates)) {
		one, err := json.Marshal(map[string]any{"emailTemplates": map[string]json.RawMessage{name: files.Templates[name]}})
		var found map[string]mail.Template
		if err == nil {
			found, err = mail.ReadTemplates(one)
		}
		for name, t := range found {
			if err = t.Check(); err == nil {
				all[name] = t
			}
		}
		if err != nil {
			log.Warn("a mail template of a journey's file cannot be used", "template", name, "error", err)
		}
	}
	return all
}

// addTemplates adds the templates that stand in files and in the configuration;
// later ones replace earlier ones of their name.
func (m Mail) addTemplates(all map[string]mail.Template) error {
	for _, pattern := range m.MailTemplateFiles {
		found, err := readTemplates(pattern)
		if err != nil {
			return fmt.Errorf("mail_templates %s: %w", pattern, err)
		}
		maps.Copy(all, found)
	}
	for _, t := range m.MailTemplates {
		all[t.Name] = mail.Template{From: t.From, Subject: t.Subject, Text: t.Text, HTML: t.HTML}
	}
	return nil
}

// readTemplates reads the templates of the files that a pattern means.
func readTemplates(pattern string) (map[string]mail.Template, error) {
	pattern, err := replaced(pattern)
	if err != nil {
		return nil, err
	}
	files, err := filepath.Glob(pattern)
	if err == nil && len(files) == 0 {
		err = errors.New("there is no such file; name files or a pattern such as mails/*.json")
	}
	if err != nil {
		return nil, err
	}
	all := make(map[string]mail.Template)
	for _, file := range files {
		text, err := os.ReadFile(file) // #nosec G304 -- the operator's own
		if err != nil {
			return nil, err
		}
		found, err := mail.ReadTemplates(text)
		if err == nil && len(found) == 0 {
			err = errors.New("there is no mail template in it")
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		maps.Copy(all, found)
	}
	return all, nil
}

// mailOptions are those of a block that has a Mail.
func mailOptions[T any](of func(T) *Mail) []option[T] {
	return []option[T]{
		{
			name: "smtp", args: "<host>[:<port>] { … }",
			doc: "The mail server of journeys. What stands in `am` holds for all realms; a realm may have its own.",
			set: func(d *caddyfile.Dispenser, target T) error { return parseSMTP(d, of(target)) },
		},
		{
			name: "mail_templates", args: "<path...>", many: true,
			doc: "Mail templates in files: exports of AM and IDM, or patterns of them. Those of journeys in files need not be named.",
			set: list(func(target T) *[]string { return &of(target).MailTemplateFiles }),
		},
		{
			name: "mail_template", args: "<name> { … }", many: true,
			doc: "A mail template. It replaces one of the same name in a file, and in a realm one of `am`.",
			set: func(d *caddyfile.Dispenser, target T) error { return parseMailTemplate(d, of(target)) },
		},
	}
}

var smtpOptions = []option[*SMTP]{
	{
		name: "from", args: "<address>", doc: "The sender: `\"Example <no-reply@example.com>\"`. Required.",
		set: text(func(s *SMTP) *string { return &s.From }),
	},
	{
		name: "username", args: "<name>", def: "nobody signs in", doc: "Who signs in.",
		set: text(func(s *SMTP) *string { return &s.Username }),
	},
	{
		name: "password", args: "<text>", doc: "The password, best kept out of the Caddyfile: `{env.SMTP_PASSWORD}` or `{file./run/secrets/smtp}`.",
		set: text(func(s *SMTP) *string { return &s.Password }),
	},
	{
		name: "tls", args: "starttls | implicit | off", def: "starttls",
		doc: "`starttls` goes on only under TLS, `implicit` begins with it. `off` is for a server on the same machine.",
		set: func(d *caddyfile.Dispenser, s *SMTP) error {
			if !d.AllArgs(&s.TLS) {
				return d.ArgErr()
			}
			switch mail.TLS(s.TLS) {
			case mail.StartTLS, mail.ImplicitTLS, mail.NoTLS:
				return nil
			}
			return d.Errf("smtp: there is no tls %s; use starttls, implicit or off", s.TLS)
		},
	},
	{
		name: "ca", args: "<file>", def: "the system's", doc: "A PEM file of who issued the server's certificate.",
		set: text(func(s *SMTP) *string { return &s.CA }),
	},
	{
		name: "timeout", args: "<duration>", def: "10s", doc: "The bound of one mail.",
		set: duration(func(s *SMTP) *caddyDuration { return &s.Timeout }),
	},
}

var mailTemplateOptions = []option[*MailTemplate]{
	{
		name: "from", args: "<address>", def: "that of `smtp`", doc: "The sender.",
		set: text(func(t *MailTemplate) *string { return &t.From }),
	},
	{
		name: "subject", args: "[<language>] <text>", def: "en", many: true,
		doc: "The subject in a language. `{{object.givenName}}` is an attribute of the user, `{{resumeURI}}` the link.",
		set: texts(func(t *MailTemplate) *nodes.Text { return &t.Subject }),
	},
	{
		name: "text", args: "[<language>] <text>", def: "en", many: true, doc: "The mail as plain text.",
		set: texts(func(t *MailTemplate) *nodes.Text { return &t.Text }),
	},
	{
		name: "html", args: "[<language>] <text>", def: "en", many: true, doc: "The mail as HTML. One of both is enough.",
		set: texts(func(t *MailTemplate) *nodes.Text { return &t.HTML }),
	},
}

// parseSMTP reads a mail server from Caddyfile tokens. Syntax:
//
//	smtp <host>[:<port>] {
//		from     <address>
//		username <name>
//		password <text>
//		tls      starttls|implicit|off
//		ca       <file>
//		timeout  <duration>
//	}
func parseSMTP(d *caddyfile.Dispenser, m *Mail) error {
	m.SMTP = new(SMTP)
	if !d.Args(&m.SMTP.Address) || d.NextArg() {
		return d.ArgErr()
	}
	return parseBlock(d, "smtp", smtpOptions, m.SMTP)
}

// parseMailTemplate reads a mail template from Caddyfile tokens. Syntax:
//
//	mail_template <name> {
//		from    <address>
//		subject [<language>] <text>
//		text    [<language>] <text>
//		html    [<language>] <text>
//	}
func parseMailTemplate(d *caddyfile.Dispenser, m *Mail) error {
	t := new(MailTemplate)
	if !d.Args(&t.Name) || d.NextArg() {
		return d.ArgErr()
	}
	for _, other := range m.MailTemplates {
		if other.Name == t.Name {
			return d.Errf("mail_template %s is already specified", t.Name)
		}
	}
	m.MailTemplates = append(m.MailTemplates, t)
	return parseBlock(d, "mail_template "+t.Name, mailTemplateOptions, t)
}
