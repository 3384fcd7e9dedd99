package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/amgate/amgate/caddymodule"
)

func init() {
	caddycmd.RegisterCommand(caddycmd.Command{
		Name:  "drain",
		Usage: "[--timeout <duration>] | --undo",
		Short: "Takes a node out of its cluster without interrupting anybody",
		Long: `
Takes an AM node out of its cluster, which the running gateway does when it is
asked through Caddy's admin API. The node

  1. takes no new journeys. Edges send none here any more, a journey that begins
     here all the same is passed on to another node, and health/ready answers
     503, so that balancers turn away; health/live goes on answering 200.
  2. lets the journeys that it has in memory finish, for as long as --timeout
     says, while another node takes new ones.
  3. hands over the rest: they lie in the store then, from where whichever node
     their next step reaches goes on with them. Nobody notices, and no step has
     to be answered twice.
  4. leaves the directory of nodes.

The command ends when that is done, and shows meanwhile how many journeys are
left. The node goes on serving what reaches it; it can be stopped now, or come
back with --undo. A node whose realms have no journey_sessions in_memory has
nothing to hand over and is drained at once.

If the store does not answer, the journeys stay in memory, go on there, and are
handed over as soon as it does. If the command is interrupted, the drain goes
on. A second one can only shorten the time.

A gateway that is stopped drains itself, for as long as its drain_timeout says:
this command is for those who want to wait longer, or to look on.
`,
		CobraFunc: func(cmd *cobra.Command) { drainCommand(cmd) },
	})
}

// minPoll and maxPoll are between two questions of how far the drain is: each
// is a line in the gateway's log.
const (
	minPoll = 100 * time.Millisecond
	maxPoll = time.Second
)

// node is a gateway to be drained.
type node struct{ gateway }

func drainCommand(cmd *cobra.Command) {
	var at node
	var timeout string
	var undo bool
	cmd.Example = `    amgate drain
    amgate drain --timeout 2m --address unix//run/amgate/admin.sock && systemctl stop amgate
    amgate drain --undo`
	cmd.Args = cobra.NoArgs
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if undo && timeout != "" {
			return errors.New("--undo takes a drain back; it has no --timeout")
		}
		ctx, out := cmd.Context(), cmd.OutOrStdout()
		if undo {
			if _, err := at.drain(ctx, http.MethodDelete, nil); err != nil {
				return err
			}
			_, err := fmt.Fprintln(out, "the node takes new journeys again")
			return err
		}
		order, err := json.Marshal(caddymodule.DrainOrder{Timeout: timeout})
		if err != nil {
			return err
		}
		state, err := at.drain(ctx, http.MethodPost, order)
		if err != nil {
			return err
		}
		return at.follow(ctx, out, state)
	}
	at.flags(cmd)
	cmd.Flags().StringVar(&timeout, "timeout", "", "how long journeys may finish, such as 30s; 0s hands them over at once (default the node's drain_timeout, 5s)")
	cmd.Flags().BoolVar(&undo, "undo", false, "take new journeys again")
}

// drain sends an order, or asks, and returns how far the drain is.
func (n *node) drain(ctx context.Context, method string, order []byte) (state caddymodule.DrainState, err error) {
	var body io.Reader
	if order != nil {
		body = bytes.NewReader(order)
	}
	err = n.get(ctx, method, caddymodule.DrainPath, body, &state)
	return state, err
}

// follow writes how far the drain is, when that has changed and at most once a
// second, until it is over.
func (n *node) follow(ctx context.Context, out io.Writer, state caddymodule.DrainState) (err error) {
	shown, last := "", time.Time{}
	for pause := minPoll; ; pause = min(2*pause, maxPoll) {
		if !state.Draining {
			return errors.New("the node is not draining any more: somebody has taken it back, or it was started anew")
		}
		if line := howFar(state); line != shown && (state.Drained || time.Since(last) >= time.Second) {
			shown, last = line, time.Now()
			if _, err := fmt.Fprintln(out, line); err != nil {
				return err
			}
		}
		if state.Drained {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
		if state, err = n.drain(ctx, http.MethodGet, nil); err != nil {
			return err
		}
	}
}

// howFar says how far a drain is.
func howFar(s caddymodule.DrainState) string {
	switch {
	case s.Drained && s.Journeys > 0:
		return fmt.Sprintf("drained; journeys handed over: %d; that cannot be and start again: %d", s.HandedOver, s.Journeys)
	case s.Drained:
		return fmt.Sprintf("drained; journeys handed over: %d", s.HandedOver)
	case s.Trouble != "":
		return fmt.Sprintf("journeys in memory: %d; they wait for the store: %s", s.Journeys, s.Trouble)
	case time.Now().Before(*s.Until):
		return fmt.Sprintf("journeys in memory: %d; they may finish until %s", s.Journeys, s.Until.Local().Format(time.TimeOnly))
	}
	return fmt.Sprintf("journeys in memory: %d; they are being handed over", s.Journeys)
}
