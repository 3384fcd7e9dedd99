package mail_test

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/amgate/amgate/journey"
	"github.com/amgate/amgate/mail"
	"github.com/amgate/amgate/mail/mailtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// config is how to send by a server of mailtest.
func config(s *mailtest.Server) mail.Config {
	return mail.Config{
		Host: s.Host, Port: s.Port, RootCAs: s.CA,
		Username: mailtest.Username, Password: mail.NewPassword(mailtest.Password),
		From: "Example <no-reply@example.com>",
		Templates: map[string]mail.Template{"registration": {
			Subject: map[string]string{"en": "Welcome, {{object.givenName}}", "de": "Grüß Gott, {{object.givenName}} 👋"},
			Text:    map[string]string{"en": "Go on: {{resumeURI}}\n", "de": "Weiter: {{object.resumeURI}}\n"},
			HTML:    map[string]string{"en": `<p>{{object.givenName}}: <a href="{{resumeURI}}">go on</a></p>`},
		}},
	}
}

func newMailer(tb testing.TB, cfg mail.Config) *mail.Mailer {
	tb.Helper()
	m, err := mail.New(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(m.Close)
	return m
}

const link = "https://am.example.com/am/XUI/?realm=/alpha&suspendedId=eyJ0.secret"

// registration is a mail that is full of what must not leak.
func registration(to string, languages ...string) journey.Mail {
	return journey.Mail{
		To: to, Template: "registration", Languages: languages,
		Values: map[string]any{
			"resumeURI": link,
			"object":    map[string][]string{"givenName": {"Barbara <b>&</b>"}, "mail": {to}},
		},
	}
}

func send(tb testing.TB, m *mail.Mailer, msg journey.Mail) {
	tb.Helper()
	if err := m.Send(tb.Context(), msg); err != nil {
		tb.Errorf("send to %s: %v", msg.To, err)
	}
}

func TestSend(t *testing.T) {
	server := mailtest.Start(t, mailtest.Options{})
	starttls := config(server)
	implicit := config(server)
	implicit.TLS, implicit.Port = mail.ImplicitTLS, server.TLSPort
	for name, cfg := range map[string]mail.Config{"starttls": starttls, "tls": implicit} {
		t.Run(name, func(t *testing.T) {
			to := name + "@example.org"
			send(t, newMailer(t, cfg), registration(to, "fr", "en-GB"))
			got := server.Await(to, 1)[0]
			if got.Subject != "Welcome, Barbara <b>&</b>" {
				t.Errorf("the subject is %q", got.Subject)
			}
			if want := "Go on: " + link + "\n"; got.Text != want {
				t.Errorf("the text is %q, want %q", got.Text, want)
			}
			want := `<p>Barbara &lt;b&gt;&amp;&lt;/b&gt;: <a href="` + strings.ReplaceAll(link, "&", "&amp;") + `">go on</a></p>`
			if strings.TrimSpace(got.HTML) != want {
				t.Errorf("the HTML is %q, want %q", got.HTML, want)
			}
			for header, want := range map[string]string{
				"From": `"Example" <no-reply@example.com>`, "To": "<" + to + ">", "Auto-Submitted": "auto-generated", "User-Agent": "", "X-Mailer": "",
			} {
				if value := got.Header.Get(header); value != want {
					t.Errorf("%s is %q, want %q", header, value, want)
				}
			}
			if id := got.Header.Get("Message-ID"); !strings.HasSuffix(id, "@example.com>") {
				t.Errorf("Message-ID is %q", id)
			}
		})
	}
	t.Run("german", func(t *testing.T) {
		send(t, newMailer(t, starttls), registration("german@example.org", "de-CH", "en"))
		got := server.Await("german@example.org", 1)[0]
		if got.Subject != "Grüß Gott, Barbara <b>&</b> 👋" || got.Text != "Weiter: "+link+"\n" || got.HTML != "" {
			t.Errorf("got %+v", got)
		}
	})
	t.Run("without a template", func(t *testing.T) {
		send(t, newMailer(t, starttls), journey.Mail{To: "otp@example.org", Subject: "Ihr Schlüssel", Text: "Er lautet 123456"})
		got := server.Await("otp@example.org", 1)[0]
		if got.Subject != "Ihr Schlüssel" || strings.TrimSpace(got.Text) != "Er lautet 123456" {
			t.Errorf("got %+v", got)
		}
	})
	t.Run("in parallel", func(t *testing.T) {
		m := newMailer(t, starttls)
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() { send(t, m, registration("parallel@example.org")) })
		}
		wg.Wait()
		if n := len(server.Await("parallel@example.org", 20)); n != 20 {
			t.Errorf("%d mails for 20", n)
		}
	})
	t.Run("an attempt is sent once", func(t *testing.T) {
		m := newMailer(t, starttls)
		msg := registration("once@example.org")
		msg.Attempt = "journey.1.1.node"
		var wg sync.WaitGroup
		for range 5 {
			wg.Go(func() { send(t, m, msg) })
		}
		wg.Wait()
		send(t, m, msg)
		msg.Attempt = "journey.2.1.node"
		send(t, m, msg)
		if n := len(server.Await("once@example.org", 2)); n != 2 {
			t.Errorf("%d mails for two attempts", n)
		}
	})
	t.Run("a new one-time password is another mail", func(t *testing.T) {
		m := newMailer(t, starttls)
		for _, text := range []string{"12345678", "12345678", "87654321"} {
			send(t, m, journey.Mail{To: "twice@example.org", Subject: "OTP", Text: text, Attempt: "journey.1.1.node"})
		}
		if n := len(server.Await("twice@example.org", 2)); n != 2 {
			t.Errorf("%d mails for two passwords", n)
		}
	})
}

// What a value holds must not become a header, a recipient, or markup.
// SECURITY 15.
func TestInjection(t *testing.T) {
	server := mailtest.Start(t, mailtest.Options{})
	m := newMailer(t, config(server))
	const hostile = "x\r\nBcc: victim@example.org\r\n\r\n.\r\nMAIL FROM:<victim@example.org>"
	send(t, m, journey.Mail{
		To: "subject@example.org", Template: "registration",
		Values: map[string]any{"resumeURI": "javascript:alert(1)", "object": map[string]any{"givenName": hostile + `"><script>`}},
	})
	got := server.Await("subject@example.org", 1)[0]
	if !strings.HasPrefix(got.Subject, "Welcome, x  Bcc: victim@example.org    .") {
		t.Errorf("the subject is %q", got.Subject)
	}
	if got.Header.Get("Bcc") != "" || strings.Contains(got.HTML, "<script") || strings.Contains(got.HTML, "javascript:") || !strings.Contains(got.HTML, `href="#"`) {
		t.Errorf("got %+v", got)
	}
	send(t, m, journey.Mail{To: "text@example.org", Subject: hostile, Text: hostile})
	if got := server.Await("text@example.org", 1)[0]; got.Header.Get("Bcc") != "" || !strings.Contains(got.Text, "\n.\nMAIL FROM") {
		t.Errorf("got %+v", got)
	}
	for _, to := range []string{
		"a@example.org, victim@example.org", "a@example.org\r\nBcc: victim@example.org", `"victim@example.org"@example.org`,
		"victim@example.org> <a@example.org", "Victim <victim@example.org>",
	} {
		err := m.Send(t.Context(), journey.Mail{To: to, Subject: "s", Text: "t"})
		if err == nil || journey.IsFault(err) || strings.Contains(err.Error(), "victim") {
			t.Errorf("to %q: error %v", to, err)
		}
	}
	if n := len(server.Messages("victim@example.org")); n != 0 {
		t.Errorf("the victim got %d mails", n)
	}
}

func TestRefusals(t *testing.T) {
	server := mailtest.Start(t, mailtest.Options{})
	plain := mailtest.Start(t, mailtest.Options{NoTLS: true})
	for _, tc := range []struct {
		name   string
		change func(cfg *mail.Config)
		to     string
		fault  bool
		want   string
	}{
		{"wrong CA", func(cfg *mail.Config) { cfg.RootCAs = x509.NewCertPool() }, "a@example.org", true, "connect: tls: failed to verify certificate"},
		{"wrong CA, tls", func(cfg *mail.Config) {
			cfg.RootCAs, cfg.TLS, cfg.Port = x509.NewCertPool(), mail.ImplicitTLS, server.TLSPort
		}, "a@example.org", true, "failed to verify certificate"},
		{"another name", func(cfg *mail.Config) { cfg.Host = "localhost" }, "a@example.org", true, "certificate is not valid for any names"},
		{"no STARTTLS", func(cfg *mail.Config) { cfg.Port = plain.Port }, "a@example.org", true, "does not support STARTTLS"},
		{"wrong password", func(cfg *mail.Config) { cfg.Password = mail.NewPassword("wrong-password") }, "a@example.org", false, "connect: 535"},
		{"not signed in", func(cfg *mail.Config) { cfg.Username, cfg.Password = "", mail.Password{} }, "a@example.org", false, "RCPT TO command: 550"},
		{"refused for now", func(*mail.Config) {}, mailtest.DeferredUser + "@example.org", true, "RCPT TO command: 451"},
		{"refused", func(*mail.Config) {}, mailtest.RefusedUser + "@example.org", false, "RCPT TO command: 550"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			cfg := config(server)
			tc.change(&cfg)
			err := newMailer(t, cfg).Send(t.Context(), registration(tc.to))
			if err == nil || errors.Is(err, journey.ErrService) != tc.fault || !strings.Contains(err.Error(), tc.want) {
				t.Fatalf("error %v; want %q, a fault: %t", err, tc.want, tc.fault)
			}
			checkSecrets(t, err)
		})
	}
	t.Run("no TLS where that is asked for", func(t *testing.T) {
		cfg := config(plain)
		cfg.TLS, cfg.Username, cfg.Password = mail.NoTLS, "", mail.Password{}
		send(t, newMailer(t, cfg), registration("plain@example.org"))
		plain.Await("plain@example.org", 1)
	})
}

// checkSecrets fails the test if an error tells of a mail or a password.
func checkSecrets(t *testing.T, err error) {
	t.Helper()
	for _, secret := range []string{"suspendedId", "Barbara", "example.org", mailtest.Password, "wrong-password"} {
		if strings.Contains(err.Error(), secret) {
			t.Errorf("the error holds %q: %v", secret, err)
		}
	}
}

// A server that is down decides nothing; a failure is no attempt that was made.
func TestServerDown(t *testing.T) {
	server := mailtest.Start(t, mailtest.Options{})
	m := newMailer(t, config(server))
	msg := registration("later@example.org")
	msg.Attempt = "attempt"
	server.Stop()
	if err := m.Send(t.Context(), msg); !errors.Is(err, journey.ErrService) {
		t.Errorf("error %v, want ErrService", err)
	}
	server.Restart()
	send(t, m, msg)
	server.Await("later@example.org", 1)
}

func TestContextAndClose(t *testing.T) {
	server := mailtest.Start(t, mailtest.Options{})
	m := newMailer(t, config(server))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := m.Send(ctx, registration("a@example.org")); !errors.Is(err, journey.ErrService) {
		t.Errorf("with a context that has ended: %v", err)
	}
	m.Close()
	m.Close()
	if err := m.Send(t.Context(), registration("a@example.org")); !errors.Is(err, journey.ErrService) {
		t.Errorf("after Close: %v", err)
	}
}

func TestPasswordTellsNothing(t *testing.T) {
	cfg := mail.Config{Password: mail.NewPassword("hunter2")}
	text, err := cfg.Password.MarshalText()
	if err != nil {
		t.Fatal(err)
	}
	for _, shown := range []string{
		fmt.Sprint(cfg), fmt.Sprintf("%v %+v %#v %s %q", cfg, cfg, cfg, cfg.Password, cfg.Password), string(text), cfg.Password.String(),
	} {
		if strings.Contains(shown, "hunter2") {
			t.Errorf("it shows: %s", shown)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	good := func() mail.Config {
		return mail.Config{Host: "smtp.example.com", From: "a@example.com", Timeout: time.Second}
	}
	for _, tc := range []struct {
		name   string
		change func(cfg *mail.Config)
		want   string
	}{
		{"no host", func(cfg *mail.Config) { cfg.Host = "" }, "write for example smtp.example.com"},
		{"host with a port", func(cfg *mail.Config) { cfg.Host = "smtp://x" }, `"smtp://x" is not the host`},
		{"port", func(cfg *mail.Config) { cfg.Port = 70000 }, "70000 is not a port"},
		{"tls", func(cfg *mail.Config) { cfg.TLS = "ssl" }, `tls "ssl" is not known; use starttls, implicit or off`},
		{"password in the clear", func(cfg *mail.Config) { cfg.TLS, cfg.Username = mail.NoTLS, "u" }, "is not sent without TLS"},
		{"password of nobody", func(cfg *mail.Config) { cfg.Password = mail.NewPassword("p") }, "a password but no username"},
		{"no sender", func(cfg *mail.Config) { cfg.From = "" }, "from: "},
		{"two senders", func(cfg *mail.Config) { cfg.From = "a@example.com, b@example.com" }, "from: "},
		{"template", func(cfg *mail.Config) { cfg.Templates = map[string]mail.Template{"welcome": {}} }, "template welcome: it has no subject"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			cfg := good()
			tc.change(&cfg)
			if _, err := mail.New(cfg); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v, want %q", err, tc.want)
			}
		})
	}
	m := newMailer(t, good())
	if m.HasTemplate("welcome") {
		t.Error("there is a template that nobody gave")
	}
	if err := m.Send(t.Context(), journey.Mail{To: "a@example.org", Template: "welcome"}); err == nil || journey.IsFault(err) {
		t.Errorf("a template that is not there: %v", err)
	}
}
