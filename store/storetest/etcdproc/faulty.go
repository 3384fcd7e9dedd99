package etcdproc

import (
	"strings"
	"testing"

	"github.com/amgate/amgate/store"
	"github.com/amgate/amgate/store/storetest"
	"github.com/amgate/amgate/store/storetest/faultnet"
)

// Behind puts a network that fails between a store and the members. Open opens
// the store on its endpoints.
func (c *Cluster) Behind(tb testing.TB, open func(endpoints []string) store.Store) storetest.FaultyStore {
	tb.Helper()
	var nets []*faultnet.Proxy
	var endpoints []string
	for _, url := range c.Endpoints() {
		net := faultnet.Listen(tb, strings.TrimPrefix(url, "http://"))
		nets = append(nets, net)
		endpoints = append(endpoints, "http://"+net.Addr())
	}
	set := func(f faultnet.Fault) func() func() {
		return func() func() {
			for _, net := range nets {
				net.Set(f)
			}
			return func() {
				for _, net := range nets {
					net.Set(faultnet.Fault{})
				}
			}
		}
	}
	return storetest.FaultyStore{Store: open(endpoints), Faults: map[string]func() func(){
		"cut": set(faultnet.Cut), "silent": set(faultnet.BlackHole), "half-open": set(faultnet.HalfOpen),
	}}
}
