package journey_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"

	"github.com/amgate/amgate/journey"
	"github.com/amgate/amgate/journey/callback"
	"github.com/amgate/amgate/journey/journeytest"
)

// Riddle is a node of a third party. It holds its configuration and nothing
// else.
type Riddle struct {
	Question string `json:"question"`
	Solution string `json:"solution"`
}

var _ journey.Node = (*Riddle)(nil)

// Process asks when the journey arrives, and decides when the answer is there.
func (r *Riddle) Process(_ context.Context, in *journey.Input) (journey.Action, error) {
	answer, answered := callback.First[callback.TextInput](in.Answers)
	switch {
	case !answered:
		return journey.Ask(callback.TextInput{Prompt: r.Question}), nil
	case strings.EqualFold(answer.Value, r.Solution):
		return journey.Goto("solved").WithAuthType("Riddle"), nil
	}
	return journey.Goto("wrong"), nil
}

// Outcomes lists what Process may choose.
func (*Riddle) Outcomes() []string { return []string{"solved", "wrong"} }

func ExampleEngine_Advance() {
	tree := &journey.Tree{Name: "Gate", Entry: "riddle", Nodes: map[string]*journey.Placed{
		"riddle": {
			ID: "riddle", Type: "Riddle", Node: &Riddle{Question: "Speak, friend, and enter", Solution: "mellon"},
			Next: map[string]string{"solved": "who", "wrong": "riddle"},
		},
		"who": {ID: "who", Type: "Test", Node: identifies("gandalf"), Next: map[string]string{"outcome": journey.Success}},
	}}
	if err := tree.Check(); err != nil {
		fmt.Println(err)
	}
	engine := journey.NewEngine(journey.EngineConfig{
		Users: journeytest.Demo("gandalf", ""), Logger: slog.New(slog.DiscardHandler),
	})
	snapshot := newSnapshot()
	for _, answer := range []string{"", "friend", "Mellon"} {
		answers := journeytest.Answers(snapshot.Asked, answer)
		result, err := engine.Advance(context.Background(), tree, snapshot, journey.Turn{Answers: answers})
		switch {
		case err != nil:
			fmt.Println(err)
		case result.Asked:
			fmt.Println(snapshot.Asked[0].Callback.Outputs()[0].Value)
		case result.Succeeded != nil:
			fmt.Println("welcome", result.Succeeded.Subject.Username, result.Succeeded.AuthTypes)
		}
	}
	// Output:
	// Speak, friend, and enter
	// Speak, friend, and enter
	// welcome gandalf [Riddle]
}
