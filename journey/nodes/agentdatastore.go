package nodes

import (
	"context"

	"github.com/amgate/amgate/identity"
	"github.com/amgate/amgate/journey"
)

// AgentDataStore checks the collected name and password against the realm's
// agents, which are no people: the session is the agent's.
type AgentDataStore struct{}

var (
	_ journey.Node     = (*AgentDataStore)(nil)
	_ journey.Declarer = (*AgentDataStore)(nil)
	_ journey.Requirer = (*AgentDataStore)(nil)
)

// agentPrefix stands before the id and the name of an agent wherever those of
// people are expected, so that no agent is taken for a person of its name.
const agentPrefix = "agent:"

// Process implements journey.Node.
func (*AgentDataStore) Process(ctx context.Context, in *journey.Input) (journey.Action, error) {
	agent, err := authenticate(ctx, in, in.Services.Agents)
	switch {
	case refused(err):
		return journey.Goto(outcomeFalse), nil
	case err != nil:
		return journey.Action{}, err
	}
	subject := &identity.User{
		ID: agentPrefix + agent.ID, Username: agentPrefix + agent.Username,
		Active: agent.Active, HasPassword: agent.HasPassword, Attributes: agent.Attributes,
	}
	return journey.Goto(outcomeTrue).WithSubject(subject).WithAuthType("Agent"), nil
}

// Outcomes implements journey.Node.
func (*AgentDataStore) Outcomes() []string { return []string{outcomeTrue, outcomeFalse} }

// Needs implements journey.Requirer.
func (*AgentDataStore) Needs() []journey.Need { return []journey.Need{{Kind: journey.NeedAgents}} }

// Reads implements journey.Declarer.
func (*AgentDataStore) Reads() []string { return credentials }

// Writes implements journey.Declarer.
func (*AgentDataStore) Writes() []string { return []string{journey.KeyLockoutMessage} }
