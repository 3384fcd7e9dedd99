package realm

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"log/slog"
	"time"

	"github.com/amgate/amgate/journey"
	"github.com/amgate/amgate/session"
)

// AM's names of audit events (AM 8.1, "Audit log reference").
const (
	eventNode      = "AM-NODE-LOGIN-COMPLETED"
	eventTree      = "AM-TREE-LOGIN-COMPLETED"
	eventLogin     = "AM-LOGIN-COMPLETED"
	eventLogout    = "AM-LOGOUT"
	eventCreated   = "AM-SESSION-CREATED"
	eventLoggedOut = "AM-SESSION-LOGGED_OUT"
	eventIdle      = "AM-SESSION-IDLE_TIMED_OUT"
	eventMax       = "AM-SESSION-MAX_TIMED_OUT"
	eventDestroyed = "AM-SESSION-DESTROYED"
	eventProperty  = "AM-SESSION-PROPERTY_CHANGED"

	componentLogin   = "Authentication"
	componentSession = "Session"
)

// resultOf is how AM's audit log says whether something went well.
func resultOf(ok bool) slog.Attr {
	if ok {
		return slog.String("result", "SUCCESSFUL")
	}
	return slog.String("result", "FAILED")
}

// maxAttrs is how many attributes the longest event has, that of a node.
const maxAttrs = 12

// audited is what a call tells the audit log with each event. Nothing of it is
// an answer, a token or a journey's id.
func (c *call) audited(component string, tracking []string, subject string) []slog.Attr {
	if c.transaction == "" {
		c.transaction = newUUID()
	}
	attrs := append(make([]slog.Attr, 0, maxAttrs),
		slog.String("component", component),
		slog.String("realm", c.Path),
		slog.String("transactionId", c.transaction),
		slog.Any("trackingIds", tracking),
	)
	if subject != "" {
		attrs = append(attrs, slog.String("userId", c.UniversalID(subject)))
	}
	if c.req.Client != nil && c.req.Client.Address.IsValid() {
		attrs = append(attrs, slog.Group("client", slog.String("ip", c.req.Client.Address.String())))
	}
	return attrs
}

// tracked names the call's journey in logs.
func (c *call) tracked() string {
	if c.tracking == "" {
		c.tracking = tracking(c.snap.ID)
	}
	return c.tracking
}

// tracking names a journey in logs. It is derived one way from the journey's
// id, which is a secret.
func tracking(id journey.ID) string {
	sum := sha256.Sum256(append([]byte("amgate journey tracking\x00"), id[:]...))
	return writeUUID([16]byte(sum[:16]))
}

// newUUID is a random name, as AM has them in its audit log.
func newUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return writeUUID(b)
}

// writeUUID writes 16 bytes as a UUID of version 4, RFC 9562.
func writeUUID(b [16]byte) string {
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	text := make([]byte, 0, 36)
	for i, c := range b {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			text = append(text, '-')
		}
		text = hex.AppendEncode(text, []byte{c})
	}
	return string(text)
}

// emit tells the audit log of an event, unless nobody wants it. Where in the
// code that is does not matter, and would take time to find out at each step.
func (r *Realm) emit(ctx context.Context, event string, attrs ...slog.Attr) {
	if !r.audits(ctx) {
		return
	}
	record := slog.NewRecord(time.Now(), slog.LevelInfo, event, 0)
	record.AddAttrs(attrs...)
	_ = r.set.cfg.Audit.Handler().Handle(ctx, record) // as log/slog does
}

// callKey is the key of the call in a context, for observe.
type callKey struct{}

// observed is a context in which observe finds the call.
func (c *call) observed(ctx context.Context) context.Context {
	return context.WithValue(ctx, callKey{}, c)
}

// observe tells of a node that was visited.
func (r *Realm) observe(ctx context.Context, v journey.Visit) {
	how := v.Outcome
	switch {
	case v.Err != nil:
		how = howError
	case v.Suspends:
		how = howSuspended
	case v.Asked:
		how = howAsked
	}
	r.set.cfg.Metrics.NodeVisited(r.Path, v.Journey, v.Type, how, v.Took)
	c, ok := ctx.Value(callKey{}).(*call)
	if !ok || v.Asked || !r.audits(ctx) {
		return
	}
	r.emit(ctx, eventNode, append(c.audited(componentLogin, []string{c.tracked()}, v.Subject),
		resultOf(v.Err == nil),
		slog.String("treeName", v.Tree),
		slog.String("nodeId", v.NodeID),
		slog.String("nodeType", v.Type),
		slog.String("displayName", v.Name),
		slog.String("nodeOutcome", how),
	)...)
}

func (r *Realm) audits(ctx context.Context) bool { return r.set.cfg.Audit.Enabled(ctx, slog.LevelInfo) }

// tellStart counts a journey that has begun.
func (c *call) tellStart() {
	if c.snap.Tree != "" {
		c.set.cfg.Metrics.JourneyStarted(c.Path, c.snap.Tree, string(c.JourneySessions))
	}
}

// tellFound tells of a journey that came here from another node.
func (c *call) tellFound(ctx context.Context) {
	if f, ok := ctx.Value(foundKey{}).(*journey.Found); ok {
		*f = c.snap.Found
	}
	switch c.snap.Found {
	case journey.FoundHandedOver:
		c.set.cfg.Metrics.JourneyMoved(c.Path, "handed_over")
	case journey.FoundTakenOver:
		c.set.cfg.Metrics.JourneyMoved(c.Path, "taken_over")
		c.log.Warn("a journey goes on here, because its node is gone", "journey", c.snap.Tree)
	}
}

// tellEnd tells of a journey that has ended, once it certainly has.
func (c *call) tellEnd(ctx context.Context) {
	if c.end == nil {
		return
	}
	c.set.cfg.Metrics.JourneyEnded(c.Path, c.snap.Tree, string(c.JourneySessions), c.end.how, c.took())
	if !c.audits(ctx) {
		return
	}
	ids := []string{c.tracked()}
	if c.end.session != nil {
		ids = append(ids, c.end.session.ContextID())
	}
	ended := append(c.audited(componentLogin, ids, c.snap.Subject),
		resultOf(c.end.how == howSucceeded),
		slog.String("treeName", c.snap.Tree),
	)
	if c.end.how == howSucceeded {
		ended = append(ended, slog.Int("authLevel", c.end.level))
	}
	c.emit(ctx, eventTree, ended...)
	if s := c.end.session; s != nil {
		c.emit(ctx, eventCreated, append(c.audited(componentSession, ids, s.UserID()), resultOf(true))...)
	}
	c.emit(ctx, eventLogin, ended...)
}

// refusals are why a step is refused before a journey sees it, as Metrics has
// it.
var refusals = []struct {
	err error
	why string
}{
	{journey.ErrExpired, "expired"},
	{journey.ErrUsed, "used"},
	{errForeign, "foreign"},
	{journey.ErrNotSuspended, "not_suspended"},
	{journey.ErrSignature, "signature"},
	{journey.ErrMalformed, "malformed"},
}

// tellRefused tells of an answer that was refused.
func (c *call) tellRefused(ctx context.Context, err error) {
	why := ""
	for _, r := range refusals {
		if errors.Is(err, r.err) {
			why = r.why
			break
		}
	}
	if _, ok := errors.AsType[*journey.LostError](err); ok {
		why = "lost"
	}
	if why == "" {
		return // a fault, or an answer that can be corrected
	}
	c.set.cfg.Metrics.StepRefused(c.Path, string(c.JourneySessions), why)
	if !c.audits(ctx) {
		return
	}
	var ids []string
	if c.snap != nil {
		ids = []string{c.tracked()}
	}
	c.emit(ctx, eventLogin, append(c.audited(componentLogin, ids, ""), resultOf(false), slog.String("reason", why))...)
}

// tellLogout tells of a session that was ended by its token.
func (r *Realm) tellLogout(ctx context.Context, s session.Session) {
	if !r.audits(ctx) {
		return
	}
	ended := []slog.Attr{
		slog.String("realm", r.Path),
		slog.String("transactionId", newUUID()),
		slog.Any("trackingIds", []string{s.ContextID()}),
		slog.String("userId", s.UniversalID()),
		resultOf(true),
	}
	r.emit(ctx, eventLogout, append([]slog.Attr{slog.String("component", componentLogin)}, ended...)...)
	r.emit(ctx, eventLoggedOut, append([]slog.Attr{slog.String("component", componentSession)}, ended...)...)
}
