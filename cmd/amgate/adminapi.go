package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/spf13/cobra"
)

// gateway is a running gateway that commands work on by Caddy's admin API.
type gateway struct{ address string }

func (g *gateway) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&g.address, "address", "", "where a running gateway's admin API is (default localhost:2019)")
}

// errNoGateway says that nothing answers.
var errNoGateway = errors.New("is the gateway running? Start it with amgate run, or say with --address where its admin API is")

// ask sends a request, with a body unless it is nil. The error says whether the
// gateway does not answer or what it has against the request. The caller closes
// the reply's body.
func (g *gateway) ask(ctx context.Context, method, uri string, body io.Reader) (*http.Response, error) {
	address := g.address
	if address == "" {
		address = caddy.DefaultAdminListen
	}
	at, err := caddy.ParseNetworkAddress(address)
	if err != nil || at.PortRangeSize() > 1 {
		return nil, fmt.Errorf("--address %s is not one; write for example localhost:2019 or unix//run/amgate/admin.sock", address)
	}
	host := at.JoinHostPort(0)
	if at.IsUnixNetwork() {
		// What the admin API wants as host, and the path without the socket's
		// permissions that a Caddyfile may have behind it.
		host = "127.0.0.1"
		at.Host, _, _ = strings.Cut(at.Host, "|")
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://"+host+uri, body)
	if err != nil {
		return nil, err
	}
	if !at.IsUnixNetwork() {
		req.Header.Set("Origin", "http://"+host)
	}
	client := http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, at.Network, at.JoinHostPort(0))
		},
	}}
	resp, err := client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("no gateway answers at %s: %w; %w", address, errors.Unwrap(err), errNoGateway)
	}
	if resp.StatusCode < http.StatusBadRequest {
		return resp, nil
	}
	defer resp.Body.Close()
	var refused struct {
		Error string `json:"error"`
	}
	if json.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(&refused) != nil || refused.Error == "" {
		return nil, fmt.Errorf("what answers at %s is no gateway with this command, or an older one: %s", address, resp.Status)
	}
	return nil, errors.New(refused.Error)
}

// get is ask for a request whose answer is JSON.
func (g *gateway) get(ctx context.Context, method, uri string, body io.Reader, answer any) error {
	resp, err := g.ask(ctx, method, uri, body)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	return json.NewDecoder(resp.Body).Decode(answer)
}
