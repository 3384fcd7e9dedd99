package realm

import (
	"cmp"
	"context"
	"net/url"
	"strings"
	"time"

	"github.com/amgate/amgate/journey"
	"github.com/amgate/amgate/journey/affinity"
	"github.com/amgate/amgate/token"
)

// suspend shows the client what it is to wait for. The journey is kept by the
// caller, and the link sent once it is.
func (c *call) suspend(ctx context.Context, tree *journey.Tree, s *journey.Suspended) error {
	if s.Send != nil && !c.set.cfg.links() {
		c.log.Error("a journey cannot be suspended, because base_url is not configured", "journey", tree.Name, "node", c.snap.Node)
		return c.fail(ctx, howError, &journey.Failed{})
	}
	now := time.Now()
	c.snap.Suspended = &journey.Suspension{At: now, Until: now.Add(cmp.Or(s.Duration, c.SuspendTimeout))}
	c.send = s.Send
	c.ask()
	return nil
}

// links reports whether resume links can be made.
func (c Config) links() bool { return c.BaseURL != "" }

// tellLink tells the user the link of a journey that is kept and suspended,
// after the client has its answer.
func (c *call) tellLink() {
	if c.send == nil {
		return
	}
	link, send, tree := c.link(), c.send, c.snap.Tree
	secret := url.QueryEscape(c.snap.SuspendedID)
	c.set.errands.run(
		func(ctx context.Context) error { return send(ctx, link) },
		func(err error) {
			c.set.cfg.Metrics.Delivered(c.Path, deliveredLink, outcomeOf(err))
			if err != nil {
				c.log.Error("the link of a suspended journey was not sent",
					"journey", tree, "error", strings.ReplaceAll(err.Error(), secret, "…"))
			}
		})
}

// link is where the suspended journey goes on: on the login page of the
// configured origin. No header of a request has a part in it. The index is for
// clients, which start the journey again if the link is no longer good. The
// affinity stands in the one parameter that every client sends back.
func (c *call) link() string {
	query := url.Values{"realm": {c.Path}, "suspendedId": {c.snap.SuspendedID + affinity.ForLink(c.reply.Affinity)}}
	query.Set("authIndexType", indexService)
	query.Set("authIndexValue", c.snap.Tree)
	if c.snap.IndexType == indexAdvice {
		query.Set("authIndexType", indexAdvice)
		query.Set("authIndexValue", c.snap.IndexValue)
	}
	return c.set.cfg.BaseURL + c.set.cfg.Base + "/XUI/?" + query.Encode()
}

// PartLink parts what a link carries as suspendedId into the reference to the
// journey and the text of its affinity, which nobody has verified. A link of
// before it had one has none.
func PartLink(carried string) (suspendedID, text string) {
	if len(carried) != token.LinkSize+affinity.LinkSize {
		return carried, ""
	}
	return carried[:token.LinkSize], affinity.FromLink(carried[token.LinkSize:])
}
