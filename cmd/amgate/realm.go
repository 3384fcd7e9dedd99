package main

import (
	"errors"
	"fmt"
	"os"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/amgate/amgate/migrate"
	"github.com/amgate/amgate/realm"
)

func init() {
	caddycmd.RegisterCommand(caddycmd.Command{
		Name:  "realm",
		Short: "Looks after realms",
		CobraFunc: func(cmd *cobra.Command) {
			cmd.AddCommand(convertRealmCommand(), destroyKeyCommand())
		},
	})
}

func convertRealmCommand() *cobra.Command {
	var path string
	cmd := &cobra.Command{
		Use:   "convert FILE",
		Short: "Writes AM's authentication settings of a realm as a block of a Caddyfile",
		Long: `
Writes a realm's authentication settings as a realm block. The file has what AM
answers to a GET of realm-config/authentication, or frodo's export of it:

    frodo authn settings export https://am.example.com/am /alpha

Settings without a scheme for unfinished journeys, as an AM that was upgraded
has them, give journey_sessions in_memory, as in AM. What has no counterpart
here is in the comments that begin with "not converted".
`,
		Example: `    amgate realm convert --realm /alpha alpha.authentication.settings.json`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := realm.CheckPath(path); err != nil {
				return err
			}
			info, err := os.Stat(args[0])
			if err != nil {
				return err
			}
			const most = 1 << 20
			if info.Size() > most {
				return errors.New(args[0] + ": it is larger than 1 MiB; settings of a realm are small")
			}
			data, err := os.ReadFile(args[0])
			if err != nil {
				return err
			}
			if err := migrate.Realm(cmd.OutOrStdout(), path, data); err != nil {
				return fmt.Errorf("%s: %w", args[0], err)
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&path, "realm", "/", "the realm's path, for example /alpha")
	return cmd
}
