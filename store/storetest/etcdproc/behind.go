package etcdproc

import (
	"strings"
	"testing"

	"github.com/amgate/amgate/store/storetest/faultnet"
)

// Behind puts a network that fails between a store and the members, and returns
// the endpoints that the store is to have. Each fault begins when it is called;
// what it returns ends it.
func (c *Cluster) Behind(tb testing.TB) (endpoints []string, faults map[string]func() (end func())) {
	tb.Helper()
	var nets []*faultnet.Proxy
	for _, url := range c.Endpoints() {
		net := faultnet.Listen(tb, strings.TrimPrefix(url, "http://"))
		nets = append(nets, net)
		endpoints = append(endpoints, "http://"+net.Addr())
	}
	set := func(f faultnet.Fault) {
		for _, net := range nets {
			net.Set(f)
		}
	}
	faults = make(map[string]func() func())
	for name, f := range map[string]faultnet.Fault{"cut": faultnet.Cut, "silent": faultnet.BlackHole, "half-open": faultnet.HalfOpen} {
		faults[name] = func() func() {
			set(f)
			return func() { set(faultnet.Fault{}) }
		}
	}
	return endpoints, faults
}
