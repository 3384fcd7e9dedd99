package main

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"github.com/amgate/amgate/caddymodule"
	"github.com/amgate/amgate/journey"
	"github.com/amgate/amgate/journey/lint"
	"github.com/amgate/amgate/journey/nodes"
	"github.com/amgate/amgate/journey/treefile"
)

// traits tells lint what is known of the types of nodes.
type traits struct{}

// Traits implements lint.Types.
func (traits) Traits(kind string, node journey.Node) (lint.Traits, bool) {
	if spec, known := nodes.Lookup(kind); known {
		return lint.Traits{Proves: spec.Proof(node), Asks: len(spec.Callbacks) > 0, Limited: spec.Limited}, true
	}
	proves, known := caddymodule.NodeTypes{}.Proves(kind)
	return lint.Traits{Proves: proves, Asks: true}, known // nobody says what a node of others asks
}

// Rules of findings that are not about a journey's wires.
const (
	ruleCannotRun = "cannot-run"
	ruleChanged   = "changed"
	ruleRefused   = "refused"
)

// errFindings makes the command's exit status 1.
var errFindings = errors.New("there are errors")

func lintCommand() *cobra.Command {
	var from source
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "lint FILE... | --config FILE",
		Short: "Finds mistakes in journeys",
		Long: `
Finds what is wrong with journeys, or odd. The exit status is 1 if there is an
error; warnings alone leave it 0. The rules are named behind each finding:

    cannot-run   error    a journey cannot run here; it would be disabled
    refused      error    a configuration with these journeys would be refused
    unproved     error    success can be reached without any proof of who the
                          client is; a warning if it depends on nodes of others
    no-exit      error    a loop that no outcome leaves
    dead-end     error    a node from which no end can be reached
    silent-loop  error    a loop that asks nothing and never ends
    unreachable  warning  a node to which no path leads
    changed      warning  something of a file was ignored or amended

Journeys that make no session, and those that run inside others only, may
succeed without a proof.
`,
		Example: `    amgate journey lint /etc/am/journeys
    amgate journey lint --json --config Caddyfile`,
		RunE: func(cmd *cobra.Command, files []string) error {
			realms, err := from.load(files)
			if err != nil {
				return err
			}
			var findings []lint.Finding
			for _, r := range realms {
				findings = append(findings, findingsOf(r)...)
			}
			if err := report(cmd, findings, asJSON); err != nil {
				return err
			}
			if slices.ContainsFunc(findings, func(f lint.Finding) bool { return f.Severity == lint.Error }) {
				return errFindings
			}
			return nil
		},
	}
	from.flags(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "write the findings as JSON")
	return cmd
}

func report(cmd *cobra.Command, findings []lint.Finding, asJSON bool) error {
	if asJSON {
		return writeIndented(cmd.OutOrStdout(), append([]lint.Finding{}, findings...))
	}
	for _, f := range findings {
		if _, err := fmt.Fprintln(cmd.OutOrStdout(), f); err != nil {
			return err
		}
	}
	return nil
}

// findingsOf are what is wrong with the journeys of a realm, by journey.
func findingsOf(r caddymodule.Journeys) []lint.Finding {
	verdict := r.Files.Judge(r.Realm)
	var all []lint.Finding
	for _, p := range verdict.Disabled {
		all = append(all, finding(p, lint.Error, ruleCannotRun))
	}
	for _, p := range verdict.Warnings {
		all = append(all, finding(p, lint.Warning, ruleChanged))
	}
	for _, name := range slices.Sorted(maps.Keys(verdict.Journeys)) {
		all = append(all, lint.Journey(verdict.Journeys[name], traits{})...)
	}
	slices.SortStableFunc(all, func(a, b lint.Finding) int {
		return cmp.Compare(a.Journey, b.Journey)
	})
	if verdict.Err != nil {
		all = append(all, lint.Finding{Severity: lint.Error, Rule: ruleRefused, Text: verdict.Err.Error()})
	}
	return all
}

func finding(p treefile.Problem, s lint.Severity, rule string) lint.Finding {
	return lint.Finding{
		Severity: s, Rule: rule, File: p.File, Journey: p.Journey,
		Node: p.Node, Name: p.Name, Type: p.Type, Property: p.Property, Text: p.Text,
	}
}
