package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/amgate/amgate/caddymodule"
)

func init() {
	caddycmd.RegisterCommand(caddycmd.Command{
		Name:  "session",
		Short: "Shows and ends sessions",
		Long: `
Shows and ends the sessions of users, which a running gateway does when it is
asked through Caddy's admin API. One gateway of a cluster is enough: what it
ends, all of them refuse.

A session is named by its handle, which opens nothing; no command shows what a
client presents. Where clients carry the sessions untracked
(authenticated_sessions client, without track) none is listed, and all of a user
can be ended all the same.

The audit log has each session that is ended as AM-SESSION-DESTROYED, with
admin-api as who did it.
`,
		CobraFunc: func(cmd *cobra.Command) {
			cmd.AddCommand(listSessionsCommand(), showSessionCommand(), endSessionsCommand())
		},
	})
}

// sessions is where the commands about sessions find them, and how they write.
type sessions struct {
	gateway
	json bool
}

func (s *sessions) flags(cmd *cobra.Command) {
	s.gateway.flags(cmd)
	cmd.Flags().BoolVar(&s.json, "json", false, "write JSON, for programs")
}

// get asks the gateway and reads its answer.
func (s *sessions) get(ctx context.Context, method, path string, query url.Values, answer any) error {
	return s.gateway.get(ctx, method, path+"?"+query.Encode(), nil, answer)
}

func listSessionsCommand() *cobra.Command {
	var in sessions
	var realm string
	cmd := &cobra.Command{
		Use:   "list USER",
		Short: "Lists the sessions of a user",
		Long: `
Lists the live sessions of a user, in all realms or in one. The user is given by
name, by id, or by universal id (id=bjensen,ou=user,o=alpha,…). That there are
none is no error.

The list is read from the store when it is asked for: what has ended before, on
any gateway, is not on it. The last access is known to the minute.
`,
		Example: `    amgate session list bjensen
    amgate session list --realm /alpha bjensen
    amgate session list --json bjensen | jq -r '.sessions[].handle'
    amgate session list --address unix//run/amgate/admin.sock bjensen`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var list caddymodule.SessionList
			query := url.Values{"user": {args[0]}}
			if realm != "" {
				query.Set("realm", realm)
			}
			if err := in.get(cmd.Context(), http.MethodGet, caddymodule.SessionsPath, query, &list); err != nil {
				return err
			}
			if in.json {
				return writeIndented(cmd.OutOrStdout(), list)
			}
			return errors.Join(
				writeSessions(cmd.OutOrStdout(), list.Sessions, time.Now()),
				writeUntracked(cmd.ErrOrStderr(), list.Untracked),
			)
		},
	}
	in.flags(cmd)
	cmd.Flags().StringVar(&realm, "realm", "", "the path of the only realm to look in, such as /alpha")
	return cmd
}

// writeSessions writes a table with a line for each session.
func writeSessions(w io.Writer, lines []caddymodule.SessionLine, now time.Time) error {
	if len(lines) == 0 {
		_, err := fmt.Fprintln(w, "no sessions found")
		return err
	}
	table := [][]string{{"REALM", "USER", "LEVEL", "CREATED", "LAST ACCESS", "IDLE LEFT", "MAX LEFT", "HANDLE"}}
	for _, s := range lines {
		table = append(table, []string{
			s.Realm, s.Username, strconv.Itoa(s.AuthLevel), s.Created.Format(time.DateTime), s.LastAccess.Format(time.DateTime),
			left(s.IdleExpires, now), left(s.MaxExpires, now), s.Handle,
		})
	}
	return writeTable(w, table)
}

// writeTable writes rows of equally wide columns. Texts that somebody else
// chose are made safe for a terminal.
func writeTable(w io.Writer, rows [][]string) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		for i := range row {
			row[i] = printable(row[i])
		}
		_, _ = io.WriteString(table, strings.Join(row, "\t")+"\n") // Flush has the error
	}
	return table.Flush()
}

// left is how long it is until then.
func left(then, now time.Time) string { return max(0, then.Sub(now)).Truncate(time.Second).String() }

// printable is a text that somebody else chose, safe for a terminal.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return '\uFFFD'
		}
		return r
	}, text)
}

// writeUntracked says of which realms nothing can be listed.
func writeUntracked(w io.Writer, realms []string) error {
	if len(realms) == 0 {
		return nil
	}
	_, err := fmt.Fprintf(w, "not listed: clients carry the sessions of %s (authenticated_sessions client, without track)\n", strings.Join(realms, ", "))
	return err
}

func showSessionCommand() *cobra.Command {
	var in sessions
	cmd := &cobra.Command{
		Use:   "show HANDLE",
		Short: "Shows all about a session",
		Long: `
Shows a session by its handle: whose it is, how it came about, its times, and
its properties. Showing it is no use of it: its idle time goes on.
`,
		Example: `    amgate session show shandle:…
    amgate session show --json shandle:… | jq .properties`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var s caddymodule.SessionDetails
			if err := in.get(cmd.Context(), http.MethodGet, caddymodule.SessionPath, url.Values{"handle": args}, &s); err != nil {
				return err
			}
			if in.json {
				return writeIndented(cmd.OutOrStdout(), s)
			}
			return writeSession(cmd.OutOrStdout(), s, time.Now())
		},
	}
	in.flags(cmd)
	return cmd
}

// writeSession writes a line for each fact.
func writeSession(w io.Writer, s caddymodule.SessionDetails, now time.Time) error {
	table := [][]string{
		{"handle", s.Handle},
		{"realm", s.Realm},
		{"user", s.Username},
		{"user id", s.UserID},
		{"universal id", s.UniversalID},
		{"audit id", s.ContextID},
		{"journey", s.Journey},
		{"auth type", s.AuthType},
		{"auth level", strconv.Itoa(s.AuthLevel)},
		{"roles", strings.Join(s.Roles, ", ")},
		{"created", s.Created.Format(time.RFC3339)},
		{"last access", s.LastAccess.Format(time.RFC3339)},
		{"idle", s.IdleExpires.Format(time.RFC3339) + ", in " + left(s.IdleExpires, now)},
		{"max", s.MaxExpires.Format(time.RFC3339) + ", in " + left(s.MaxExpires, now)},
	}
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		table = append(table, []string{"property " + name, s.Properties[name]})
	}
	return writeTable(w, table)
}

func endSessionsCommand() *cobra.Command {
	var in sessions
	var realm, user string
	cmd := &cobra.Command{
		Use:   "end HANDLE... | --user USER --realm PATH",
		Short: "Ends sessions",
		Long: `
Ends sessions by their handles, or all that a user has in a realm. They end at
once, on all gateways; whoever used them has to sign in again.

With --user it ends those, too, that clients carry and no list has. One that
begins meanwhile goes on: to keep somebody out, switch the account off first.
If one of several handles is no live session, the rest are ended all the same,
and the exit status is 1.
`,
		Example: `    amgate session end shandle:…
    amgate session end --realm /alpha --user bjensen
    amgate session list --json bjensen | jq -r '.sessions[].handle' | xargs amgate session end`,
		Args: func(_ *cobra.Command, handles []string) error {
			if (len(handles) > 0) == (user != "") || (user == "") != (realm == "") {
				return errors.New("name the sessions by their handles, or all of a user by --user with --realm, such as --realm /alpha")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, handles []string) error {
			if user != "" {
				return in.end(cmd, url.Values{"user": {user}, "realm": {realm}})
			}
			var errs []error
			for _, handle := range handles {
				if err := in.end(cmd, url.Values{"handle": {handle}}); err != nil {
					errs = append(errs, fmt.Errorf("%s: %w", handle, err))
				}
			}
			return errors.Join(errs...)
		},
	}
	in.flags(cmd)
	cmd.Flags().StringVar(&user, "user", "", "whose sessions are to end: a name, an id, or a universal id")
	cmd.Flags().StringVar(&realm, "realm", "", "the path of the user's realm, such as /alpha")
	return cmd
}

// end has sessions ended and says how many there were.
func (s *sessions) end(cmd *cobra.Command, which url.Values) error {
	var ended caddymodule.EndedSessions
	if err := s.get(cmd.Context(), http.MethodPost, caddymodule.EndSessionsPath, which, &ended); err != nil {
		return err
	}
	out := cmd.OutOrStdout()
	var err error
	switch {
	case s.json:
		err = writeIndented(out, ended)
	case which.Has("handle"):
		_, err = fmt.Fprintf(out, "%s has ended\n", which.Get("handle"))
	case ended.Untracked:
		_, err = fmt.Fprintf(out, "all sessions of %s in realm %s have ended, also those that clients carry\n", which.Get("user"), which.Get("realm"))
	default:
		_, err = fmt.Fprintf(out, "sessions of %s in realm %s that have ended: %d\n", which.Get("user"), which.Get("realm"), ended.Ended)
	}
	return err
}
