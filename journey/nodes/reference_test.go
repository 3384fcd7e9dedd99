package nodes_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/amgate/amgate/journey"
	"github.com/amgate/amgate/journey/nodes"
)

var update = flag.Bool("update", false, "write what is generated from the code")

const referenceDir = "../../docs/reference/nodes"

// TestReference keeps the pages about nodes equal to the code: one for each
// type, and a list of all. "make docs" writes them.
func TestReference(t *testing.T) {
	pages := map[string]string{"README.md": referenceIndex()}
	for _, spec := range nodes.All() {
		pages[spec.Name+".md"] = referencePage(t, spec)
	}
	present, err := filepath.Glob(referenceDir + "/*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range present {
		if _, wanted := pages[filepath.Base(path)]; wanted {
			continue
		}
		if !*update {
			t.Errorf("%s is about no node; run: make docs", path)
		} else if err := os.Remove(path); err != nil {
			t.Error(err)
		}
	}
	for name, want := range pages {
		path := filepath.Join(referenceDir, name)
		if got, err := os.ReadFile(path); err == nil && string(got) == want {
			continue
		}
		if !*update {
			t.Errorf("%s differs from the code; run: make docs", path)
		} else if err := os.WriteFile(path, []byte(want), 0o600); err != nil {
			t.Error(err)
		}
	}
}

func referenceIndex() string {
	var b strings.Builder
	b.WriteString(`# Nodes

These pages are generated from the code. A journey names its nodes by the words on the left; nodes of AM's exports
are found by AM's type ids. Properties, defaults and outcomes are AM's, and so is what a page does not say otherwise.

| node | in AM | what it does |
| --- | --- | --- |
`)
	for _, spec := range nodes.All() {
		fmt.Fprintf(&b, "| [`%s`](%s.md) | %s<br>`%s` | %s |\n", spec.Name, spec.Name, spec.Title, spec.Type, cell(spec.Doc))
	}
	b.WriteString(`
## Kinds of options

| kind | arguments |
| --- | --- |
| text | a text, optionally after its language: ` + "`header de \"Anmelden\"`" + `; once for each language |
| string | one; some have the values that the option's page lists, in capitals or not |
| number | a whole number |
| switch | ` + "`on` or `off`" + `; without one it is on |
| list | one or more; may be repeated |
| map | a name and a value; repeated for each name |
`)
	return b.String()
}

func referencePage(t *testing.T, spec nodes.Spec) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# `%s`\n\nIn AM: %s, `%s`. This page is generated from the code.\n\n%s\n\n", spec.Name, spec.Title, spec.Type, spec.Doc)
	example := fixture(t, spec)
	fmt.Fprintf(&b, "```caddyfile\n%s```\n\n", exampleText(spec, example.Outcomes()))
	fmt.Fprintf(&b, "- **Outcomes**: %s\n", outcomesText(spec.New().Outcomes(), example.Outcomes()))
	fmt.Fprintf(&b, "- **Callbacks**: %s\n", asksText(spec, example))
	if d, ok := example.(journey.Declarer); ok {
		fmt.Fprintf(&b, "- **State** in the example: reads %s; writes %s\n", code(d.Reads()), code(d.Writes()))
	}
	if r, ok := example.(journey.Requirer); ok && len(r.Needs()) > 0 {
		fmt.Fprintf(&b, "- **Needs** in the example: %s\n", needsText(r.Needs()))
	}
	if spec.Proves != nil {
		fmt.Fprintf(&b, "- **Proves** something about the client: %s\n", strings.TrimSpace(code(spec.Proves)+" "+spec.Depends))
	}
	if len(spec.Options) > 0 {
		b.WriteString("\n## Options\n\n| option | AM's property | kind | default | meaning |\n| --- | --- | --- | --- | --- |\n")
		for _, o := range spec.Options {
			fmt.Fprintf(&b, "| `%s` | `%s` | %s | %s | %s |\n", o.Name, o.Field, kindText(o), orDash(o.Default), cell(o.Doc))
		}
	}
	if spec.Differences != "" {
		fmt.Fprintf(&b, "\n## Differences from AM\n\n%s\n", spec.Differences)
	}
	return b.String()
}

// exampleText is a node with its options, and where its outcomes lead.
func exampleText(spec nodes.Spec, outcomes []string) string {
	var block strings.Builder
	for _, o := range spec.Options {
		if o.Example != "" {
			block.WriteString("\t" + o.Name + " " + strings.Join(quoted(o.Arguments()), " ") + "\n")
		}
	}
	if _, ok := spec.New().(nodes.Parent); ok {
		block.WriteString("\tnode name username\n\tnode pass password\n")
	}
	text := "node step " + spec.Name
	if block.Len() > 0 {
		text += " {\n" + block.String() + "}"
	}
	if len(outcomes) == 1 {
		return text + "\nstep -> next\n"
	}
	text += "\n"
	for i, outcome := range quoted(outcomes) {
		to := "next"
		if i > 0 {
			to = journey.Failure
		}
		text += "step " + outcome + " -> " + to + "\n"
	}
	return text
}

// quoted puts what is not one word of a Caddyfile into quotes.
func quoted(words []string) []string {
	all := slices.Clone(words)
	for i, w := range all {
		if w == "" || strings.ContainsAny(w, " \t\n\"{}#`") {
			all[i] = `"` + strings.ReplaceAll(w, `"`, `\"`) + `"`
		}
	}
	return all
}

func outcomesText(byDefault, example []string) string {
	switch {
	case slices.Equal(byDefault, example):
		return code(byDefault)
	case len(byDefault) == 0:
		return code(example) + " in the example"
	}
	return code(byDefault) + "; in the example also " + code(slices.DeleteFunc(slices.Clone(example), func(o string) bool {
		return slices.Contains(byDefault, o)
	}))
}

func asksText(spec nodes.Spec, node journey.Node) string {
	switch node.(type) {
	case nodes.Parent:
		return "those of its nodes"
	case journey.Inner:
		return "those of the inner journey"
	}
	return code(spec.Callbacks)
}

func needsText(needs []journey.Need) string {
	all := make([]string, len(needs))
	for i, n := range needs {
		if all[i] = "`" + n.String() + "`"; n.Kind == journey.NeedCookie {
			all[i] = "that the cookie `" + n.Name + "` is not amgate's own"
		}
	}
	return strings.Join(all, ", ")
}

func kindText(o nodes.Option) string {
	if o.Values == nil {
		return string(o.Kind)
	}
	return string(o.Kind) + ": " + code(o.Values)
}

// code lists words as code.
func code(words []string) string {
	if len(words) == 0 {
		return "none"
	}
	return "`" + strings.Join(words, "`, `") + "`"
}

// cell is a text in a table.
func cell(s string) string { return strings.ReplaceAll(s, "|", `\|`) }

func orDash(s string) string {
	if s == "" {
		return "–"
	}
	return "`" + s + "`"
}
