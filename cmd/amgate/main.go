// Command amgate is Caddy with its standard modules, amgate's modules, and a
// few subcommands for whoever sets up an installation.
package main

import (
	"os"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	_ "github.com/caddyserver/caddy/v2/modules/standard"

	_ "github.com/amgate/amgate/caddymodule"
)

func main() {
	// Caddy has a hash-password of its own, and commands cannot be replaced.
	// Its default is bcrypt; ours makes what a users file should hold.
	if len(os.Args) > 1 && os.Args[1] == "hash-password" {
		if err := hashPasswordCommand().Execute(); err != nil {
			os.Exit(1)
		}
		return
	}
	caddycmd.Main()
}
