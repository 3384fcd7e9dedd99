package realm

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/amgate/amgate/journey"
	"github.com/amgate/amgate/journey/callback"
	"github.com/amgate/amgate/session"
)

// The values of authIndexType.
const (
	indexService     = "service"
	indexAdvice      = "composite_advice"
	indexResource    = "resource"
	indexTransaction = "transaction"
)

// wish is what a start request asks for.
type wish struct {
	// trees are the journeys of which one is to be walked; at least one.
	trees []*journey.Tree
	// named says that the client asked for them, and not for just any.
	named bool
	// level is the authentication level that is wanted, 0 for any.
	level int
}

// wished finds out what a start request asks for.
func (r *Realm) wished(indexType, indexValue string) (wish, error) {
	name := r.DefaultJourney
	switch indexType {
	case "":
	case indexService:
		if indexValue != "" {
			name = indexValue
		}
	case indexAdvice:
		return r.follow(indexValue)
	case indexResource, indexTransaction:
		return wish{}, ErrNoConfiguration
	default:
		return wish{}, ErrIndexType
	}
	tree, ok := r.startable(name)
	if !ok {
		return wish{}, ErrNoConfiguration
	}
	return wish{trees: []*journey.Tree{tree}, named: indexType == indexService && indexValue != ""}, nil
}

// startable finds a journey that clients may start.
func (r *Realm) startable(name string) (*journey.Tree, bool) {
	tree, ok := r.linked[name]
	return tree, ok && !tree.Disabled && !tree.InnerOnly
}

// start begins the journey that the request asks for, unless a session that
// the client has already satisfies it.
func (c *call) start(ctx context.Context) (Reply, error) {
	w, err := c.wished(c.req.IndexType, c.req.IndexValue)
	if err != nil {
		return Reply{}, err
	}
	if err := c.present(ctx); err != nil {
		return Reply{}, err
	}
	if c.satisfies(w) {
		c.reply.Success = &Success{
			Existing: true, SuccessURL: c.successURL(c.req.Goto, c.req.Origin, ""), Realm: c.Path,
		}
		return c.reply, nil
	}
	c.snap = c.begin(w)
	if len(w.trees) > 1 {
		c.offer(w.trees)
	} else if err := c.advance(ctx, w.trees[0]); err != nil {
		return Reply{}, err
	}
	if c.reply.Step != nil {
		c.bind(c.snap)
		if c.reply.Step.AuthID, err = c.keeper.Begin(ctx, c.snap); err != nil {
			return Reply{}, err
		}
	}
	c.tellStart()
	c.tellLink()
	c.tellEnd(ctx)
	return c.reply, nil
}

// begin is a new journey. Parameters that are too long to count are left out:
// they would travel with each step.
func (c *call) begin(w wish) *journey.Snapshot {
	snap := &journey.Snapshot{
		ID: journey.NewID(),
		Start: journey.Start{
			Realm: c.Path, IndexType: c.req.IndexType, IndexValue: c.req.IndexValue, Affinity: c.reply.Affinity,
		},
		Params: journey.Params{
			Goto: atMost(MaxGoto, c.req.Goto), GotoOnFail: atMost(MaxGoto, c.req.GotoOnFail), NoSession: c.req.NoSession,
			NewSession: c.req.NewSession, Locale: atMost(maxTag, c.req.Locale), TargetLevel: w.level,
		},
		Started: time.Now(),
	}
	snap.Deadline = snap.Started.Add(c.JourneyTimeout)
	if len(w.trees) == 1 {
		c.enter(snap, w.trees[0])
	}
	return snap
}

// atMost is a text, or "" if it is longer than n bytes.
func atMost(n int, text string) string {
	if len(text) > n {
		return ""
	}
	return text
}

// enter puts a journey that has just begun at the entry of its tree.
func (c *call) enter(snap *journey.Snapshot, tree *journey.Tree) {
	snap.Tree, snap.Node, snap.Asked = tree.Name, "", nil
	snap.Params.NoSession = snap.Params.NoSession || tree.NoSession
	if tree.Timeout > 0 {
		snap.Deadline = snap.Started.Add(tree.Timeout)
	}
}

// choiceNode is where a journey stands whose client is asked which one it is
// to be. No tree has it.
const choiceNode = "composite_advice"

// offer asks the client which of several journeys it wants.
func (c *call) offer(trees []*journey.Tree) {
	var names []string
	for _, tree := range trees {
		names = append(names, tree.Name)
	}
	c.snap.Node = choiceNode
	c.snap.Asked = callback.List{{Callback: callback.NewChoice("Choose how to sign in", names, 0)}}
	c.ask()
}

// choose reads which of the journeys that were offered the client wants, and
// enters it.
func (c *call) choose(snap *journey.Snapshot) (*journey.Tree, error) {
	answers, err := snap.Asked.Answer(c.req.Callbacks)
	if err != nil {
		return nil, err
	}
	w, err := c.wished(snap.IndexType, snap.IndexValue)
	if err != nil {
		return nil, err
	}
	choice, _ := answers[0].Callback.(callback.Choice)
	chosen := slices.IndexFunc(w.trees, func(t *journey.Tree) bool { return t.Name == choice.Choices[choice.Selected] })
	if chosen < 0 {
		return nil, ErrNoConfiguration // a reload took it away
	}
	c.enter(snap, w.trees[chosen])
	snap.Step++
	return w.trees[chosen], nil
}

// present finds the session that the client has, if it is not to be forgotten.
// If the journey succeeds, the session that it yields takes its place.
func (c *call) present(ctx context.Context) error {
	tokens := c.req.Tokens
	if c.req.UpgradeToken != "" {
		tokens = []string{c.req.UpgradeToken}
	}
	if c.req.NewSession || len(tokens) == 0 {
		return nil
	}
	s, err := c.Session(ctx, tokens, session.Touch)
	switch {
	case err == nil:
		c.session = &s
		return nil
	case !errors.Is(err, session.ErrInvalid) && !errors.Is(err, session.ErrEnded):
		return err
	case c.req.UpgradeToken != "":
		return ErrUpgradeToken
	}
	return nil
}

// satisfies reports whether the session that the client presents makes a
// journey needless: one of this realm, of the level that is wanted, made by
// one of the journeys that were named, or by any if none was. Some journeys
// are for every time. (AM 8.1, "Session upgrade" and "Configure trees".)
func (c *call) satisfies(w wish) bool {
	if c.session == nil || c.req.ForceAuth || c.req.NoSession || c.session.AuthLevel() < w.level {
		return false
	}
	if slices.ContainsFunc(w.trees, func(t *journey.Tree) bool { return t.MustRun || t.NoSession }) {
		return false
	}
	return !w.named || slices.ContainsFunc(w.trees, func(t *journey.Tree) bool { return t.Name == c.session.Journey() })
}

// seen is the session as nodes may know it.
func (c *call) seen() *journey.Session {
	if c.session == nil {
		return nil
	}
	return &journey.Session{
		UserID: c.session.UserID(), Username: c.session.Username(), Journey: c.session.Journey(),
		AuthLevel: c.session.AuthLevel(), Properties: openOnes(c.session.Properties()),
	}
}
