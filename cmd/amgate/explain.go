package main

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/amgate/amgate/caddymodule"
	"github.com/amgate/amgate/cluster/routing"
	"github.com/amgate/amgate/journey/affinity"
	"github.com/amgate/amgate/realm"
)

func init() {
	caddycmd.RegisterCommand(caddycmd.Command{
		Name:  "explain",
		Usage: "<authId|amlbcookie|link>",
		Short: "Tells on which node of a cluster a journey lives, and why",
		Long: `
Tells on which node an unfinished journey lives, and to which one its next step
goes, as the gateway knows that is asked through Caddy's admin API. Any gateway
of the cluster will do.

The journey is named by the value of the cookie amlbcookie, by an authId, or by
the link of a suspended journey. Only the affinity in it, which opens nothing,
is sent to the gateway.

How a single request went is told in its reply, to whoever sends a key with it:
amgate explain-key.
`,
		CobraFunc: func(cmd *cobra.Command) {
			var at gateway
			var asJSON bool
			cmd.Example = `    amgate explain AQIDBAUGBwgJ.oMNMMpa08TxgU_b-Hmp_W51f
    amgate explain --json "$(jq -r .authId step.json)"`
			cmd.Args = cobra.ExactArgs(1)
			cmd.RunE = func(cmd *cobra.Command, args []string) error {
				var place caddymodule.JourneyPlace
				query := url.Values{"affinity": {affinityIn(args[0])}}
				if err := at.get(cmd.Context(), http.MethodGet, caddymodule.JourneyPath+"?"+query.Encode(), nil, &place); err != nil {
					return err
				}
				if asJSON {
					return writeIndented(cmd.OutOrStdout(), place)
				}
				return writePlace(cmd.OutOrStdout(), place)
			}
			at.flags(cmd)
			cmd.Flags().BoolVar(&asJSON, "json", false, "write JSON, for programs")
		},
	})
	caddycmd.RegisterCommand(caddycmd.Command{
		Name:  "explain-key",
		Short: "Makes a key by which replies tell which nodes answered",
		Long: `
Makes a key for the request header X-Am-Explain, which a running gateway does
when it is asked through Caddy's admin API. Requests to the login pages and the
REST API that have it are answered with a header of the same name, which tells
the edge and the nodes that they went through, and why:

    X-Am-Explain: edge;name="edge-1";node="am-2";address="am-2:8080";why=pin;tries=1,
        node;name="am-2";why=here

Whoever has the key learns names and addresses of nodes, and nothing else. It is
good at every edge and node of the installation until its time is over; nothing
ends it earlier. Without a good one no reply names a node.
`,
		CobraFunc: func(cmd *cobra.Command) {
			var at gateway
			var lasts time.Duration
			cmd.Example = `    curl -si -H "X-Am-Explain: $(amgate explain-key --for 10m)" -X POST https://login.example.com/am/json/authenticate`
			cmd.Args = cobra.NoArgs
			cmd.RunE = func(cmd *cobra.Command, _ []string) error {
				var key caddymodule.ExplainKey
				query := url.Values{"for": {lasts.String()}}
				if err := at.get(cmd.Context(), http.MethodPost, caddymodule.ExplainKeyPath+"?"+query.Encode(), nil, &key); err != nil {
					return err
				}
				_, err := fmt.Fprintln(cmd.OutOrStdout(), key.Key)
				return err
			}
			at.flags(cmd)
			cmd.Flags().DurationVar(&lasts, "for", time.Hour, "how long it is good, at most 24h")
		},
	})
}

// affinityIn is the affinity in an authId or a link, or what is one itself.
func affinityIn(text string) string {
	if found, ok := affinity.FromAuthID([]byte(text)); ok {
		return found
	}
	carried := text
	if link, err := url.Parse(text); err == nil && link.Query().Has("suspendedId") {
		carried = link.Query().Get("suspendedId")
	}
	if _, found := realm.PartLink(carried); found != "" {
		return found
	}
	return text
}

// writePlace tells people where a journey lives.
func writePlace(w io.Writer, place caddymodule.JourneyPlace) error {
	var home string
	switch {
	case place.Home != nil:
		home = told(place.Home)
	case place.Begun:
		home = "on a node that is not there any more"
	default:
		home = "nowhere yet: no node has taken it on"
	}
	next := "nowhere: the directory has no node"
	if place.Next != nil {
		next = told(place.Next) + ", " + map[routing.Why]string{
			routing.WhyPin:  "because the journey lives there (pin)",
			routing.WhyHash: "because it is the best-ranked that takes journeys (hash)",
		}[place.Why]
	}
	return writeTable(w, [][]string{{"lives", home}, {"next step", next}})
}

// told is what there is to say of a node.
func told(n *caddymodule.PlaceNode) string {
	text := "on " + n.Name + ", " + n.Address + ", with " + strconv.Itoa(n.Journeys) + " journeys in memory"
	if n.Draining {
		text += ", draining"
	}
	return text
}
