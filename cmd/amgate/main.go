// Command amgate is Caddy with its standard modules, amgate's modules, and a
// few subcommands for whoever sets up an installation.
package main

import (
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	_ "github.com/caddyserver/caddy/v2/modules/standard"

	_ "github.com/amgate/amgate/caddymodule"
)

func main() { caddycmd.Main() }
