package realm

import (
	"context"
	"log/slog"

	"github.com/amgate/amgate/session"
	"github.com/amgate/amgate/store"
	"github.com/amgate/amgate/store/outbox"
)

// notices reads the outbox for a Set that has its keys.
type notices struct {
	set      *Set
	sessions *session.Manager
}

var _ outbox.Opener = notices{}

// Open implements outbox.Opener. A notice of a realm that is not configured
// here is left to nodes where it is.
func (n notices) Open(key store.Key, payload []byte) (outbox.Delivery, bool) {
	notice, ok, err := n.sessions.OpenNotice(key, payload)
	if !ok {
		return nil, false
	}
	if err != nil {
		return func(context.Context) error { return err }, true
	}
	r, ok := n.set.realms[notice.Realm]
	return func(ctx context.Context) error { return r.deliver(ctx, notice) }, ok
}

// deliver tells of sessions that have ended.
func (r *Realm) deliver(ctx context.Context, n session.Notice) error {
	if n.Webhook != "" {
		return r.deliverWebhook(ctx, n.Webhook, n.Ended[0])
	}
	for _, e := range n.Ended {
		r.tellEnded(ctx, e)
	}
	return nil
}

// eventOf is the audit event of a session that ended without being logged out.
var eventOf = map[session.Why]string{
	session.IdleTimedOut: eventIdle,
	session.MaxTimedOut:  eventMax,
	session.Upgraded:     eventDestroyed,
	session.Destroyed:    eventDestroyed,
}

// tellEnded tells of a session that timed out, or that had to make room. If the node died that
// was to tell, another one does, perhaps again: then _id is the same.
func (r *Realm) tellEnded(ctx context.Context, e session.Ended) {
	event, ok := eventOf[e.Why]
	if !ok || !r.audits(ctx) {
		return
	}
	r.emit(ctx, event,
		slog.String("component", componentSession),
		slog.String("_id", e.ID()),
		slog.Time("timestamp", e.At.UTC()),
		slog.String("realm", r.Path),
		slog.String("transactionId", newUUID()),
		slog.Any("trackingIds", []string{e.ContextID()}),
		slog.String("userId", e.UniversalID()),
		resultOf(true),
	)
}
