package nodes

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/amgate/amgate/journey"
	"github.com/amgate/amgate/journey/callback"
)

// Page shows what several nodes ask as one step. Its outcome is that of its
// last child; the others just collect. If any child still wants input after
// an answer, the whole page is shown again.
type Page struct {
	Header      Text `json:"pageHeader" option:"header" doc:"The page's title, optionally after a language: header de \"Anmelden\"." example:"Sign in"`
	Description Text `json:"pageDescription" option:"description" doc:"A text below the title." example:"Welcome back."`
	// Stage is free text for clients that show pages their own way.
	Stage    string  `json:"stage,omitempty" option:"stage" doc:"A free text for clients that draw the page themselves." example:"UsernamePassword"`
	Children []Child `json:"nodes"`
}

// Parent is a node that adapters fill with others.
type Parent = journey.Parent

// Child is a node on a page.
type Child = journey.Child

var (
	_ Parent            = (*Page)(nil)
	_ journey.Declarer  = (*Page)(nil)
	_ journey.Checker   = (*Page)(nil)
	_ journey.Completer = (*Page)(nil)
	_ journey.Requirer  = (*Page)(nil)
)

// keyPage is the state that says which child asked each callback of the page
// now shown: a list of indexes into Children. AM uses the same key.
const keyPage = "pageNodeCallbacks"

// errPageState says that the state does not fit what the page asked.
var errPageState = errors.New("the answers do not belong to what the page asked")

// Add implements Parent.
func (n *Page) Add(child Child) error {
	if err := fits(child); err != nil {
		return fmt.Errorf("node %s: %w", child.ID, err)
	}
	for i := range n.Children {
		if n.Children[i].ID != child.ID {
			continue
		}
		if n.Children[i].Node != nil {
			return fmt.Errorf("node %s is on the page twice", child.ID)
		}
		n.Children[i].Node = child.Node
		return nil
	}
	n.Children = append(n.Children, child)
	return nil
}

// Parts implements Parent.
func (n *Page) Parts() []Child { return n.Children }

// fits refuses nodes that cannot be on a page: pages and inner journeys, as in
// AM, and what changes the authentication level or counts, for that would
// happen each time the page is shown. The id of a child is the last part of
// Input.NodeID, by which Complete knows it.
func fits(c Child) error {
	if c.ID == "" || strings.Contains(c.ID, "/") {
		return errors.New(`a node on a page needs an id without "/"`)
	}
	switch c.Node.(type) {
	case Parent, journey.Inner, journey.Leveler, *RetryLimit, *IncrementLoginCount:
		return fmt.Errorf("a %s cannot be on a page", c.Type)
	}
	return nil
}

// Process implements journey.Node.
func (n *Page) Process(ctx context.Context, in *journey.Input) (journey.Action, error) {
	answers, err := n.deal(in)
	if err != nil {
		return journey.Action{}, err
	}
	actions := make([]journey.Action, len(n.Children))
	waiting := false
	for i, child := range n.Children {
		if actions[i], err = processChild(ctx, child, in, answers[i]); err != nil {
			return journey.Action{}, err
		}
		waiting = waiting || asksForInput(actions[i])
	}
	if !waiting {
		return n.leave(in, actions)
	}
	// Children that are content with their answers ask again with the rest.
	for i, child := range n.Children {
		if answers[i] == nil || actions[i].Asks() {
			continue
		}
		again, err := processChild(ctx, child, in, nil)
		if err != nil {
			return journey.Action{}, err
		}
		actions[i] = again.WithFindings(actions[i], in.NodeID+"/"+child.ID)
	}
	return n.show(in, actions), nil
}

// deal gives each child the answers to its own callbacks; nil if it asked
// nothing.
func (n *Page) deal(in *journey.Input) ([][]callback.Callback, error) {
	hands := make([][]callback.Callback, len(n.Children))
	if in.Answers == nil {
		return hands, nil
	}
	state, _ := in.State.Get(keyPage)
	owners, _ := state.([]any)
	if len(owners) != len(in.Answers) {
		return nil, errPageState
	}
	for i, answer := range in.Answers {
		owner, ok := owners[i].(float64)
		if !ok || owner < 0 || int(owner) >= len(hands) {
			return nil, errPageState
		}
		hands[int(owner)] = append(hands[int(owner)], answer)
	}
	return hands, nil
}

// processChild calls a child as if it stood alone.
func processChild(ctx context.Context, c Child, in *journey.Input, answers []callback.Callback) (journey.Action, error) {
	own := *in
	own.NodeID, own.Answers = in.NodeID+"/"+c.ID, answers
	action, err := c.Node.Process(ctx, &own)
	if err != nil {
		return journey.Action{}, fmt.Errorf("%s: %w", c.ID, err)
	}
	if _, _, suspends := action.Suspends(); suspends {
		return journey.Action{}, fmt.Errorf("%s: a node on a page cannot suspend the journey", c.ID)
	}
	return action, nil
}

// asksForInput reports whether an action asks more than metadata, which needs
// no answer.
func asksForInput(a journey.Action) bool {
	for _, item := range a.Callbacks() {
		if _, ok := item.Callback.(callback.Metadata); !ok {
			return true
		}
	}
	return false
}

// leave is the page's outcome once no child wants input.
func (n *Page) leave(in *journey.Input, actions []journey.Action) (journey.Action, error) {
	last := actions[len(actions)-1]
	if last.Asks() {
		return journey.Action{}, errors.New("no outcome and only metadata callbacks found")
	}
	in.State.Remove(keyPage)
	return n.withFindings(in, journey.Goto(last.Outcome()), actions), nil
}

// show asks everything that the children ask as one step.
func (n *Page) show(in *journey.Input, actions []journey.Action) journey.Action {
	var list callback.List
	var owners []any
	for i, a := range actions {
		for _, item := range a.Callbacks() {
			id := len(list)
			list = append(list, callback.Item{Callback: item.Callback, ID: &id})
			owners = append(owners, float64(i))
		}
	}
	in.State.PutShared(keyPage, owners)
	languages := in.Client.Languages
	page := journey.AskList(list).WithPage(n.Stage, n.Header.For(languages), n.Description.For(languages))
	return n.withFindings(in, page, actions)
}

// withFindings passes on what the children found out.
func (n *Page) withFindings(in *journey.Input, a journey.Action, children []journey.Action) journey.Action {
	for i, child := range children {
		a = a.WithFindings(child, in.NodeID+"/"+n.Children[i].ID)
	}
	return a
}

// Complete implements journey.Completer for the child that asked for it.
func (n *Page) Complete(ctx context.Context, in *journey.Input) (journey.Action, error) {
	for _, child := range n.Children {
		if completer, ok := child.Node.(journey.Completer); ok && strings.HasSuffix(in.NodeID, "/"+child.ID) {
			return completer.Complete(ctx, in)
		}
	}
	return journey.Action{}, nil
}

// Needs implements journey.Requirer.
func (n *Page) Needs() []journey.Need {
	var needs []journey.Need
	for _, child := range n.Children {
		if r, ok := child.Node.(journey.Requirer); ok {
			needs = append(needs, r.Needs()...)
		}
	}
	return needs
}

// Outcomes implements journey.Node: those of the last child.
func (n *Page) Outcomes() []string {
	if len(n.Children) == 0 || n.Children[len(n.Children)-1].Node == nil {
		return []string{outcomeOnly}
	}
	return n.Children[len(n.Children)-1].Node.Outcomes()
}

// Reads implements journey.Declarer.
func (n *Page) Reads() []string { return n.declared(journey.Declarer.Reads) }

// Writes implements journey.Declarer.
func (n *Page) Writes() []string { return n.declared(journey.Declarer.Writes) }

func (n *Page) declared(of func(journey.Declarer) []string) []string {
	var keys []string
	for _, child := range n.Children {
		if d, ok := child.Node.(journey.Declarer); ok {
			keys = append(keys, of(d)...)
		}
	}
	return keys
}

// Check implements journey.Checker.
func (n *Page) Check() error {
	if len(n.Children) == 0 {
		return errors.New("the page is empty; give it at least one node")
	}
	var errs []error
	for i, child := range n.Children {
		errs = append(errs, n.checkChild(i, child))
	}
	return errors.Join(errs...)
}

func (n *Page) checkChild(i int, child Child) error {
	fail := func(format string, args ...any) error {
		return fmt.Errorf("node %s of the page: "+format, append([]any{child.ID}, args...)...)
	}
	for _, other := range n.Children[:i] {
		if other.ID == child.ID {
			return fail("it is there twice")
		}
	}
	if child.Node == nil {
		return fail("there is no node under this id")
	}
	if err := fits(child); err != nil {
		return fail("%w", err)
	}
	if outcomes := child.Node.Outcomes(); len(outcomes) > 1 && i < len(n.Children)-1 {
		return fail("it decides between %s, which only the last node of a page may do", strings.Join(outcomes, ", "))
	}
	if ch, ok := child.Node.(journey.Checker); ok {
		if err := ch.Check(); err != nil {
			return fail("%w", err)
		}
	}
	return nil
}
