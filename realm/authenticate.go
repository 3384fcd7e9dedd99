package realm

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/amgate/amgate/journey"
	"github.com/amgate/amgate/journey/callback"
	"github.com/amgate/amgate/session"
	"github.com/amgate/amgate/store"
)

// Messages of a Failure, in AM's words.
const (
	messageLoginFailure = "Login failure"
	messageTimedOut     = "Session has timed out"
	errorCodeTimedOut   = "110"
)

// Authenticate starts or continues a journey. Errors: ErrNoConfiguration,
// ErrIndexType, journey.ErrMalformed, journey.ErrSignature,
// callback.ErrAnswer, and the faults store.ErrUnavailable,
// identity.ErrUnavailable and identity.ErrBusy, after which the same request
// can be sent again. However a journey ends is no error but in the Reply.
func (r *Realm) Authenticate(ctx context.Context, req Request) (Reply, error) {
	k, err := r.set.keys()
	if err != nil {
		return Reply{}, err
	}
	if req.AuthID == "" {
		return r.start(ctx, k, req)
	}
	return r.answer(ctx, k, req)
}

// start begins the journey that the request asks for, unless a session that
// the client has already satisfies it.
func (r *Realm) start(ctx context.Context, k *keyed, req Request) (Reply, error) {
	tree, err := r.tree(req.IndexType, req.IndexValue)
	if err != nil {
		return Reply{}, err
	}
	reply := Reply{Affinity: k.placed(req.Affinity)}
	satisfied, err := r.satisfied(ctx, tree, req)
	if err != nil {
		return Reply{}, err
	}
	if satisfied {
		reply.Success = &Success{Existing: true, SuccessURL: r.successURL(req.Goto, req.Origin, ""), Realm: r.Path}
		return reply, nil
	}

	now := time.Now()
	timeout := r.JourneyTimeout
	if tree.Timeout > 0 {
		timeout = tree.Timeout
	}
	snap := &journey.Snapshot{
		ID: journey.NewID(),
		Start: journey.Start{
			Realm: r.Path, IndexType: req.IndexType, IndexValue: req.IndexValue, Affinity: reply.Affinity,
		},
		Tree:     tree.Name,
		Params:   r.params(req),
		Started:  now,
		Deadline: now.Add(timeout),
	}
	out, err := r.advance(ctx, k, tree, snap, req)
	if err != nil {
		return Reply{}, err
	}
	if out.step != nil {
		if out.step.AuthID, err = (*r.keeper.Load()).Begin(ctx, snap); err != nil {
			return Reply{}, err
		}
	}
	return out.reply(reply.Affinity), nil
}

// answer continues the journey that the authId names.
func (r *Realm) answer(ctx context.Context, k *keyed, req Request) (Reply, error) {
	var (
		out      outcome
		place    = k.placed(req.Affinity)
		lost     *journey.LostError
		answered = func(ctx context.Context, snap *journey.Snapshot) (err error) {
			tree, ok := r.Journeys[snap.Tree]
			if !ok {
				return fmt.Errorf("%w: the journey %s is no longer there", ErrNoConfiguration, snap.Tree)
			}
			place = k.placed(snap.Affinity)
			out, err = r.advance(ctx, k, tree, snap, req)
			return err
		}
	)
	next, err := (*r.keeper.Load()).Step(ctx, r.Path, req.AuthID, answered)
	switch {
	case err == nil && out.step != nil:
		out.step.AuthID = next
		return out.reply(place), nil
	case err == nil:
		return out.reply(place), nil
	case errors.Is(err, journey.ErrExpired):
		return Reply{Affinity: place, Failure: &Failure{Message: messageTimedOut, ErrorCode: errorCodeTimedOut}}, nil
	case errors.Is(err, journey.ErrUsed):
		return Reply{Affinity: place, Failure: &Failure{Message: messageLoginFailure}}, nil
	case errors.As(err, &lost):
		r.log.Warn("a journey starts again, because its state is not on this node", "journey", lost.Start.IndexValue)
		return r.startAgain(ctx, k, req, lost.Start)
	}
	return Reply{}, err
}

// startAgain begins the journey anew that a lost one was, as AM does. The
// answers that came along are not used.
func (r *Realm) startAgain(ctx context.Context, k *keyed, req Request, start journey.Start) (Reply, error) {
	req.AuthID, req.Callbacks = "", nil
	req.IndexType, req.IndexValue, req.Affinity = start.IndexType, start.IndexValue, start.Affinity
	reply, err := r.start(ctx, k, req)
	if reply.Step != nil {
		reply.Step.Restarted = true
	}
	return reply, err
}

// outcome is where a step led to: a further step, or one of the two ends.
type outcome struct {
	step    *Step
	success *Success
	failure *Failure
}

func (o outcome) reply(affinity string) Reply {
	return Reply{Affinity: affinity, Step: o.step, Success: o.success, Failure: o.failure}
}

// advance walks the journey on and finishes it if it has come to an end. An
// error leaves the step answerable.
func (r *Realm) advance(ctx context.Context, k *keyed, tree *journey.Tree, snap *journey.Snapshot, req Request) (outcome, error) {
	result, err := r.engine.Advance(ctx, tree, snap, journey.Turn{Client: req.Client, Answers: req.Callbacks})
	switch {
	case err != nil && (journey.IsFault(err) || errors.Is(err, callback.ErrAnswer)):
		return outcome{}, err
	case err != nil:
		r.log.Error("a journey ended with an error", "journey", tree.Name, "node", snap.Node, "error", err)
		return r.fail(ctx, snap, req, &journey.Failed{})
	case result.Succeeded != nil:
		return r.succeed(ctx, k, tree, snap, req, result.Succeeded)
	case result.Failed != nil:
		return r.fail(ctx, snap, req, result.Failed)
	}
	return outcome{step: &Step{
		Callbacks: snap.Asked, Stage: snap.Stage, Header: snap.Header, Description: snap.Description,
	}}, nil
}

// succeed ends the journey with a session, in one transaction. The session's
// id is derived from the journey's, so that a retry after an unknown outcome
// finds its own session instead of making a second one.
func (r *Realm) succeed(
	ctx context.Context, k *keyed, tree *journey.Tree, snap *journey.Snapshot, req Request, end *journey.Succeeded,
) (outcome, error) {
	success := &Success{
		Realm:      r.Path,
		NoSession:  snap.Params.NoSession,
		SuccessURL: r.successURL(snap.Params.Goto, req.Origin, end.SuccessURL),
	}
	commit := func(ctx context.Context, with ...store.Op) (err error) {
		if success.NoSession {
			if len(with) > 0 {
				_, err = k.store.Commit(ctx, with...)
			}
			return err
		}
		success.Token, _, err = k.sessions.Issue(ctx, r.grant(tree, snap, end), with...)
		return err
	}
	if err := (*r.keeper.Load()).Finish(ctx, snap, commit); err != nil {
		return outcome{}, err
	}
	return outcome{success: success}, nil
}

func (r *Realm) grant(tree *journey.Tree, snap *journey.Snapshot, end *journey.Succeeded) session.Grant {
	return session.Grant{
		Realm:       r.Path,
		UserID:      end.Subject.ID,
		Username:    end.Subject.Username,
		UniversalID: r.UniversalID(end.Subject.ID),
		Roles:       end.Subject.Roles,
		AuthLevel:   end.AuthLevel,
		AuthType:    strings.Join(end.AuthTypes, "|"),
		Journey:     tree.Name,
		Properties:  end.Properties,
		MaxTime:     r.MaxTime,
		IdleTime:    r.IdleTimeout,
		Seed:        snap.ID[:],
	}
}

// fail ends the journey badly.
func (r *Realm) fail(ctx context.Context, snap *journey.Snapshot, req Request, end *journey.Failed) (outcome, error) {
	if err := (*r.keeper.Load()).Finish(ctx, snap, nil); err != nil {
		return outcome{}, err
	}
	failure := &Failure{Message: end.Message, FailureURL: r.FailureURL}
	if failure.Message == "" {
		failure.Message = messageLoginFailure
	}
	if end.FailureURL != "" {
		failure.FailureURL = end.FailureURL
	}
	if url, ok := r.Goto(snap.Params.GotoOnFail, req.Origin); ok {
		failure.FailureURL = url
	}
	return outcome{failure: failure}, nil
}

// params keeps of the start request what matters at the end.
func (r *Realm) params(req Request) journey.Params {
	return journey.Params{Goto: req.Goto, GotoOnFail: req.GotoOnFail, NoSession: req.NoSession, Locale: req.Locale}
}

// successURL decides where a client goes after success: a valid goto, the
// journey's own URL, the realm's. (AM 8.1, "Redirection URL precedence".)
func (r *Realm) successURL(wish, origin, fromJourney string) string {
	if url, ok := r.Goto(wish, origin); ok {
		return url
	}
	if fromJourney != "" {
		return fromJourney
	}
	return r.SuccessURL
}

// tree finds the journey that a start request names.
func (r *Realm) tree(indexType, indexValue string) (*journey.Tree, error) {
	name := r.DefaultJourney
	switch indexType {
	case "":
	case "service":
		if indexValue != "" {
			name = indexValue
		}
	case "composite_advice", "resource", "transaction":
		return nil, ErrNoConfiguration
	default:
		return nil, ErrIndexType
	}
	if tree, ok := r.Journeys[name]; ok {
		return tree, nil
	}
	return nil, ErrNoConfiguration
}

// satisfied reports whether a session that the client presents makes the
// journey needless: one of this realm, made by this journey, or by any if
// none was named.
func (r *Realm) satisfied(ctx context.Context, tree *journey.Tree, req Request) (bool, error) {
	if req.ForceAuth || req.NoSession || len(req.Tokens) == 0 {
		return false, nil
	}
	s, err := r.Session(ctx, req.Tokens, session.Touch)
	switch {
	case errors.Is(err, session.ErrInvalid), errors.Is(err, session.ErrEnded):
		return false, nil
	case err != nil:
		return false, err
	}
	return req.IndexValue == "" || s.Journey() == tree.Name, nil
}

// placed returns the affinity under which this node goes on: the one that
// came with the request, if it is ours, else a new one; pinned to this node.
func (k *keyed) placed(sent string) string {
	a, ok := k.affinity.Parse(sent)
	if !ok {
		a = k.affinity.Begin()
	}
	a.Pin = k.pin
	return k.affinity.Format(a)
}
