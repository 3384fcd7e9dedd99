package keep_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"

	"pgregory.net/rapid"

	"github.com/amgate/amgate/identity"
	"github.com/amgate/amgate/journey"
	"github.com/amgate/amgate/journey/callback"
	"github.com/amgate/amgate/journey/journeytest"
	"github.com/amgate/amgate/journey/keep"
	"github.com/amgate/amgate/store/memory"
)

// choose asks which way to go, sign checks a password: together a journey
// with a way around its check, and back.
type (
	choose struct{}
	sign   struct{}
)

func (choose) Process(_ context.Context, in *journey.Input) (journey.Action, error) {
	answer, ok := callback.First[callback.Choice](in.Answers)
	if !ok {
		return journey.Ask(callback.NewChoice("How?", []string{"password", "another way"}, 0)), nil
	}
	return journey.Goto([]string{"password", "other"}[answer.Selected]), nil
}
func (choose) Outcomes() []string { return []string{"password", "other"} }

func (sign) Process(ctx context.Context, in *journey.Input) (journey.Action, error) {
	answer, ok := callback.First[callback.Password](in.Answers)
	if !ok {
		return journey.Ask(callback.Password{}), nil
	}
	user, err := in.Users.Authenticate(ctx, "demo", answer.Value)
	switch {
	case errors.Is(err, identity.ErrCredentials):
		return journey.Goto("false"), nil
	case err != nil:
		return journey.Action{}, err
	}
	return journey.Goto("true").WithSubject(user), nil
}
func (sign) Outcomes() []string { return []string{"true", "false"} }

func choiceTree() *journey.Tree {
	return &journey.Tree{Name: "Login", Entry: "choose", Nodes: map[string]*journey.Placed{
		"choose": {ID: "choose", Node: choose{}, Next: map[string]string{"password": "sign", "other": "choose2"}},
		"choose2": {ID: "choose2", Node: choose{}, Next: map[string]string{
			"password": "sign", "other": journey.Success, // the mistake of a journey's author
		}},
		"sign": {ID: "sign", Node: sign{}, Next: map[string]string{"true": journey.Success, "false": "choose"}},
	}}
}

// visitor is one client with the steps that it has seen of its journey.
type visitor struct {
	authIDs []string
	asked   []callback.List
	right   bool // the right password was given to the current step that asks for it
}

// SECURITY 3: a reset without the mailed link was possible by "try another
// way": progress that one step had made counted for another. Clients walk at
// random, go back, resubmit old steps, answer the steps of others; whoever is
// signed in has given the right password, in that journey, when it was asked.
func TestModelNobodyGetsInAnotherWay(t *testing.T) {
	st, ring, tree := memory.New(), newRing(t), choiceTree()
	t.Cleanup(st.Close)
	if err := tree.Check(); err != nil {
		t.Fatal(err)
	}
	engine := journey.NewEngine(journey.EngineConfig{
		Users: journeytest.Demo("demo", "right"), Logger: slog.New(slog.DiscardHandler),
	})
	for name, k := range map[string]journey.Keeper{
		"server": newServer(t, st, ring, "/alpha"),
		"memory": newMemory(t, keep.NewTable(keep.TableConfig{}), ring, "/alpha"),
	} {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(rt *rapid.T) { walkAtRandom(t.Context(), rt, engine, tree, k) })
		})
	}
}

func walkAtRandom(ctx context.Context, rt *rapid.T, engine *journey.Engine, tree *journey.Tree, k journey.Keeper) {
	visitors := make([]*visitor, 2)
	for i := range visitors {
		s := newSnapshot()
		s.Node = ""
		if _, err := engine.Advance(ctx, tree, s, journey.Turn{}); err != nil {
			rt.Fatal(err)
		}
		authID, err := k.Begin(ctx, s)
		if err != nil {
			rt.Fatal(err)
		}
		visitors[i] = &visitor{authIDs: []string{authID}, asked: []callback.List{s.Asked}}
	}
	for range rapid.IntRange(1, 12).Draw(rt, "answers") {
		v := rapid.SampledFrom(visitors).Draw(rt, "visitor")
		step := rapid.IntRange(0, len(v.authIDs)-1).Draw(rt, "step") // the last, or one before: back, resubmit
		form := rapid.SampledFrom(visitors).Draw(rt, "whose form").asked
		asked := form[rapid.IntRange(0, len(form)-1).Draw(rt, "form")]
		input := rapid.SampledFrom([]any{"right", "wrong", "", 0, 1}).Draw(rt, "input")
		current := step == len(v.authIDs)-1

		var result journey.Result
		var after journey.Snapshot
		next, err := k.Step(ctx, "/alpha", v.authIDs[step], func(ctx context.Context, s *journey.Snapshot) (err error) {
			if !current {
				rt.Fatal("an answered step was taken again")
			}
			before := s.Node
			if result, err = engine.Advance(ctx, tree, s, journey.Turn{Answers: journeytest.Answers(asked, input)}); err != nil {
				return err
			}
			v.right = before == "sign" && input == "right"
			after = *s
			if result.Asked {
				return nil
			}
			return k.Finish(ctx, s, nil)
		})
		switch {
		case err != nil: // refused: nothing has happened
		case result.Succeeded != nil && !v.right:
			rt.Fatal("signed in without the right password")
		case result.Asked:
			v.authIDs, v.asked = append(v.authIDs, next), append(v.asked, after.Asked)
		}
	}
}
