package nodes

import (
	"context"

	"github.com/amgate/amgate/journey"
)

// ModifyAuthLevel adds to the authentication level of the journey.
type ModifyAuthLevel struct {
	Increment int `json:"authLevelIncrement" option:"auth_level_increment" doc:"How much to add; a negative number lowers the level." example:"10"`
}

// AuthLevel decides whether the journey has reached an authentication level.
type AuthLevel struct {
	Requirement int `json:"authLevelRequirement" option:"auth_level_requirement" doc:"The level that is enough." example:"10"`
}

var (
	_ journey.Leveler  = (*ModifyAuthLevel)(nil)
	_ journey.Node     = (*ModifyAuthLevel)(nil)
	_ journey.Declarer = (*ModifyAuthLevel)(nil)
	_ journey.Node     = (*AuthLevel)(nil)
	_ journey.Declarer = (*AuthLevel)(nil)
)

// Process implements journey.Node.
func (n *ModifyAuthLevel) Process(_ context.Context, in *journey.Input) (journey.Action, error) {
	in.State.PutShared(journey.KeyAuthLevel, in.State.Int(journey.KeyAuthLevel)+n.Increment)
	return journey.Goto(outcomeOnly), nil
}

// Process implements journey.Node.
func (n *AuthLevel) Process(_ context.Context, in *journey.Input) (journey.Action, error) {
	_, known := in.State.Get(journey.KeyAuthLevel)
	return journey.Goto(outcomeOf(known && in.State.Int(journey.KeyAuthLevel) >= n.Requirement)), nil
}

// LevelGain implements journey.Leveler.
func (n *ModifyAuthLevel) LevelGain() int { return n.Increment }

// Outcomes implements journey.Node.
func (*ModifyAuthLevel) Outcomes() []string { return []string{outcomeOnly} }

// Outcomes implements journey.Node.
func (*AuthLevel) Outcomes() []string { return []string{outcomeTrue, outcomeFalse} }

// Reads implements journey.Declarer.
func (*ModifyAuthLevel) Reads() []string { return []string{journey.KeyAuthLevel} }

// Reads implements journey.Declarer.
func (*AuthLevel) Reads() []string { return []string{journey.KeyAuthLevel} }

// Writes implements journey.Declarer.
func (*ModifyAuthLevel) Writes() []string { return []string{journey.KeyAuthLevel} }

// Writes implements journey.Declarer.
func (*AuthLevel) Writes() []string { return nil }
