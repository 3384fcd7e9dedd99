package main

import (
	"fmt"
	"os"
	"strings"
	"testing"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"
)

// ours are the commands that Caddy does not have, besides hash-password.
var ours = []string{"demo", "drain", "explain", "explain-key", "generate-secret", "journey", "realm", "session", "store"}

// TestReference keeps the page about the commands equal to what their --help
// says. "make docs" writes it.
func TestReference(t *testing.T) {
	const path = "../../docs/reference/cli.md"
	var b strings.Builder
	b.WriteString(`# Commands

This page is generated from the code. amgate has [all commands of Caddy](https://caddyserver.com/docs/command-line), such
as ` + "`run`, `validate` and `reload`" + `, and these of its own. Each shows the same with ` + "`--help`" + `.
`)
	root, hash := &cobra.Command{Use: "amgate"}, hashPasswordCommand()
	hash.Use = strings.TrimPrefix(hash.Use, "amgate ")
	root.AddCommand(hash)
	for _, name := range ours {
		c := caddycmd.Commands()[name]
		cmd := &cobra.Command{Use: strings.TrimSpace(c.Name + " " + c.Usage), Short: c.Short, Long: c.Long}
		c.CobraFunc(cmd)
		root.AddCommand(cmd)
	}
	for _, cmd := range root.Commands() {
		reference(&b, cmd)
	}
	want := b.String()
	if got, err := os.ReadFile(path); err == nil && string(got) == want {
		return
	}
	if !*update {
		t.Fatalf("%s differs from the code; run: make docs", path)
	}
	if err := os.WriteFile(path, []byte(want), 0o600); err != nil {
		t.Fatal(err)
	}
}

// reference writes about a command, and about those below it.
func reference(b *strings.Builder, cmd *cobra.Command) {
	title := strings.TrimSuffix(cmd.UseLine(), " [flags]")
	fmt.Fprintf(b, "\n## `%s`\n\n%s.\n", title, strings.TrimSuffix(cmd.Short, "."))
	if long := strings.Trim(cmd.Long, "\n"); long != "" {
		fmt.Fprintf(b, "\n```text\n%s\n```\n", long)
	}
	if cmd.Example != "" {
		fmt.Fprintf(b, "\nExamples:\n\n```text\n%s\n```\n", unindent(cmd.Example))
	}
	if flags := cmd.NonInheritedFlags(); flags.HasFlags() {
		fmt.Fprintf(b, "\nFlags:\n\n```text\n%s\n```\n", unindent(strings.TrimRight(flags.FlagUsages(), "\n")))
	}
	for _, below := range cmd.Commands() {
		reference(b, below)
	}
}

// unindent takes the indentation of the first line from each.
func unindent(text string) string {
	indent := text[:len(text)-len(strings.TrimLeft(text, " "))]
	var lines []string
	for line := range strings.Lines(text) {
		lines = append(lines, strings.TrimPrefix(strings.TrimRight(line, "\n"), indent))
	}
	return strings.Join(lines, "\n")
}
