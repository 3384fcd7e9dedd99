// Command amgate is Caddy with its standard modules, amgate's modules, and a
// few subcommands for whoever sets up an installation.
package main

import (
	"os"

	"github.com/caddyserver/caddy/v2"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	_ "github.com/caddyserver/caddy/v2/modules/standard"

	_ "github.com/amgate/amgate/caddymodule"
)

// description is what --help begins with.
const description = `amgate is an identity gateway: it signs people in by journeys, as PingAM does,
and lets them through to the apps behind it. It is Caddy with modules of its
own, so all of Caddy's commands are here too.

Begin with an example, whose users are made for you:

	amgate demo data
	amgate run --config Caddyfile.example

or with a Caddyfile of your own, which "amgate run" finds in the folder where
it is started. To set one up:

	amgate hash-password      for a file of users
	amgate generate-secret    for nodes that share a store
	amgate validate           is the configuration right?
	amgate reload             take it over without losing a session

To look at journeys, also those of an AM that you come from:

	amgate journey list FILES…
	amgate journey lint FILES…
	amgate journey convert FILES…
	amgate realm convert FILE

To see and end the sessions of a user:

	amgate session list USER
	amgate session end HANDLE…

To take a node of a cluster out without losing a login:

	amgate drain

To look after the embedded store, which keeps the sessions:

	amgate store snapshot FILE
	amgate store restore FILE
	amgate store defrag

To end all sessions of a realm at once, wherever copies of the store may lie:

	amgate realm destroy-key PATH

"amgate help COMMAND" tells more about each.`

func main() {
	caddy.CustomBinaryName, caddy.CustomLongDescription = "amgate", description
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
