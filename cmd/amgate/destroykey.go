package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"github.com/amgate/amgate/caddymodule"
	"github.com/amgate/amgate/realm"
)

func destroyKeyCommand() *cobra.Command {
	var at gateway
	var yes bool
	cmd := &cobra.Command{
		Use:   "destroy-key PATH",
		Short: "Makes all that a realm has in the store unreadable, at once and for good",
		Long: `
Destroys the generated key of a realm, which the running gateway does when it
is asked through Caddy's admin API. With that, nothing opens what was sealed or
signed with it: sessions, unfinished and suspended journeys, their links,
persistent cookies, counters, lockouts. All gateways on the same store hear of
it at once, and go on with a new key: whoever is signed in to the realm has to
sign in again. Accounts that are switched off stay so.

A snapshot of before still has the key, sealed with the installation's signing
key, and so has etcd until it compacts its history (an embedded one within ten
minutes). Destroy such snapshots, too.

It asks for the realm's path again before it does so. A realm that has
signing_key in the configuration is refused: replace it there and reload.
`,
		Example: `    amgate realm destroy-key /alpha
    amgate realm destroy-key --yes --address unix//run/amgate/admin.sock /alpha`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			path := args[0]
			if err := realm.CheckPath(path); err != nil {
				return err
			}
			if !yes {
				if err := confirm(cmd.InOrStdin(), cmd.ErrOrStderr(), path); err != nil {
					return err
				}
			}
			resp, err := at.ask(cmd.Context(), http.MethodPost, caddymodule.DestroyKeyPath+"?realm="+url.QueryEscape(path), nil)
			if err != nil {
				return err
			}
			if err := resp.Body.Close(); err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "the key of realm %s is destroyed\n", path)
			return err
		},
	}
	at.flags(cmd)
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	return cmd
}

// confirm has the realm's path written again.
func confirm(in io.Reader, out io.Writer, path string) error {
	_, err := fmt.Fprintf(out, "All sessions and unfinished journeys of realm %s end, and nothing brings them back.\n"+
		"Write the realm's path to go on: ", path)
	if err != nil {
		return err
	}
	answer, err := bufio.NewReader(in).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if answer = strings.TrimSpace(answer); answer != path {
		return fmt.Errorf("%q is not %s: nothing was done", answer, path)
	}
	return nil
}
