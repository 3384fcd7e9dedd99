package badge

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	_ "github.com/caddyserver/caddy/v2/modules/standard"

	"github.com/amgate/amgate/journey"
	"github.com/amgate/amgate/journey/journeytest"

	_ "github.com/amgate/amgate/caddymodule"
)

// given is a node at work: demo has two badges, alice has one.
func given(t *testing.T, username string) *journeytest.NodeTest {
	t.Helper()
	users := append(journeytest.Demo("demo", ""), journeytest.Demo("alice", "")...)
	users[0].Attributes = map[string][]string{"badge": {"0042", "0043"}}
	users[1].Attributes = map[string][]string{"badge": {"0099"}}
	node := new(Badge)
	if err := node.Provision(caddy.Context{}); err != nil {
		t.Fatal(err)
	}
	nt := journeytest.Given(t, node).WithUsers(users)
	if username != "" {
		nt.WithShared(journey.KeyUsername, username)
	}
	return nt
}

func TestBadge(t *testing.T) {
	for name, c := range map[string]struct{ username, number, outcome string }{
		"the user's badge":        {"demo", "0043", "true"},
		"another's badge":         {"demo", "0099", "false"},
		"no badge":                {"demo", "", "false"},
		"a reader that said none": {"demo", "badge", "false"},
		"nobody of that name":     {"eve", "0042", "false"},
		"nobody has said who":     {"", "0042", "false"},
		"a part of the number":    {"demo", "004", "false"},
	} {
		t.Run(name, func(t *testing.T) {
			nt := given(t, c.username).Arrive().WantAsked("HiddenValueCallback").Answer(c.number).WantOutcome(c.outcome)
			if subject := nt.Action().Subject(); (subject != nil) != (c.outcome == "true") {
				t.Errorf("the journey is that of %v", subject)
			}
		})
	}
}

// The example's Caddyfile is one that amgate runs.
func TestCaddyfile(t *testing.T) {
	input, err := os.ReadFile("Caddyfile")
	if err != nil {
		t.Fatal(err)
	}
	adapted, _, err := caddyconfig.GetAdapter("caddyfile").Adapt(input, map[string]any{"filename": "Caddyfile"})
	if err != nil {
		t.Fatal(err)
	}
	var cfg caddy.Config
	if err := json.Unmarshal(adapted, &cfg); err != nil {
		t.Fatal(err)
	}
	if err := caddy.Validate(&cfg); err != nil {
		t.Error(err)
	}
}
