package journey

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/amgate/amgate/identity"
	"github.com/amgate/amgate/store"
)

// ErrService says that something a node depends on, a mail server for
// example, did not answer: nothing was decided, and the step can be answered
// again.
var ErrService = errors.New("journey: a service is not available")

// faults are the errors that leave a step answerable.
var faults = []error{
	store.ErrUnavailable, identity.ErrUnavailable, identity.ErrBusy, ErrService,
	context.Canceled, context.DeadlineExceeded,
}

// IsFault reports whether err is a fault: nothing was decided, whatever else
// err wraps, and the same step can be answered again.
func IsFault(err error) bool {
	for _, fault := range faults {
		if errors.Is(err, fault) {
			return true
		}
	}
	return false
}

// Services are what a realm lends to its nodes. A field is nil, or empty,
// where the realm does not have the thing; a node that cannot do without is a
// Requirer.
type Services struct {
	// Counters count in the CTS. They are always there.
	Counters Counters
	// Accounts switch accounts on and off. They are always there.
	Accounts Accounts
	// Sealer seals what clients keep for us. It is always there.
	Sealer Sealer
	// Meter counts and times under the names of a journey's metrics. It is
	// always there.
	Meter Meter
	// Links says that a journey can be suspended: that its link can be made.
	Links bool
	// Mailer sends mail.
	Mailer Mailer
	// Agents are the realm's agents, which are no people.
	Agents identity.Store
	// Terms are the terms and conditions in force.
	Terms *Terms
	// Questions are the security questions that the realm offers.
	Questions []Question
	// Webhooks are the names of the realm's webhooks.
	Webhooks []string
	// OwnCookies are the names of amgate's own cookies, of all realms: no node
	// may set one of them.
	OwnCookies []string
}

// The kinds of a Need.
const (
	NeedBaseURL  = "base_url" // of a node that suspends
	NeedMail     = "mail"
	NeedTemplate = "mail_template"
	NeedAgents   = "agents"
	NeedTerms    = "terms"
	NeedKBA      = "security_question"
	NeedWebhook  = "webhook"
	// NeedCookie is the need for a cookie that is not amgate's own; no option
	// provides it.
	NeedCookie = "cookie"
)

// Need is something that a node cannot work without.
type Need struct {
	// Kind is one of the constants, and the option that provides it.
	Kind string
	// Name says which one, where there are several.
	Name string
}

func (n Need) String() string {
	if n.Name == "" {
		return n.Kind
	}
	return n.Kind + " " + n.Name
}

// Counters count things about users, exactly across nodes.
type Counters interface {
	// Add adds n to a counter of a user, by id, and returns its value. The
	// same attempt adds once, see Input.Attempt, if no other comes between.
	// The counter is gone after the time ttl without an Add; 0 is never.
	// Errors: store.ErrUnavailable.
	Add(ctx context.Context, userID, counter string, n int, ttl time.Duration, attempt string) (int, error)
	// Get is the value of a counter, 0 if nothing was counted. Errors:
	// store.ErrUnavailable.
	Get(ctx context.Context, userID, counter string) (int, error)
	// Reset forgets a counter. Errors: store.ErrUnavailable.
	Reset(ctx context.Context, userID, counter string) error
}

// Accounts switch accounts on and off (AM's inetuserstatus), and lock them out.
// The realm's people are seen as not Active while they are off, on all nodes.
type Accounts interface {
	// SetActive does nothing if the account is like that already. Switching on
	// also ends a lockout. Errors: store.ErrUnavailable.
	SetActive(ctx context.Context, u *identity.User, active bool) error
	// Check checks a credential of a user that is no password, such as a
	// one-time password: right tells whether the client has it. What is wrong
	// counts for the realm's lockout, in all journeys together, and no password
	// that is right makes up for it. Errors: identity.ErrLocked if the user may
	// not try now; identity.ErrBusy, identity.ErrUnavailable.
	Check(ctx context.Context, u *identity.User, right func() bool) (bool, error)
}

// Sealer encrypts and signs values that a client keeps, a persistent cookie
// for example, under keys of the realm.
type Sealer interface {
	// Seal returns a text of the characters of a compact JWT.
	Seal(purpose string, plain []byte) (string, error)
	// Open returns what Seal was given; ErrSignature for anything that was
	// not sealed by this realm, for this purpose.
	Open(purpose, sealed string) ([]byte, error)
}

// Meter is where Meter and Timer nodes report. Names come from the
// configuration, never from a client.
type Meter interface {
	Count(name string)
	Time(name string, d time.Duration)
}

// Mailer sends mail.
type Mailer interface {
	// Send returns when the mail server has taken the mail. Errors:
	// ErrService if it did not answer or refused for now; any other is final.
	Send(ctx context.Context, m Mail) error
	// HasTemplate reports whether there is a template of this name.
	HasTemplate(name string) bool
}

// Mail is one message.
type Mail struct {
	// To is an address, as the identity has it.
	To string
	// Template names the template that makes subject and body, with Values in
	// it. Without one Subject and Text are sent as they are.
	Template      string
	Subject, Text string
	// Values are what the template may use. A resume link is "resumeURI", as
	// in AM; the user's attributes are below "object".
	Values map[string]any
	// Languages are the recipient's wishes, best first.
	Languages []string
	// Attempt names the attempt that the mail is part of, see Input.Attempt: a
	// mail of the same To, Template, Subject and Text is not sent again. One with
	// another text, such as a new one-time password, is another mail. "" is for a
	// mail that always is sent.
	Attempt string
}

// Terms are terms and conditions.
type Terms struct {
	Version string
	// Created is when the version came into force.
	Created time.Time
	// Text is the terms by language.
	Text map[string]string
}

// Question is a security question, by language.
type Question struct {
	ID   string
	Text map[string]string
}

// Check tells whether the services meet a need, and which option would.
func (s *Services) Check(n Need) error {
	met := false
	switch n.Kind {
	case NeedCookie:
		if slices.Contains(s.OwnCookies, n.Name) {
			return fmt.Errorf("it sets the cookie %s, which is amgate's own; choose another name", n.Name)
		}
		return nil
	case NeedBaseURL:
		met = s.Links
	case NeedMail:
		met = s.Mailer != nil
	case NeedTemplate:
		met = s.Mailer != nil && s.Mailer.HasTemplate(n.Name)
	case NeedAgents:
		met = s.Agents != nil
	case NeedTerms:
		met = s.Terms != nil
	case NeedKBA:
		met = len(s.Questions) > 0
	case NeedWebhook:
		met = slices.Contains(s.Webhooks, n.Name)
	}
	if met {
		return nil
	}
	return fmt.Errorf("it needs %s, which is not configured", n)
}
