package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/amgate/amgate/identity/password"
	"github.com/amgate/amgate/token"
)

// maxPassword bounds what hash-password reads.
const maxPassword = 4096

func init() {
	caddycmd.RegisterCommand(caddycmd.Command{
		Name:  "generate-secret",
		Short: "Makes a random secret for signing_key",
		Long: `
Prints a random secret of 256 bits in base64, for the option signing_key of
the am block or of a realm. All nodes that share a store need the same one:

    amgate generate-secret > /run/secrets/am_signing_key
    # and in the Caddyfile: signing_key {file./run/secrets/am_signing_key}
`,
		CobraFunc: func(cmd *cobra.Command) {
			cmd.Args = cobra.NoArgs
			cmd.RunE = func(cmd *cobra.Command, _ []string) error {
				_, err := fmt.Fprintln(cmd.OutOrStdout(), token.GenerateSecret().Base64())
				return err
			}
		},
	})
}

// hashPasswordCommand stands for itself, beside Caddy's commands.
func hashPasswordCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "amgate hash-password",
		Short: "Hashes a password for a users file",
		Long: `Hashes a password with argon2id, in the form that a users file holds:

    users:
      - username: alice
        password: $argon2id$v=19$m=19456,t=2,p=1$…

On a terminal the password is asked for twice and not shown. Else it is the
first line of standard input:

    amgate hash-password < password.txt`,
		Args:         cobra.NoArgs,
		RunE:         hashPassword,
		SilenceUsage: true,
	}
	cmd.SetArgs(os.Args[2:])
	return cmd
}

func hashPassword(cmd *cobra.Command, _ []string) error {
	plain, err := readPassword(cmd)
	if err != nil {
		return err
	}
	if plain == "" {
		return errors.New("the password is empty")
	}
	_, err = fmt.Fprintln(cmd.OutOrStdout(), password.Hash(plain))
	return err
}

// readPassword asks on a terminal, and reads one line of anything else.
func readPassword(cmd *cobra.Command) (string, error) {
	if in, ok := cmd.InOrStdin().(*os.File); ok && term.IsTerminal(int(in.Fd())) {
		return askPassword(cmd.ErrOrStderr(), int(in.Fd()))
	}
	line, err := bufio.NewReader(io.LimitReader(cmd.InOrStdin(), maxPassword)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	return strings.TrimRight(line, "\r\n"), nil
}

func askPassword(prompts io.Writer, fd int) (string, error) {
	var answers [2]string
	for i, prompt := range []string{"Password: ", "Again: "} {
		_, _ = fmt.Fprint(prompts, prompt)
		b, err := term.ReadPassword(fd)
		_, _ = fmt.Fprintln(prompts)
		if err != nil {
			return "", err
		}
		answers[i] = string(b)
	}
	if answers[0] != answers[1] {
		return "", errors.New("the two passwords differ")
	}
	return answers[0], nil
}
