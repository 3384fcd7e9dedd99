package realm

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"strings"
	"time"

	"github.com/amgate/amgate/journey"
	"github.com/amgate/amgate/session"
	"github.com/amgate/amgate/store"
)

// advance walks the journey on, to a further step or to its end. An error
// leaves the step answerable.
func (c *call) advance(ctx context.Context, tree *journey.Tree) error {
	result, err := c.engine.Advance(c.observed(ctx), tree, c.snap, journey.Turn{
		Client: c.req.Client, Answers: c.req.Callbacks, Session: c.seen(),
	})
	if stopped, ok := errors.AsType[*journey.StoppedError](err); ok {
		c.log.Error("a journey ended with an error", "journey", tree.Name, "node", c.snap.Node, "error", stopped.Err)
		return c.fail(ctx, howError, &journey.Failed{Message: stopped.Message, Details: stopped.Details})
	}
	if err != nil {
		return err
	}
	c.reply.Cookies = result.Cookies
	switch {
	case result.Succeeded != nil:
		return c.succeed(ctx, tree, result.Succeeded)
	case result.Failed != nil:
		return c.fail(ctx, howFailed, result.Failed)
	case result.Suspended != nil:
		return c.suspend(ctx, tree, result.Suspended)
	}
	c.ask()
	return nil
}

// ask replies with what the journey asks.
func (c *call) ask() {
	c.reply.Step = &Step{
		Callbacks: c.snap.Asked, Stage: c.snap.Stage, Header: c.snap.Header, Description: c.snap.Description,
	}
}

// end is how a journey ended, for those who watch.
type end struct {
	how string
	// session is the one that was made, nil if none.
	session *session.Session
	level   int
}

// How a journey ends, as Metrics has it.
const (
	howSucceeded = "succeeded"
	howFailed    = "failed"
	howError     = "error"
)

// succeed ends the journey with a session, in one transaction. The session's
// id is derived from the journey's, so that a retry after an unknown outcome
// finds its own session instead of making a second one.
//
// A session that the client has already (c.session) is upgraded: the new one
// takes its place in the same transaction.
func (c *call) succeed(ctx context.Context, tree *journey.Tree, s *journey.Succeeded) error {
	success := &Success{
		Realm:      c.Path,
		NoSession:  c.snap.Params.NoSession,
		SuccessURL: c.successURL(c.snap.Params.Goto, c.req.Origin, s.SuccessURL),
		Details:    s.SuccessDetails,
	}
	if !success.NoSession && c.session != nil && c.session.UserID() != s.Subject.ID {
		return c.failAs(ctx, howFailed, &Failure{Message: messageOtherUser, ErrorCode: ErrorCodeOtherUser, FailureURL: c.FailureURL})
	}
	ended := &end{how: howSucceeded, level: s.AuthLevel}
	commit := func(ctx context.Context, with ...store.Op) (err error) {
		if success.NoSession {
			if len(with) > 0 {
				_, err = c.keyed.store.Commit(ctx, with...)
			}
			return err
		}
		var made session.Session
		success.Token, made, err = c.keyed.sessions.Issue(ctx, c.grant(tree, s), with...)
		ended.session, ended.level = &made, made.AuthLevel()
		return err
	}
	err := c.keeper.Finish(ctx, c.snap, commit)
	switch {
	case errors.Is(err, session.ErrQuota):
		return c.failAs(ctx, howFailed, &Failure{Message: messageQuota, ErrorCode: errorCodeQuota, FailureURL: c.FailureURL})
	case err != nil:
		return err
	}
	if ended.session != nil && len(s.SuccessProperties) > 0 {
		success.Details = maps.Clone(success.Details)
		if success.Details == nil {
			success.Details = make(map[string]any)
		}
		for member, name := range s.SuccessProperties {
			if value, ok := Property(*ended.session, name); ok {
				success.Details[member] = value
			}
		}
	}
	c.reply.Success, c.end = success, ended
	return nil
}

// grant is the session that a journey yields. Its times are those of a node,
// else the journey's, else the realm's (AM 8.1, "Configure trees").
func (c *call) grant(tree *journey.Tree, s *journey.Succeeded) session.Grant {
	g := session.Grant{
		Realm:       c.Path,
		UserID:      s.Subject.ID,
		Username:    s.Subject.Username,
		UniversalID: c.UniversalID(s.Subject.ID),
		Roles:       s.Subject.Roles,
		AuthLevel:   s.AuthLevel,
		AuthType:    strings.Join(s.AuthTypes, "|"),
		Journey:     tree.Name,
		Properties:  c.stamped(withWebhooks(s.Properties, s.Webhooks), s.Subject.ID),
		MaxTime:     c.longest(cmp.Or(s.MaxTime, tree.MaxTime, c.MaxTime)),
		IdleTime:    cmp.Or(s.IdleTime, tree.IdleTime, c.IdleTimeout),
		Seed:        c.seed(),
		Again:       c.snap.Doubted,
	}
	if c.session != nil {
		g.Upgrades = &session.Upgrade{Session: *c.session, Merge: mergeProperties}
	}
	return g
}

// longest is a session's max time, as long as the realm's kind of sessions may
// last.
func (r *Realm) longest(maxTime time.Duration) time.Duration {
	if r.AuthenticatedSessions == SessionsClient {
		return min(maxTime, session.MaxCarried)
	}
	return maxTime
}

// seed is what the session is derived from. Where clients carry sessions no
// record tells who ended the journey first, so all who may have come to the
// same session.
func (c *call) seed() []byte {
	if c.AuthenticatedSessions == SessionsClient {
		return c.snap.ID[:]
	}
	return c.snap.Seed()
}

// fail ends the journey badly.
func (c *call) fail(ctx context.Context, how string, f *journey.Failed) error {
	return c.failAs(ctx, how, &Failure{
		Message:    cmp.Or(f.Message, messageLoginFailure),
		FailureURL: cmp.Or(f.FailureURL, c.FailureURL),
		Details:    f.Details,
	})
}

// failAs ends the journey with a failure, but for where a valid gotoOnFail
// leads instead.
func (c *call) failAs(ctx context.Context, how string, failure *Failure) error {
	if err := c.keeper.Finish(ctx, c.snap, nil); err != nil {
		return err
	}
	if url, ok := c.Goto(c.snap.Params.GotoOnFail, c.req.Origin); ok {
		failure.FailureURL = url
	}
	c.reply.Failure, c.end = failure, &end{how: how}
	return nil
}

// successURL decides where a client goes after success: a valid goto, the
// journey's own URL, the realm's. (AM 8.1, "Redirection URL precedence".)
func (r *Realm) successURL(wish, origin, fromJourney string) string {
	if url, ok := r.Goto(wish, origin); ok {
		return url
	}
	return cmp.Or(fromJourney, r.SuccessURL)
}

// took is how long the journey has taken so far.
func (c *call) took() time.Duration { return time.Since(c.snap.Started) }
