package integration

import (
	"cmp"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/amgate/amgate/store/storetest/etcdproc"
	"github.com/amgate/amgate/token"
)

// cluster is an etcd process or several, AM nodes on it, and edges in front.
type cluster struct {
	etcd  *etcdproc.Cluster
	key   string
	nodes []*process
	// edge is the first of the edges.
	edge  *process
	edges []*process
	user  user
}

// clusterSpec says what is special about a cluster.
type clusterSpec struct {
	nodes           int
	journeySessions string
	// sessions is authenticated_sessions; "" is the default.
	sessions string
	// quota is session_quota; "" is none.
	quota string
	// policy is the edge's lb_policy; "" is am_proxy's own.
	policy string
	// members and edges are how many members etcd has and how many edges there
	// are; 0 is one.
	members, edges int
	// users are there beside bjensen.
	users []user
	// options are further options of am, realm of the realm, env is added to
	// the environment of the processes.
	options, realm string
	env            []string
	// binary is the program, amgate by default.
	binary string
	// directory says that the edge finds the nodes itself, apart that nodes
	// do not find each other.
	directory, apart bool
	// advertise is the URL of a node; "" is that of its site.
	advertise string
}

// startCluster runs the processes. The edges protect an app at their root.
func startCluster(t *testing.T, s clusterSpec) *cluster {
	t.Helper()
	c := newCluster(t, s)
	var addresses []string
	for range s.nodes {
		addresses = append(addresses, strings.TrimPrefix(c.addNode(t, s).url, "http://"))
	}
	if s.directory {
		addresses = nil
	}
	policy := ""
	if s.policy != "" {
		policy = "lb_policy " + s.policy
	}
	for i := range max(s.edges, 1) {
		addr := "localhost:" + freePort(t)
		c.edges = append(c.edges, c.startMember(t, fmt.Sprintf("edge-%d", i+1), addr, s, fmt.Sprintf(`
http://%s {
	import logged
	am_proxy /am/* %s {
		%s
	}
	am_auth {
		realm /alpha
	}
	respond "Hello {http.auth.user.id}"
}
`, addr, strings.Join(addresses, " "), policy)))
	}
	c.edge = c.edges[0]
	return c
}

func newCluster(t *testing.T, s clusterSpec) *cluster {
	t.Helper()
	return &cluster{
		etcd: etcdproc.Start(t, etcdproc.Options{Members: max(s.members, 1)}), key: token.GenerateSecret().Base64(), user: newUser("bjensen"),
	}
}

// addNode starts another AM node.
func (c *cluster) addNode(t *testing.T, s clusterSpec) *process {
	t.Helper()
	port := freePort(t)
	node := c.startMember(t, fmt.Sprintf("am-%d", len(c.nodes)+1), "127.0.0.1:"+port, s,
		fmt.Sprintf("http://:%s {\n\timport logged\n\tam_server /am/*\n}\n", port))
	c.nodes = append(c.nodes, node)
	return node
}

// startGateways runs processes that are AM node and gateway each, with an app,
// on one etcd. Browsers would share their cookies: all are localhost.
func startGateways(t *testing.T, s clusterSpec) *cluster {
	t.Helper()
	c := newCluster(t, s)
	for i := range s.nodes {
		addr := "localhost:" + freePort(t)
		c.nodes = append(c.nodes, c.startMember(t, fmt.Sprintf("am-%d", i+1), addr, s, fmt.Sprintf(`
http://%s {
	import logged
	am_server /am/*
	am_auth {
		realm /alpha
	}
	respond "Hello {http.auth.user.id}"
}
`, addr)))
	}
	return c
}

func (c *cluster) startMember(t *testing.T, name, addr string, s clusterSpec, sites string) *process {
	t.Helper()
	dir := newDir(t)
	writeUsers(t, dir, append([]user{c.user}, s.users...)...)
	if s.sessions == "" {
		s.sessions = "server"
	}
	advertise := "advertise " + cmp.Or(s.advertise, "http://"+addr)
	if s.apart {
		advertise = ""
	}
	if s.quota != "" {
		s.sessions += "\n\t\t\tsession_quota " + s.quota
	}
	return start(t, spec{
		dir: dir,
		url: "http://" + addr,
		env: s.env, binary: s.binary,
		am: fmt.Sprintf(`
		node %s {
			%s
		}
		store etcd %s {
			timeout 1s
		}
		cache 16MiB {
			freshness 2s
		}
		signing_key %s
		identities file users.json
		%s
		realm /alpha {
			identities file users.json
			journey_sessions %s
			authenticated_sessions %s
			journey TwoSteps {
				node name username
				node pass password
				node check data_store

				name -> pass
				pass -> check
				check true -> success
				check false -> failure
			}
			%s
		}`, name, advertise, strings.Join(c.etcd.Endpoints(), " "), c.key, s.options, s.journeySessions, s.sessions, s.realm),
		sites: sites,
	})
}

// requests counts the requests to AM's endpoint that a process served.
func (p *process) requests(t *testing.T) int {
	t.Helper()
	log, err := os.ReadFile(p.logPath())
	must(t, err)
	return strings.Count(string(log), `"msg":"handled request"`)
}
