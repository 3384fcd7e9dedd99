package nodes

import (
	"fmt"
	"slices"
	"strings"

	"github.com/amgate/amgate/journey"
)

// Spec is what adapters, documentation and tests know about a type of node.
type Spec struct {
	// Name is the node's name in a Caddyfile: "retry_limit".
	Name string
	// Type is AM's id: "RetryLimitDecisionNode". Title is AM's display name.
	Type, Title string
	// Doc is one or two sentences about what the node does.
	Doc string
	// Differences says how the node differs from AM's; "" if it does not.
	Differences string
	// Callbacks are the types that the node may ask or show, as clients know
	// them: "NameCallback". Those of a Parent are its children's.
	Callbacks []string
	// New returns a node with AM's defaults.
	New func() journey.Node
	// Options are what can be configured.
	Options []Option
	// Proves are the outcomes that vouch for something the client had to
	// know, have or be. A hostile client must never reach one. A node with
	// several outcomes says so even when there are none: it is then empty,
	// not nil.
	Proves []string
	// Vouches reports whether a node with its options proves what Proves says;
	// nil if the options do not matter. Depends says in words for which it does.
	Vouches func(journey.Node) bool
	Depends string
	// Limited are the outcomes that the node chooses only so often in one
	// journey.
	Limited []string
	// Names says that the node identifies the user whom the client names,
	// without proof that the client is that user.
	Names bool
}

// Kind is the form of an option's value.
type Kind string

// The kinds of options.
const (
	KindText   Kind = "text"   // [<language>] <text>, may be repeated for other languages
	KindString Kind = "string" // one argument
	KindNumber Kind = "number" // a whole number
	KindSwitch Kind = "switch" // on or off; alone it is on
	KindList   Kind = "list"   // one argument or more, may be repeated
	KindMap    Kind = "map"    // a name and a value, repeated for each name
)

// Repeats reports whether an option of this kind may be given several times.
func (k Kind) Repeats() bool { return k == KindText || k == KindList || k == KindMap }

// Option is one thing that can be configured about a node.
type Option struct {
	// Name is the word in a Caddyfile, Field the member in AM's JSON.
	Name, Field string
	Kind        Kind
	// Default is the value without the option, as a Caddyfile would write
	// it; empty if there is none. Example is a value that makes sense.
	// A list's elements and a map's name and value have spaces between.
	Default, Example string
	Doc              string
	// Values are those that a string may have; nil for any.
	Values []string

	index int // of the struct field
}

// Arguments are the example as the arguments of the option; nil if there is
// none.
func (o Option) Arguments() []string {
	switch {
	case o.Example == "":
		return nil
	case o.Kind == KindList:
		return strings.Fields(o.Example)
	case o.Kind == KindMap:
		return strings.SplitN(o.Example, " ", 2)
	}
	return []string{o.Example}
}

// list is made once: specs never change.
var list = buildSpecs()

// All lists the nodes in the order of their names. The result belongs to the
// caller.
func All() []Spec { return slices.Clone(list) }

// ByName finds a node by its name in a Caddyfile.
func ByName(name string) (Spec, bool) {
	return find(func(s Spec) bool { return s.Name == name })
}

// ByType finds a node by AM's id of its type.
func ByType(id string) (Spec, bool) {
	return find(func(s Spec) bool { return s.Type == id })
}

// Lookup finds a node by AM's id of its type or by its name in a Caddyfile.
func Lookup(kind string) (Spec, bool) {
	if spec, ok := ByType(kind); ok {
		return spec, true
	}
	return ByName(kind)
}

func find(wanted func(Spec) bool) (Spec, bool) {
	if i := slices.IndexFunc(list, wanted); i >= 0 {
		return list[i], true
	}
	return Spec{}, false
}

// buildSpecs puts the groups of nodes together. Each group is in a file of its
// own, specs_<group>.go.
func buildSpecs() []Spec {
	specs := slices.Concat(coreSpecs(), identitySpecs(), requestSpecs(), sessionSpecs())
	slices.SortFunc(specs, func(a, b Spec) int { return strings.Compare(a.Name, b.Name) })
	for i := range specs {
		specs[i].Options = optionsOf(specs[i].New())
	}
	return specs
}

// Set configures an option of a node that New made, with the arguments that a
// Caddyfile gives it. It may be called several times for an option that
// Repeats. Errors name the option and say what would be right.
func (s Spec) Set(node journey.Node, option string, args []string) error {
	i := slices.IndexFunc(s.Options, func(o Option) bool { return o.Name == option })
	if i < 0 {
		return fmt.Errorf("%s has no option %q; %s", s.Name, option, s.known())
	}
	if err := s.Options[i].set(node, args); err != nil {
		return fmt.Errorf("option %s: %w", option, err)
	}
	return nil
}

// Proof are the outcomes of a configured node that prove something: those of
// Proves, or none.
func (s Spec) Proof(node journey.Node) []string {
	if s.Vouches != nil && !s.Vouches(node) {
		return nil
	}
	return s.Proves
}

func (s Spec) known() string {
	if len(s.Options) == 0 {
		return "it has none"
	}
	names := make([]string, len(s.Options))
	for i, o := range s.Options {
		names[i] = o.Name
	}
	return "its options are: " + strings.Join(names, ", ")
}
