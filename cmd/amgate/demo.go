package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/amgate/amgate/identity/password"
)

func init() {
	caddycmd.RegisterCommand(caddycmd.Command{
		Name:  "demo",
		Usage: "<folder>",
		Short: "Makes the users of the example configuration",
		Long: `
Makes two users for Caddyfile.example, with passwords that nobody could guess:
"demo", for the protected apps, and "admin", an administrator in the root
realm. Their hashes go into users files in the folder, the passwords into
passwords.txt (readable by you alone), and to the terminal.

A folder that has them already is left as it is: the passwords are printed
again.
`,
		CobraFunc: func(cmd *cobra.Command) {
			cmd.Args = cobra.ExactArgs(1)
			cmd.RunE = func(cmd *cobra.Command, args []string) error {
				return makeDemo(cmd.OutOrStdout(), args[0])
			}
		},
	})
}

// demoUsers are the accounts of the example, each with the file of its realm.
var demoUsers = []struct{ name, roles, mail, file string }{
	{"admin", "admin", "admin@example.com", "users-root.yaml"},
	{"demo", "staff", "demo@example.com", "users-demo.yaml"},
}

// passwordsFile keeps the generated passwords; it is written last, so that
// its presence means that everything is there.
const passwordsFile = "passwords.txt"

func makeDemo(out io.Writer, folder string) error {
	passwords := filepath.Join(folder, passwordsFile)
	known, err := os.ReadFile(passwords)
	if errors.Is(err, fs.ErrNotExist) {
		known, err = writeDemo(folder)
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, `
  The example is at   http://localhost:8080   (protected app, realm /alpha)
                      http://localhost:8081   (protected app, realm /beta)

%s
  (kept in %s)

`, indent(string(known)), passwords)
	return err
}

func writeDemo(folder string) ([]byte, error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, err
	}
	var list strings.Builder
	for _, u := range demoUsers {
		plain := rand.Text()[:16]
		users := fmt.Sprintf("users:\n  - username: %s\n    password: %s\n    roles: [%s]\n    attributes:\n      mail: [%s]\n",
			u.name, password.Hash(plain), u.roles, u.mail)
		if err := os.WriteFile(filepath.Join(folder, u.file), []byte(users), 0o600); err != nil {
			return nil, err
		}
		fmt.Fprintf(&list, "user %-5s  password %s\n", u.name, plain)
	}
	passwords := []byte(list.String())
	return passwords, os.WriteFile(filepath.Join(folder, passwordsFile), passwords, 0o600)
}

func indent(text string) string {
	return "  " + strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n  ")
}
