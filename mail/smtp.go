package mail

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	netmail "net/mail"
	"net/textproto"
	"strconv"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"

	"github.com/amgate/amgate/journey"
)

// mechanisms are how we sign in, the best first: what proves the password to
// the server without sending it, then what sends it, under TLS only.
var mechanisms = []gomail.SMTPAuthType{
	gomail.SMTPAuthSCRAMSHA256PLUS, gomail.SMTPAuthSCRAMSHA256, gomail.SMTPAuthPlain, gomail.SMTPAuthLogin,
}

// server is a mail server.
type server struct {
	host     string
	port     int
	mode     TLS
	tls      *tls.Config
	username string
	password Password
}

func newServer(cfg Config) (server, error) {
	s := server{
		host: cfg.Host, port: cfg.Port, mode: cfg.TLS, username: cfg.Username, password: cfg.Password,
		tls: &tls.Config{ServerName: cfg.Host, RootCAs: cfg.RootCAs, MinVersion: tls.VersionTLS12},
	}
	if s.mode == "" {
		s.mode = StartTLS
	}
	ports := map[TLS]int{StartTLS: DefaultPort, ImplicitTLS: DefaultPortTLS, NoTLS: DefaultPortNoTLS}
	port, known := ports[s.mode]
	if s.port == 0 {
		s.port = port
	}
	switch {
	case !known:
		return s, fmt.Errorf("mail: tls %q is not known; use %s, %s or %s", s.mode, StartTLS, ImplicitTLS, NoTLS)
	case s.host == "" || strings.ContainsAny(s.host, " \t\r\n/@"):
		return s, fmt.Errorf("mail: %q is not the host of a mail server; write for example smtp.example.com", s.host)
	case s.port < 1 || s.port > 65535:
		return s, fmt.Errorf("mail: %d is not a port", s.port)
	case s.username != "" && s.mode == NoTLS:
		return s, fmt.Errorf("mail: a password is not sent without TLS; use tls %s or %s, or no username", StartTLS, ImplicitTLS)
	case s.username == "" && s.password.text() != "":
		return s, errors.New("mail: there is a password but no username")
	}
	return s, nil
}

func (s server) address() string { return net.JoinHostPort(s.host, strconv.Itoa(s.port)) }

// deliver hands a message to the server over a connection of its own, which
// does not outlive ctx.
func (s server) deliver(ctx context.Context, msg *gomail.Msg) error {
	var conn net.Conn
	client, err := s.client(ctx, func(dialCtx context.Context, network, address string) (_ net.Conn, err error) {
		conn, err = s.dial(dialCtx, network, address)
		return conn, err
	})
	if err != nil {
		return fmt.Errorf("mail: %w", err)
	}
	session, err := client.DialToSMTPClientWithContext(ctx)
	if conn != nil {
		defer conn.Close() // the library leaves it open after a failure
	}
	if err != nil {
		return s.fault(ctx, "connect", err)
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	if err = client.SendWithSMTPClient(session, msg); err != nil && !msg.IsDelivered() {
		return s.fault(ctx, "send", err)
	}
	_ = session.Quit() // the server has the mail
	return nil
}

// client is used for one message, since signing in changes it.
func (s server) client(ctx context.Context, dial gomail.DialContextFunc) (*gomail.Client, error) {
	deadline, ok := ctx.Deadline()
	if !ok {
		deadline = time.Now().Add(DefaultTimeout)
	}
	policy := gomail.NoTLS
	if s.mode == StartTLS {
		policy = gomail.TLSMandatory
	}
	options := []gomail.Option{
		gomail.WithPort(s.port),
		gomail.WithTimeout(max(time.Until(deadline), time.Millisecond)),
		gomail.WithTLSPolicy(policy),
		gomail.WithTLSConfig(s.tls),
		gomail.WithDialContextFunc(dial),
	}
	if s.username != "" {
		options = append(options,
			gomail.WithOpportunisticSMTPAuth(mechanisms...),
			gomail.WithUsername(s.username), gomail.WithPassword(s.password.text()))
	}
	return gomail.NewClient(s.host, options...)
}

func (s server) dial(ctx context.Context, network, address string) (net.Conn, error) {
	if s.mode == ImplicitTLS {
		return (&tls.Dialer{Config: s.tls}).DialContext(ctx, network, address)
	}
	return (&net.Dialer{}).DialContext(ctx, network, address)
}

// fault says why a mail was not taken: the stage and the server's code, or
// what went wrong with the connection. Nothing that the server wrote is kept.
func (s server) fault(ctx context.Context, stage string, err error) error {
	code, why := 0, ""
	if reply, ok := errors.AsType[*textproto.Error](err); ok {
		code = reply.Code
	}
	switch sent, ok := errors.AsType[*gomail.SendError](err); {
	case ok:
		stage = sent.Reason.String()
		if code == 0 {
			code = sent.ErrorCode()
		}
		why = sent.EnhancedStatusCode()
	case code == 0:
		why = err.Error()
	}
	if code != 0 {
		why = strings.TrimSpace(strconv.Itoa(code) + " " + why)
	}
	if ctx.Err() != nil {
		why = ctx.Err().Error()
	}
	err = fmt.Errorf("mail: %s: %s: %s", s.address(), stage, why)
	if code >= 500 {
		return err
	}
	return fmt.Errorf("%w: %w", journey.ErrService, err)
}

// content is what a recipient sees. A part that is "" is left out.
type content struct{ subject, text, html string }

func newMessage(from *netmail.Address, to string, c content) *gomail.Msg {
	msg := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	msg.FromMailAddress(from)
	msg.ToMailAddress(&netmail.Address{Address: to})
	msg.Subject(oneLine(c.subject))
	msg.SetDate()
	_, domain, _ := strings.Cut(from.Address, "@")
	msg.SetMessageIDWithValue(rand.Text() + "@" + domain)
	msg.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834
	switch {
	case c.html == "":
		msg.SetBodyString(gomail.TypeTextPlain, c.text)
	case c.text == "":
		msg.SetBodyString(gomail.TypeTextHTML, c.html)
	default:
		msg.SetBodyString(gomail.TypeTextPlain, c.text)
		msg.AddAlternativeString(gomail.TypeTextHTML, c.html)
	}
	return msg
}

// oneLine makes of s what can stand in a header: control characters, line
// breaks first of all, become spaces.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == '\u0085' || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, s)
}
