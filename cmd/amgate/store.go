package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/amgate/amgate/caddymodule"
	"github.com/amgate/amgate/store/etcd/embedded"
)

func init() {
	caddycmd.RegisterCommand(caddycmd.Command{
		Name:  "store",
		Short: "Backs up, restores and defragments the embedded store",
		Long: `
Looks after the embedded etcd, which keeps sessions, unless the configuration
names a cluster's endpoints.

snapshot and defrag work on a running gateway, which they ask through Caddy's
admin API. With --folder they work on the folder of one that is stopped, and
hold it meanwhile, so that no gateway starts on it. restore needs a folder that
nobody uses, because a running gateway remembers what the store had before.

What a snapshot does not have is the signing key: it lies beside the folder, as
data/cts.signing_key, or is in the configuration. Keep a copy of it elsewhere.
Without it a snapshot opens nothing, neither for a thief nor for you.
`,
		CobraFunc: func(cmd *cobra.Command) {
			cmd.AddCommand(snapshotCommand(), restoreCommand(), defragCommand())
		},
	})
}

// defaultFolder is where the embedded store lies unless the configuration says
// otherwise, seen from where the gateway is started.
var defaultFolder = filepath.Join("data", "cts")

// place is the store that a command works on: a running gateway's, or a folder.
type place struct {
	gateway
	folder string
}

func (p *place) flags(cmd *cobra.Command) {
	p.gateway.flags(cmd)
	cmd.Flags().StringVar(&p.folder, "folder", "", "the folder of a stopped gateway's store, such as data/cts")
	cmd.MarkFlagsMutuallyExclusive("folder", "address")
}

// open starts the store of the folder, for this command alone.
func (p *place) open(ctx context.Context) (*embedded.Server, error) {
	has, err := embedded.HasData(p.folder)
	if err != nil {
		return nil, err
	}
	if !has {
		return nil, fmt.Errorf("folder %s has no store: name the one that the configuration calls embedded, by default %s",
			p.folder, defaultFolder)
	}
	server, err := embedded.Start(ctx, embedded.Config{Dir: p.folder})
	if inUse, ok := errors.AsType[*embedded.InUseError](err); ok {
		return nil, fmt.Errorf("%w; or leave --folder out, to work on the running gateway", inUse)
	}
	return server, err
}

// ask sends a request to the running gateway. The caller closes the body.
func (p *place) ask(ctx context.Context, method, path string) (*http.Response, error) {
	resp, err := p.gateway.ask(ctx, method, path, nil)
	if errors.Is(err, errNoGateway) {
		err = fmt.Errorf("%w; --folder works on a stopped one", err)
	}
	return resp, err
}

func snapshotCommand() *cobra.Command {
	var from place
	cmd := &cobra.Command{
		Use:   "snapshot FILE",
		Short: "Writes all that the store has into a file",
		Long: `
Writes all that the store has, at this moment, into a new file that you alone
can read. The gateway goes on meanwhile. The file ends with a checksum, which is
verified; it is there whole or not at all, and none is overwritten. It is what
"etcdctl snapshot save" writes, so etcd's own tools take it, too.

Keep the signing key elsewhere: see amgate store --help.
`,
		Example: `    amgate store snapshot /backup/cts-monday
    amgate store snapshot --address unix//run/amgate/admin.sock /backup/cts-monday
    amgate store snapshot --folder data/cts /backup/cts-monday`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			shown := startProgress(cmd.ErrOrStderr(), "snapshot")
			defer shown.stop()
			err := embedded.SaveSnapshot(args[0], func(w io.Writer) error {
				return from.snapshot(cmd.Context(), w, shown.set)
			})
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s is written\n", args[0])
			return err
		},
	}
	from.flags(cmd)
	return cmd
}

// snapshot writes a snapshot of the place's store.
func (p *place) snapshot(ctx context.Context, w io.Writer, progress func(done, all int64)) error {
	if p.folder != "" {
		server, err := p.open(ctx)
		if err != nil {
			return err
		}
		return errors.Join(server.WriteSnapshot(ctx, w, progress), server.Close())
	}
	resp, err := p.ask(ctx, http.MethodGet, caddymodule.SnapshotPath)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.MultiWriter(w, &meter{all: resp.ContentLength, progress: progress}), resp.Body)
	return err
}

// meter tells of the progress of what is written to it.
type meter struct {
	done, all int64 // bytes; all is negative if it is not known
	progress  func(done, all int64)
}

// Write implements io.Writer.
func (m *meter) Write(p []byte) (int, error) {
	m.done += int64(len(p))
	m.progress(m.done, m.all)
	return len(p), nil
}

func restoreCommand() *cobra.Command {
	var folder string
	cmd := &cobra.Command{
		Use:   "restore FILE",
		Short: "Makes a store's folder from a snapshot",
		Long: `
Makes the folder of an embedded store from a snapshot, whose checksum it
verifies. A folder that has a store is refused, and so is one that a process
uses: stop the gateway and move the old folder away first.

The signing key of the gateway that the snapshot is of must lie beside the
folder, or be in the configuration. What happened since the snapshot is undone:
sessions that began since are gone, and those that were ended since are back.
`,
		Example: `    mv data/cts data/cts.old
    amgate store restore /backup/cts-monday
    amgate store restore --folder /var/lib/amgate/cts /backup/cts-monday`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			shown := startProgress(cmd.ErrOrStderr(), "restore")
			defer shown.stop()
			if err := embedded.Restore(args[0], folder); err != nil {
				return err
			}
			key := filepath.Clean(folder) + ".signing_key"
			note := ""
			if _, err := os.Stat(key); err != nil {
				note = fmt.Sprintf("there is no %s: put it there, or have signing_key in the configuration, "+
					"before the gateway starts\n", key)
			}
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "%s is restored\n%s", folder, note)
			return err
		},
	}
	cmd.Flags().StringVar(&folder, "folder", defaultFolder, "the store's folder, made if there is none")
	return cmd
}

func defragCommand() *cobra.Command {
	var at place
	cmd := &cobra.Command{
		Use:   "defrag",
		Short: "Gives room that the store does not use any more back to the disk",
		Long: `
Rewrites the store's file without the room that nothing uses any more, and says
how large it was and is. History is compacted every five minutes by itself, but
the file stays as large as it once was, and at 8 GiB the store refuses every
write until this has made room. There is a warning in the log, and
amgate_embedded_store_nearly_full is 1 in the metrics, from 60 % of that on.

On a running gateway nobody can sign in or be checked meanwhile, for some
seconds with each GiB. The disk needs room for a second file.
`,
		Example: `    amgate store defrag
    amgate store defrag --folder data/cts`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			shown := startProgress(cmd.ErrOrStderr(), "defrag")
			defer shown.stop()
			did, err := at.defrag(cmd.Context())
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%d bytes before, %d after\n", did.Before, did.After)
			return err
		},
	}
	at.flags(cmd)
	return cmd
}

func (p *place) defrag(ctx context.Context) (did caddymodule.Defragmented, err error) {
	if p.folder != "" {
		server, err := p.open(ctx)
		if err != nil {
			return did, err
		}
		did.Before = server.Usage().Size
		err = server.Defragment()
		did.After = server.Usage().Size
		return did, errors.Join(err, server.Close())
	}
	resp, err := p.ask(ctx, http.MethodPost, caddymodule.DefragPath)
	if err != nil {
		return did, err
	}
	defer resp.Body.Close()
	return did, json.NewDecoder(resp.Body).Decode(&did)
}

// patience is after how long, and how often, a command says how far it is.
const patience = 2 * time.Second

// progress says how far a command is, if it takes long.
type progress struct {
	done, all atomic.Int64 // bytes; all is not above 0 if it is not known
	end       chan struct{}
	ended     chan struct{}
}

func startProgress(out io.Writer, what string) *progress {
	p := &progress{end: make(chan struct{}), ended: make(chan struct{})}
	began := time.Now()
	go func() {
		defer close(p.ended)
		tick := time.NewTicker(patience)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				_, _ = fmt.Fprintf(out, "%s: %s%v\n", what, p.part(), time.Since(began).Round(time.Second))
			case <-p.end:
				return
			}
		}
	}()
	return p
}

// part says how much is done, nothing if that is not known.
func (p *progress) part() string {
	done, all := p.done.Load(), p.all.Load()
	if all <= 0 {
		return ""
	}
	return fmt.Sprintf("%d %% of %d MiB, ", done*100/all, all>>20)
}

func (p *progress) set(done, all int64) {
	p.all.Store(all)
	p.done.Store(done)
}

func (p *progress) stop() {
	close(p.end)
	<-p.ended
}
