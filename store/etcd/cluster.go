package etcd

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/amgate/amgate/store"
)

const (
	// A cluster that is not reached is looked at again after firstLook, which
	// doubles up to slowLook; one that is, after nextLook.
	firstLook = time.Second
	slowLook  = 30 * time.Second
	nextLook  = time.Hour

	// historyLimit is how many changes may go by without any being compacted
	// away before it is taken that nothing ever will; historyTime is how much
	// time has to as well. etcd does not tell how it is set up, and to keep a
	// day of history is common.
	historyLimit = 1_000_000
	historyTime  = 25 * time.Hour

	// full is the part of the quota, in percent, from which there is a
	// warning, as of an embedded etcd.
	full = 60

	// fewest is how many members it takes to lose one and go on.
	fewest = 3
)

// oldest is the oldest version whose progress notices can be relied upon, on
// which the cache's proofs of freshness rest: before 3.5.8 one could overtake
// the changes it covers (etcd issue 15220), and before 3.5.13 a watch that had
// seen no change got none (etcd pull request 17566).
var oldest = [3]int{3, 5, 13}

// view is what there was to be seen of a cluster.
type view struct {
	at       time.Time
	members  map[string]told // by endpoint
	voting   int             // how many members vote, 0 if that was not told
	revision int64
	whole    bool // nothing of the history was ever compacted away
	still    bool // nor was anything since an earlier view
}

// told is what a member said, or why it did not.
type told struct {
	*clientv3.StatusResponse
	err error
}

// problem is something that an operator should change. detail may differ from
// one look to the next while it is the same problem.
type problem struct{ what, where, remedy, detail string }

// watchCluster looks at the cluster as soon as it can be reached, and every
// hour from then on, until ctx ends. What is amiss is logged once, and again
// only if it was set right in between. look is given the revision of an earlier
// view.
func watchCluster(ctx context.Context, look func(ctx context.Context, since int64) view, log *slog.Logger) {
	var known []problem
	var since view // the last in which something had been compacted away
	unreached := firstLook
	for {
		pause := nextLook
		if now := look(ctx, since.revision); now.reached() {
			if !now.still {
				since = now
			}
			found := now.problems(since)
			for _, p := range found {
				if !slices.ContainsFunc(known, p.same) {
					log.Warn(p.what, "endpoint", p.where, "remedy", p.remedy, "detail", p.detail)
				}
			}
			known = found
		} else {
			pause, unreached = unreached, min(2*unreached, slowLook)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(store.Spread(pause, pause/5)):
		}
	}
}

func (p problem) same(q problem) bool { return p.what == q.what && p.where == q.where }

// look asks each member for itself, and for the cluster whichever answers.
// since is the revision of an earlier view.
func (s *Store) look(ctx context.Context, since int64) view {
	v := view{at: time.Now(), members: s.askMembers(ctx)}
	if !v.reached() {
		return v
	}
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	if list, err := s.client.MemberList(ctx); err == nil {
		for _, m := range list.Members {
			if !m.IsLearner {
				v.voting++
			}
		}
	}
	// Of a key that nobody writes, so that the answer is short.
	if resp, err := s.client.Get(ctx, s.name("history"), clientv3.WithRev(1)); err == nil {
		v.whole, v.revision = true, resp.Header.Revision
	}
	if resp, err := s.client.Get(ctx, s.name("history"), clientv3.WithRev(since)); err == nil {
		v.still, v.revision = since > 0, resp.Header.Revision
	}
	return v
}

// askMembers asks all members at once, and gives each the same time.
func (s *Store) askMembers(ctx context.Context) map[string]told {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	members := make(map[string]told)
	var mu sync.Mutex
	var asking sync.WaitGroup
	for _, endpoint := range s.client.Endpoints() {
		asking.Go(func() {
			status, err := s.client.Status(ctx, endpoint)
			mu.Lock()
			defer mu.Unlock()
			members[endpoint] = told{status, err}
		})
	}
	asking.Wait()
	return members
}

// reached reports whether any member answered.
func (v view) reached() bool {
	for _, m := range v.members {
		if m.err == nil {
			return true
		}
	}
	return false
}

// problems are what is amiss, each member's in the order of the endpoints.
// since is the last view after which something was compacted away.
func (v view) problems(since view) []problem {
	var all []problem
	endpoints := slices.Sorted(maps.Keys(v.members))
	clusters := make(map[uint64][]string)
	for _, endpoint := range endpoints {
		m := v.members[endpoint]
		all = append(all, m.problems(endpoint)...)
		if m.err == nil {
			clusters[m.Header.ClusterId] = append(clusters[m.Header.ClusterId], endpoint)
		}
	}
	where := strings.Join(endpoints, " ")
	if len(clusters) > 1 {
		var parts []string
		for _, id := range slices.Sorted(maps.Keys(clusters)) {
			parts = append(parts, fmt.Sprintf("%x: %s", id, strings.Join(clusters[id], " ")))
		}
		all = append(all, problem{
			"the endpoints are of different clusters, so that a session is there or not by chance", where,
			"name the members of one cluster alone in store etcd", strings.Join(parts, "; "),
		})
	}
	if v.voting > 0 && v.voting < fewest {
		all = append(all, problem{
			"the cluster stops when one member does", where,
			"run three members, or five; see etcdctl member add", fmt.Sprintf("%d voting members", v.voting),
		})
	}
	from, over := since.revision, v.at.Sub(since.at)
	if v.whole {
		from, over = 1, historyTime // whenever that was
	}
	if (v.whole || v.still) && v.revision-from >= historyLimit && over >= historyTime {
		all = append(all, problem{
			"etcd's history only grows: auto-compaction seems to be off", where,
			"start the members with --auto-compaction-mode=periodic --auto-compaction-retention=1h",
			fmt.Sprintf("revision %d, and nothing was compacted away since revision %d", v.revision, from),
		})
	}
	return all
}

// problems are those of one member.
func (m told) problems(endpoint string) []problem {
	if m.err != nil {
		return []problem{{
			"a member of the cluster does not answer", endpoint,
			"start it, or take its endpoint out of store etcd", m.err.Error(),
		}}
	}
	var all []problem
	if slices.Compare(parseVersion(m.Version), oldest[:]) < 0 {
		all = append(all, problem{
			"etcd is too old: what it says of its progress cannot be relied upon, nor can the cache", endpoint,
			fmt.Sprintf("upgrade it to %d.%d.%d or later", oldest[0], oldest[1], oldest[2]), "version " + m.Version,
		})
	}
	if m.DbSizeQuota > 0 && m.DbSize*100 >= m.DbSizeQuota*full {
		all = append(all, problem{
			"etcd nears its quota, at which it refuses every write", endpoint,
			"etcdctl defrag if little of it is in use; else a larger --quota-backend-bytes, up to 8 GiB",
			fmt.Sprintf("%d bytes of %d, %d in use", m.DbSize, m.DbSizeQuota, m.DbSizeInUse),
		})
	}
	for _, e := range m.Errors {
		r := remedy{"a member of the cluster is not well", "see its log"}
		switch {
		case strings.Contains(e, "NOSPACE"):
			r = noSpace
		case strings.Contains(e, "CORRUPT"):
			r = corrupt
		}
		all = append(all, problem{r.what, endpoint, r.todo, e})
	}
	return all
}

// parseVersion reads "3.5.13" and leaves out what it cannot read.
func parseVersion(text string) []int {
	version := make([]int, len(oldest))
	_, _ = fmt.Sscanf(text, "%d.%d.%d", &version[0], &version[1], &version[2])
	return version
}
