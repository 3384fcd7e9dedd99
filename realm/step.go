package realm

import (
	"context"
	"errors"
	"fmt"

	"github.com/amgate/amgate/journey"
)

// answer continues the journey that the authId names.
func (c *call) answer(ctx context.Context) (Reply, error) {
	next, err := c.keeper.Step(ctx, c.Path, c.req.AuthID, func(ctx context.Context, snap *journey.Snapshot) error {
		if !c.req.Browser.isBrowserOf(snap) {
			return errForeign
		}
		return c.goOn(ctx, snap)
	})
	return c.stepped(ctx, next, err)
}

// resume continues the journey that was suspended. It is bound from now on to
// the browser that follows the link: whoever reads the mail goes on.
func (c *call) resume(ctx context.Context) (Reply, error) {
	next, err := c.keeper.Resume(ctx, c.Path, c.req.SuspendedID, func(ctx context.Context, snap *journey.Snapshot) error {
		c.bind(snap)
		return c.goOn(ctx, snap)
	})
	return c.stepped(ctx, next, err)
}

// goOn walks on the journey that the keeper has found.
func (c *call) goOn(ctx context.Context, snap *journey.Snapshot) error {
	c.snap = snap
	c.reply.Affinity = c.keyed.Pinned(snap.Affinity)
	c.req.NewSession = snap.Params.NewSession
	if err := c.present(ctx); err != nil {
		return err
	}
	if snap.Node == choiceNode {
		tree, err := c.choose(snap)
		if err != nil {
			return err
		}
		c.tellStart()
		return c.advance(ctx, tree)
	}
	tree, ok := c.linked[snap.Tree]
	if !ok || tree.Disabled {
		return fmt.Errorf("%w: the journey %s is no longer there", ErrNoConfiguration, snap.Tree)
	}
	return c.advance(ctx, tree)
}

// stepped is the reply after the keeper has kept a step or refused it.
func (c *call) stepped(ctx context.Context, next string, err error) (Reply, error) {
	if err == nil {
		if c.reply.Step != nil {
			c.reply.Step.AuthID = next
		}
		c.tellFound(ctx)
		c.tellLink()
		c.tellEnd(ctx)
		return c.reply, nil
	}
	var lost *journey.LostError
	if errors.As(err, &lost) && c.keyed.Elsewhere(ctx, lost.Start.Affinity, true) != nil || errors.Is(err, ErrElsewhere) {
		return Reply{}, ErrElsewhere
	}
	c.tellRefused(ctx, err)
	refused := Reply{Affinity: c.reply.Affinity}
	switch {
	case errors.Is(err, journey.ErrExpired):
		refused.Failure = &Failure{Message: messageTimedOut, ErrorCode: errorCodeTimedOut}
	case errors.Is(err, journey.ErrUsed), errors.Is(err, errForeign):
		refused.Failure = &Failure{Message: messageLoginFailure}
	case lost != nil:
		return c.startAgain(ctx, lost)
	default:
		return Reply{}, err
	}
	return refused, nil
}

// startAgain begins the journey anew that a lost one was, as AM does, with the
// parameters that it was begun with. The answers that came along are not used.
// That the client has a session made no difference to the journey that was
// lost, and so makes none now.
func (c *call) startAgain(ctx context.Context, lost *journey.LostError) (Reply, error) {
	start, params := lost.Start, lost.Params
	name := start.IndexType // no more of what the client wrote than there is here
	if tree, ok := c.startable(start.IndexValue); ok {
		name = tree.Name
	}
	c.log.Warn("a journey starts again, because its state is not on this node", "journey", name)
	req := c.req
	req.AuthID, req.Callbacks = "", nil
	req.IndexType, req.IndexValue, req.Affinity = start.IndexType, start.IndexValue, start.Affinity
	req.ForceAuth, req.NoSession, req.NewSession = true, params.NoSession, params.NewSession
	req.Goto, req.GotoOnFail, req.Locale = params.Goto, params.GotoOnFail, params.Locale
	reply, err := c.Authenticate(ctx, req)
	if reply.Step != nil {
		reply.Step.Restarted = true
	}
	return reply, err
}
