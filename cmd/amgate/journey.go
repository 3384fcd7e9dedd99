package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/caddyserver/caddy/v2"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/amgate/amgate/caddymodule"
	"github.com/amgate/amgate/journey"
	"github.com/amgate/amgate/journey/graph"
	"github.com/amgate/amgate/journey/treefile"
	"github.com/amgate/amgate/migrate"
)

func init() {
	caddycmd.RegisterCommand(caddycmd.Command{
		Name:  "journey",
		Short: "Lists, checks, draws and converts journeys",
		Long: `
Looks at journeys without running them. They come from files, each of which may
be a folder or a pattern:

    an export of AM's platform, or of frodo:   Login.journey.json
    a tree with its nodes beside it, as        Login/Login.json
    fr-config-manager keeps them:              Login/nodes/*.json

or from a configuration, with --config, which also tells what the journeys'
nodes may use: mail templates, webhooks, agents.
`,
		CobraFunc: func(cmd *cobra.Command) {
			cmd.AddCommand(listCommand(), lintCommand(), graphCommand(), convertCommand())
		},
	})
}

// source is where a command has its journeys from.
type source struct{ config string }

func (s *source) flags(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&s.config, "config", "c", "", "a configuration to look at instead of files")
}

// load reads the journeys that a command is to look at.
func (s *source) load(files []string) ([]caddymodule.Journeys, error) {
	if s.config != "" && len(files) > 0 || s.config == "" && len(files) == 0 {
		return nil, errors.New("name files with journeys, or a configuration by --config")
	}
	if s.config != "" {
		return configured(s.config)
	}
	ctx, cancel := caddy.NewContext(caddy.Context{Context: context.Background()})
	defer cancel()
	set, err := treefile.Load(files, caddymodule.NodeTypes{Context: ctx})
	if err != nil {
		return nil, err
	}
	return []caddymodule.Journeys{{Files: set}}, nil
}

// treesOf are all journeys of a realm, or of files, by name, those that cannot run among them, with all
// that their files have.
func treesOf(r caddymodule.Journeys) map[string]*journey.Tree {
	trees := make(map[string]*journey.Tree)
	maps.Copy(trees, r.BuiltIn)
	maps.Copy(trees, r.Inline)
	if r.Files != nil {
		for _, j := range r.Files.Journeys {
			trees[j.Tree.Name] = j.Whole()
		}
	}
	return trees
}

func listCommand() *cobra.Command {
	var from source
	cmd := &cobra.Command{
		Use:   "list FILE... | --config FILE",
		Short: "Lists journeys and says which of them run",
		Long: `
Lists journeys: whether each can run here, how many nodes it has and where it
was written. Below one that cannot run stands what it would need.
`,
		Example: `    amgate journey list /etc/am/journeys
    amgate journey list --config Caddyfile`,
		RunE: func(cmd *cobra.Command, files []string) error {
			realms, err := from.load(files)
			if err != nil {
				return err
			}
			for _, r := range realms {
				if err := list(cmd.OutOrStdout(), r); err != nil {
					return err
				}
			}
			return nil
		},
	}
	from.flags(cmd)
	return cmd
}

func list(out io.Writer, r caddymodule.Journeys) error {
	verdict := r.Files.Judge(r.Realm)
	rows := [][4]string{{"JOURNEY", "RUNS", "NODES", "FROM"}}
	trees := treesOf(r)
	names := slices.Sorted(maps.Keys(trees))
	for _, name := range names {
		t := trees[name]
		rows = append(rows, [4]string{plain(name), runs(verdict.Journeys[name]), strconv.Itoa(len(t.Nodes)), cmp.Or(t.Source, "amgate")})
	}
	var widths [4]int
	for _, row := range rows {
		for i, cell := range row[:3] {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	var b strings.Builder
	if r.Path != "" {
		fmt.Fprintf(&b, "realm %s\n", r.Path)
	}
	for i, row := range rows {
		fmt.Fprintf(&b, "%-*s  %-*s  %-*s  %s\n", widths[0], row[0], widths[1], row[1], widths[2], row[2], row[3])
		for _, p := range verdict.Disabled {
			if i > 0 && p.Journey == names[i-1] {
				p.File, p.Journey = "", ""
				fmt.Fprintf(&b, "    %s\n", p.String())
			}
		}
	}
	_, err := io.WriteString(out, b.String())
	return err
}

// runs says how a journey runs; nil is one that cannot.
func runs(t *journey.Tree) string {
	switch {
	case t == nil:
		return "no"
	case t.Disabled:
		return "disabled"
	case t.InnerOnly:
		return "inside others"
	}
	return "yes"
}

// plain is a name of a file as a terminal may show it.
func plain(name string) string {
	if q := fmt.Sprintf("%q", name); q != `"`+name+`"` {
		return q
	}
	return name
}

func graphCommand() *cobra.Command {
	var from source
	var dot bool
	cmd := &cobra.Command{
		Use:   "graph NAME FILE... | --config FILE NAME",
		Short: "Draws a journey",
		Long: `
Draws a journey as SVG, which every browser shows, or writes it in the language
of Graphviz. Pages list what is on them, inner journeys have a double frame,
what no path leads to is dashed, and wires that lead back are violet.
`,
		Example: `    amgate journey graph Login Login.journey.json > login.svg
    amgate journey graph --dot Login --config Caddyfile | dot -Tpng > login.png`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			realms, err := from.load(args[1:])
			if err != nil {
				return err
			}
			t, err := pick(realms, args[0])
			if err != nil {
				return err
			}
			if dot {
				return graph.DOT(cmd.OutOrStdout(), t)
			}
			return graph.SVG(cmd.OutOrStdout(), t)
		},
	}
	from.flags(cmd)
	cmd.Flags().BoolVar(&dot, "dot", false, "write the language of Graphviz")
	cmd.Flags().Bool("svg", true, "write SVG, the default")
	cmd.MarkFlagsMutuallyExclusive("dot", "svg")
	return cmd
}

// pick finds a journey by its name, with its realm before a colon where several
// realms have one: "/alpha:Login".
func pick(realms []caddymodule.Journeys, name string) (*journey.Tree, error) {
	var found []*journey.Tree
	var names []string
	for _, r := range realms {
		for own, t := range treesOf(r) {
			full := r.Path + ":" + own
			if own == name || full == name {
				found = append(found, t)
			}
			if r.Path == "" {
				full = own
			}
			names = append(names, plain(full))
		}
	}
	slices.Sort(names)
	switch len(found) {
	case 0:
		return nil, fmt.Errorf("there is no journey %s; there are: %s", plain(name), strings.Join(names, ", "))
	case 1:
		return found[0], nil
	}
	return nil, fmt.Errorf("several realms have a journey %s; name one of: %s", plain(name), strings.Join(names, ", "))
}

func convertCommand() *cobra.Command {
	var from source
	var to string
	cmd := &cobra.Command{
		Use:   "convert FILE... | --config FILE",
		Short: "Writes journeys as blocks of a Caddyfile, or as an export of AM",
		Long: `
Writes journeys in the other form: AM's as blocks for the am block of a
Caddyfile, or for a realm in it, and, with --to am, any as an export that AM's
tools import. In a Caddyfile nodes are called after their display names, and
options that have AM's default are left out.

A journey that cannot run here is not converted; the rest are.
`,
		Example: `    amgate journey convert Login.journey.json >> Caddyfile
    amgate journey convert --config Caddyfile --to am > journeys.json`,
		RunE: func(cmd *cobra.Command, files []string) error {
			realms, err := from.load(files)
			if err != nil {
				return err
			}
			switch to {
			case "am":
				return convert(cmd.OutOrStdout(), realms, migrate.AM)
			case "caddyfile":
				return convert(cmd.OutOrStdout(), realms, toCaddyfile)
			}
			return fmt.Errorf("--to %s: write caddyfile or am", to)
		},
	}
	from.flags(cmd)
	cmd.Flags().StringVar(&to, "to", "caddyfile", "caddyfile or am")
	return cmd
}

// convert writes the journeys that can be written, and tells of the others.
func convert(out io.Writer, realms []caddymodule.Journeys, write func(io.Writer, []*journey.Tree) error) error {
	var trees []*journey.Tree
	var errs []error
	for _, r := range realms {
		cannot := make(map[string]bool)
		if r.Files != nil {
			for _, j := range r.Files.Journeys {
				for _, p := range j.Problems {
					cannot[j.Tree.Name] = true
					errs = append(errs, errors.New(p.String()))
				}
			}
		}
		all := treesOf(r)
		for _, name := range slices.Sorted(maps.Keys(all)) {
			if t := all[name]; !cannot[name] && t != r.BuiltIn[name] {
				trees = append(trees, t)
			}
		}
	}
	return errors.Join(append(errs, write(out, trees))...)
}

func toCaddyfile(out io.Writer, trees []*journey.Tree) error {
	var errs []error
	for i, t := range trees {
		var block bytes.Buffer
		if i > 0 {
			block.WriteString("\n")
		}
		if err := migrate.Journey(&block, t); err != nil {
			errs = append(errs, err)
			continue
		}
		if _, err := block.WriteTo(out); err != nil {
			return err
		}
	}
	return errors.Join(errs...)
}
