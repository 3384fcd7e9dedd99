// Package badge is a node for amgate's journeys that somebody else wrote: it
// checks the badge that a card reader at the client has read. It is an example,
// complete and tested; docs/how-to/write-a-node.md explains it.
package badge

import (
	"context"
	"crypto/subtle"
	"errors"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/amgate/amgate/identity"
	"github.com/amgate/amgate/journey"
	"github.com/amgate/amgate/journey/callback"
)

func init() { caddy.RegisterModule(new(Badge)) }

// Badge asks the client's program for the number of the badge that lies on its
// reader, and compares it with the user's. The user must be known by name.
//
// One value serves all journeys at once: it holds the configuration and nothing
// else.
type Badge struct {
	// Attribute is the user's attribute that has the numbers of the badges;
	// "badge" by default.
	Attribute string `json:"badgeAttribute,omitempty"`
}

// CaddyModule returns the Caddy module information.
func (*Badge) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "am.nodes.badge", New: func() caddy.Module { return new(Badge) }}
}

// AMType is the node's type in journeys that were exported from AM.
func (*Badge) AMType() string { return "BadgeDecisionNode" }

// Provision fills in the defaults, so that journeys written in JSON have them
// too.
func (b *Badge) Provision(caddy.Context) error {
	if b.Attribute == "" {
		b.Attribute = "badge"
	}
	return nil
}

// The outcomes, and the id by which the client's program knows the question.
const (
	match   = "true"
	noMatch = "false"
	reader  = "badge"
)

// Process implements journey.Node. A badge that is not there and one that is
// somebody else's are the same to the client.
func (b *Badge) Process(ctx context.Context, in *journey.Input) (journey.Action, error) {
	answer, asked := callback.First[callback.HiddenValue](in.Answers)
	if !asked {
		return journey.Ask(callback.HiddenValue{ID: reader}), nil
	}
	number, given := answer.Given()
	username, _ := in.State.Get(journey.KeyUsername)
	name, known := username.(string)
	if !given || !known {
		return journey.Goto(noMatch), nil
	}
	user, err := in.Users.ByName(ctx, name)
	switch {
	case errors.Is(err, identity.ErrNotFound):
		return journey.Goto(noMatch), nil
	case err != nil:
		return journey.Action{}, err // nothing was decided: the client may answer again
	}
	for _, own := range user.Values(b.Attribute) {
		if subtle.ConstantTimeCompare([]byte(own), []byte(number)) == 1 {
			return journey.Goto(match).WithSubject(user).WithAuthType("Badge"), nil
		}
	}
	return journey.Goto(noMatch), nil
}

// Outcomes implements journey.Node.
func (*Badge) Outcomes() []string { return []string{match, noMatch} }

// Proves says which outcome vouches for somebody: amgate lint counts it as a
// check of credentials.
func (*Badge) Proves() []string { return []string{match} }

// Reads implements journey.Declarer: the user name is kept until the node has
// run.
func (*Badge) Reads() []string { return []string{journey.KeyUsername} }

// Writes implements journey.Declarer.
func (*Badge) Writes() []string { return nil }

// UnmarshalCaddyfile sets up the node from Caddyfile tokens. Syntax:
//
//	badge {
//		attribute <name>
//	}
func (b *Badge) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // consume the type
	if d.NextArg() {
		return d.ArgErr()
	}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		switch name := d.Val(); {
		case name != "attribute":
			return d.Errf("there is no option %q; the option is: attribute", name)
		case b.Attribute != "":
			return d.Err("attribute is already specified")
		case !d.AllArgs(&b.Attribute):
			return d.ArgErr()
		}
	}
	return nil
}

// Interface guards
var (
	_ caddy.Provisioner     = (*Badge)(nil)
	_ caddyfile.Unmarshaler = (*Badge)(nil)
	_ journey.Node          = (*Badge)(nil)
	_ journey.Declarer      = (*Badge)(nil)
)
