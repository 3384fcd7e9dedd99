package routing_test

import (
	"encoding/binary"
	"fmt"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/amgate/amgate/cluster"
	"github.com/amgate/amgate/cluster/routing"
	"github.com/amgate/amgate/journey/affinity"
)

var router = affinity.New([32]byte{1})

// named are n addresses.
func named(n int) []string {
	addresses := make([]string, n)
	for i := range addresses {
		addresses[i] = fmt.Sprintf("am-%d:8080", i)
	}
	return addresses
}

// viewOf is a view of nodes at addresses, of which some are draining.
func viewOf(addresses []string, draining ...string) *cluster.View {
	var members []cluster.Member
	for _, address := range addresses {
		members = append(members, cluster.NewMember(router, cluster.Node{
			Name: strings.Split(address, ":")[0], Address: address, Draining: slices.Contains(draining, address),
		}))
	}
	return cluster.NewView(members)
}

// tableOf is the nodes at addresses as a view has them.
func tableOf(addresses []string, view *cluster.View) *routing.Table {
	t, _ := routing.NewNodes(addresses).Table(router, view)
	return t
}

func directoryOf(view *cluster.View) *routing.Table {
	t, _ := routing.Directory().Table(router, view)
	return t
}

// numbered is a journey whose id is as unlike a random one as can be.
func numbered(i int) (a affinity.Affinity) {
	binary.BigEndian.PutUint64(a.ID[:], uint64(i))
	return a
}

// pinned is the same on the node at an address.
func pinned(i int, address string) affinity.Affinity {
	a := numbered(i)
	a.Pin = router.Pin(address)
	return a
}

func all(int) bool { return true }

// next is the address that a request goes to; "" for none.
func next(d *routing.Decision, t *routing.Table, addresses []string, down ...string) string {
	i := d.Next(t, func(i int) bool { return !slices.Contains(down, addresses[i]) })
	if i < 0 {
		return ""
	}
	return addresses[i]
}

// TestJourneyStaysOnItsNode: as long as it is there, even if it is draining, and
// whatever other nodes come.
func TestJourneyStaysOnItsNode(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		addresses := rapid.Permutation(named(rapid.IntRange(1, 30).Draw(t, "nodes"))).Draw(t, "order")
		home := rapid.SampledFrom(addresses).Draw(t, "home")
		draining := rapid.SliceOfDistinct(rapid.SampledFrom(addresses), rapid.ID).Draw(t, "draining")
		a := pinned(rapid.Int().Draw(t, "id"), home)
		static := tableOf(addresses, viewOf(addresses, draining...))
		if got := next(&routing.Decision{Affinity: a}, static, addresses); got != home {
			t.Fatalf("a journey of %s goes to %s", home, got)
		}
		offered := (&routing.Decision{Affinity: a}).Offer(directoryOf(viewOf(addresses, draining...)))
		if offered[0] != home {
			t.Fatalf("a journey of %s is offered %v", home, offered)
		}
	})
}

// TestOrphansMoveAlone: a node that comes moves no journey that has a node, and
// of the others at most its share; one that goes moves its own alone.
func TestOrphansMoveAlone(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		const journeys = 1_000
		n := rapid.IntRange(1, 30).Draw(t, "nodes")
		after := named(n + 1)
		before := after[:n]
		small, large := tableOf(before, viewOf(before)), tableOf(after, viewOf(after))
		start, moved := rapid.Int().Draw(t, "ids"), 0
		for i := range journeys {
			orphan := numbered(start + i)
			was := next(&routing.Decision{Affinity: orphan}, small, before)
			is := next(&routing.Decision{Affinity: orphan}, large, after)
			if was != is {
				moved++
			}
			if was != is && is != after[n] {
				t.Fatalf("an orphan went from %s to %s, not to the node that came", was, is)
			}
			if got := next(&routing.Decision{Affinity: pinned(start+i, was)}, large, after); got != was {
				t.Fatalf("a journey went from %s to %s when a node came", was, got)
			}
			if got := next(&routing.Decision{Affinity: pinned(start+i, was)}, small, before); got != was {
				t.Fatalf("a journey went from %s to %s when another node went", was, got)
			}
		}
		share, slack := journeys/(n+1), 1
		for slack*slack < 25*share { // five standard deviations
			slack++
		}
		if moved > share+slack {
			t.Fatalf("%d of %d orphans moved to one node of %d", moved, journeys, n+1)
		}
	})
}

// TestEdgesAgree: each edge has the nodes in an order of its own, whether it names
// them or finds them, and sees the same part of them fail.
func TestEdgesAgree(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		addresses := named(rapid.IntRange(1, 8).Draw(t, "nodes"))
		a := numbered(rapid.Int().Draw(t, "id"))
		if rapid.Bool().Draw(t, "has a node") {
			a.Pin = router.Pin(rapid.SampledFrom(append(named(8), "am-99:8080")).Draw(t, "home"))
		}
		down := rapid.SliceOfDistinct(rapid.SampledFrom(addresses), rapid.ID).Draw(t, "down")
		view := viewOf(addresses, rapid.SliceOfDistinct(rapid.SampledFrom(addresses), rapid.ID).Draw(t, "draining")...)
		other := rapid.Permutation(addresses).Draw(t, "order")
		one := next(&routing.Decision{Affinity: a}, tableOf(addresses, view), addresses, down...)
		two := next(&routing.Decision{Affinity: a}, tableOf(other, view), other, down...)
		if one != two || (one == "") != (len(down) == len(addresses)) || slices.Contains(down, one) {
			t.Fatalf("one edge picks %q, the other %q", one, two)
		}
		if found := (&routing.Decision{Affinity: a}).Offer(directoryOf(view)); len(down) == 0 && found[0] != one {
			t.Fatalf("an edge that names the nodes picks %q, one that finds them %q", one, found[0])
		}
	})
}

// TestRetriesWalkDown: whatever fails, a request is sent to every node once before
// it is sent to one again, in the order of the ranks after its own node, and what
// it begins is counted once, where it was sent first.
func TestRetriesWalkDown(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		addresses := named(rapid.IntRange(1, 9).Draw(t, "nodes"))
		view := viewOf(addresses)
		static := tableOf(addresses, view)
		d := &routing.Decision{Affinity: numbered(rapid.Int().Draw(t, "id")), Begins: rapid.Bool().Draw(t, "begins")}
		if rapid.Bool().Draw(t, "has a node") {
			d.Affinity.Pin = router.Pin(rapid.SampledFrom(addresses).Draw(t, "home"))
		}
		twin := *d
		var walked []string
		for range addresses {
			walked = append(walked, next(d, static, addresses))
		}
		seen := slices.Clone(walked)
		slices.Sort(seen)
		if !slices.Equal(seen, slices.Sorted(slices.Values(addresses))) {
			t.Fatalf("the request went to %v of %v", walked, addresses)
		}
		if again := next(d, static, addresses); again == "" {
			t.Fatal("a request that has failed everywhere is not sent again")
		}
		begun := 0
		for _, m := range view.Members {
			begun += m.Load()
		}
		if m, _ := view.At(walked[0]); begun != m.Load() || (begun == 1) != d.Begins {
			t.Fatalf("%d journeys were counted, %d of them on the first node", begun, m.Load())
		}
		// The directory's nodes come in the same order, a few at a time.
		found, table := []string(nil), directoryOf(viewOf(addresses))
		for len(found) < len(addresses) {
			offer := twin.Offer(table)
			if !twin.Offered(len(offer), func(i int) string { return offer[i] }) {
				t.Fatalf("what was offered is not known: %v", offer)
			}
			i := twin.NextOffered(all)
			if i < 0 {
				continue
			}
			found = append(found, offer[i])
		}
		if !slices.Equal(found, walked) {
			t.Fatalf("named nodes are walked as %v, found ones as %v", walked, found)
		}
	})
}

// TestOfferPassesOverWhatIsDown: nodes that the edge knows to be down are not
// offered again while there are others.
func TestOfferPassesOverWhatIsDown(t *testing.T) {
	t.Parallel()
	addresses := named(9)
	table, d := directoryOf(viewOf(addresses)), &routing.Decision{Affinity: numbered(1)}
	up := addresses[4]
	for range 4 {
		offer := d.Offer(table)
		if i := d.NextOffered(func(i int) bool { return offer[i] == up }); i >= 0 {
			if offer[i] != up {
				t.Errorf("it went to %s", offer[i])
			}
			return
		}
	}
	t.Error("the one node that is up was not found")
}

// TestDrainingNodesGetWhatIsTheirs: and nothing else while there are others.
func TestDrainingNodesGetWhatIsTheirs(t *testing.T) {
	t.Parallel()
	addresses := named(3)
	view := viewOf(addresses, addresses[0], addresses[1])
	table := tableOf(addresses, view)
	for i := range 50 {
		if got := next(&routing.Decision{Affinity: numbered(i)}, table, addresses); got != addresses[2] {
			t.Fatalf("an orphan goes to %s, which is draining", got)
		}
		if got := next(&routing.Decision{Affinity: pinned(i, addresses[0])}, table, addresses); got != addresses[0] {
			t.Fatalf("a journey of a node that is draining goes to %s", got)
		}
		// A browser that had a journey there begins another.
		if got := next(&routing.Decision{Affinity: pinned(i, addresses[0]), Begins: true}, table, addresses); got != addresses[2] {
			t.Fatalf("a journey begins on %s, which is draining", got)
		}
		if got := next(&routing.Decision{Affinity: numbered(i)}, table, addresses, addresses[2]); got == "" {
			t.Fatal("nothing goes to a node that is draining, though no other is there")
		}
	}
}

// TestNodesThatLeftAreTheLast: of nodes that are named those come last that the
// directory does not have, for their own journeys, too; but if it has none of
// them it says nothing.
func TestNodesThatLeftAreTheLast(t *testing.T) {
	t.Parallel()
	addresses := named(4)
	left := addresses[0]
	table := tableOf(addresses, viewOf(addresses[1:3], addresses[1]))
	if got := table.Unknown(); !slices.Equal(got, []string{left, addresses[3]}) {
		t.Errorf("unknown are %v", got)
	}
	for i := range 50 {
		for _, a := range []affinity.Affinity{numbered(i), pinned(i, left)} {
			if got := next(&routing.Decision{Affinity: a}, table, addresses); got != addresses[2] {
				t.Fatalf("%v goes to %s", a, got)
			}
			if got := next(&routing.Decision{Affinity: a}, table, addresses, addresses[2]); got != addresses[1] {
				t.Fatalf("%v goes to %s, though one that is draining is there", a, got)
			}
			if got := next(&routing.Decision{Affinity: a}, table, addresses, addresses[2], addresses[1], addresses[3]); got != left {
				t.Fatalf("%v goes to %q, though the one that left is up", a, got)
			}
		}
		none := tableOf(addresses, viewOf([]string{"other:80"}))
		if got := next(&routing.Decision{Affinity: pinned(i, left)}, none, addresses); got != left || len(none.Unknown()) > 0 {
			t.Fatalf("without a directory a journey of %s goes to %s", left, got)
		}
	}
}

// TestNewJourneysSpreadByLoad: with a hundred nodes none has more than 1.15
// times the mean, which by rank alone some would have.
func TestNewJourneysSpreadByLoad(t *testing.T) {
	t.Parallel()
	const n, journeys = 100, 20_000
	addresses := named(n)
	most := func(begins bool) int {
		view, sent := viewOf(addresses), make(map[string]int)
		table := directoryOf(view)
		for i := range journeys {
			d := &routing.Decision{Affinity: numbered(i), Begins: begins}
			offer := d.Offer(table)
			sent[offer[d.NextOffered(all)]]++
		}
		most := 0
		for _, m := range view.Members {
			if begins && m.Load() != sent[m.Address] {
				t.Errorf("%d journeys are counted on a node that has %d", m.Load(), sent[m.Address])
			}
			most = max(most, sent[m.Address])
		}
		return most
	}
	if got := most(true); got*100 > journeys/n*115 {
		t.Errorf("a node has %d journeys, the mean is %d", got, journeys/n)
	}
	if got := most(false); got*100 <= journeys/n*115 {
		t.Errorf("by rank alone no node has more than %d: this test shows nothing", got)
	}
}

// begin is the node on which a client that has a cookie begins a journey with this
// body; it is of unknown length if chunked says so.
func begin(t *testing.T, table *routing.Table, cookie affinity.Affinity, body string, chunked bool) (address string) {
	t.Helper()
	r := httptest.NewRequest("POST", "/am/json/authenticate", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Cookie", "amlbcookie="+router.Format(cookie))
	if chunked {
		r.ContentLength = -1
	}
	d := routing.Decide(router, r, true)
	offer := d.Offer(table)
	i := d.NextOffered(all)
	if i < 0 {
		t.Fatal("no node is offered")
	}
	return offer[i]
}

// TestReturningBrowsersSpread: every browser has the cookie of its last login. They
// stay where they were as long as that is no more than a quarter above the others,
// so a node that was added gets its share of them, too.
func TestReturningBrowsersSpread(t *testing.T) {
	t.Parallel()
	const n, journeys = 10, 2_000
	addresses := named(n + 1)
	added := addresses[n]
	var members []cluster.Member
	for _, address := range addresses {
		node := cluster.Node{Name: address, Address: address, Journeys: journeys}
		if address == added {
			node.Journeys = 0
		}
		members = append(members, cluster.NewMember(router, node))
	}
	view := cluster.NewView(members)
	table := directoryOf(view)
	moved := 0
	for i := range n * journeys {
		home := addresses[i%n]
		if got := begin(t, table, pinned(i, home), "{}", false); got != home {
			moved++
		}
	}
	most, sum := 0, 0
	for _, m := range view.Members {
		most, sum = max(most, m.Load()), sum+m.Load()
	}
	if newest, _ := view.At(added); newest.Load()*130 < most*100 {
		t.Errorf("the node that was added has %d journeys, another one %d", newest.Load(), most)
	}
	if most*(n+1)*100 > sum*115 {
		t.Errorf("a node has %d journeys, the mean is %d", most, sum/(n+1))
	}
	// No more of them than it takes: the share of the node that was added.
	if share := 2 * n * journeys / (n + 1); moved > share {
		t.Errorf("%d browsers of %d changed their node", moved, n*journeys)
	}
}

// TestOneCookieAimsAtNoNode: whatever it sends, a script with one genuine cookie
// begins no more journeys on its node than the bound of load allows.
func TestOneCookieAimsAtNoNode(t *testing.T) {
	t.Parallel()
	const n, journeys = 10, 10_000
	addresses := named(n)
	pad := strings.Repeat("x", 400)
	for name, tc := range map[string]struct {
		body    string
		chunked bool
	}{
		"an empty step":            {},
		"a padded body":            {body: `{"pad":"` + pad + `"}`},
		"an authId that is a text": {body: `{"pad":"authId ` + pad + `"}`},
		"of unknown length":        {body: `{"pad":"` + pad + `"}`, chunked: true},
		"too large to be read":     {body: `{"pad":"` + strings.Repeat("x", routing.MaxPeek) + `"}`},
	} {
		view := viewOf(addresses)
		table := directoryOf(view)
		sent := make(map[string]int)
		for range journeys {
			sent[begin(t, table, pinned(1, addresses[0]), tc.body, tc.chunked)]++
		}
		for address, got := range sent {
			if got*n*100 > journeys*125 {
				t.Errorf("%s: %d of %d journeys begin on %s", name, got, journeys, address)
			}
		}
	}
}

// TestOnlyWhatSurelyBeginsMayMove: what may go on with a journey follows its pin,
// however many journeys are there.
func TestOnlyWhatSurelyBeginsMayMove(t *testing.T) {
	t.Parallel()
	addresses := named(3)
	busy := cluster.Node{Name: "am-0", Address: addresses[0], Journeys: 1_000_000}
	view := cluster.NewView([]cluster.Member{
		cluster.NewMember(router, busy),
		cluster.NewMember(router, cluster.Node{Name: "am-1", Address: addresses[1]}),
		cluster.NewMember(router, cluster.Node{Name: "am-2", Address: addresses[2]}),
	})
	cookie := pinned(1, busy.Address)
	link := url.Values{"suspendedId": {strings.Repeat("x", 62) + affinity.ForLink(router.Format(cookie))}}.Encode()
	for _, tc := range []struct {
		method, target, body string
		stays                bool
	}{
		{"POST", "/am/json/authenticate", "{}", false},
		{"POST", "/am/json/authenticate?amlbcookie=" + router.Format(cookie), "", false},
		{"POST", "/am/json/authenticate", `{"authId":"` + strings.Repeat("x", 400) + `"}`, true},
		{"POST", "/am/json/authenticate?" + link, "", true},
		{"GET", "/am/XUI/?realm=/alpha", "", true},
		{"GET", "/am/XUI/?realm=/alpha&wait=1", "", true},
		{"POST", "/am/XUI/?realm=/alpha", "a=b", true},
		{"POST", "/am/json/sessions?_action=logout", "{}", true},
	} {
		r := httptest.NewRequest(tc.method, tc.target, strings.NewReader(tc.body))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Cookie", "amlbcookie="+router.Format(cookie))
		d := routing.Decide(router, r, true)
		if got := next(d, tableOf(addresses, view), addresses); (got == busy.Address) != tc.stays {
			t.Errorf("%s %s %.20s goes to %s", tc.method, tc.target, tc.body, got)
		}
		if why := d.Explain("edge"); !tc.stays && !strings.Contains(why, "why=bounded-load") {
			t.Errorf("%s %s: %s", tc.method, tc.target, why)
		}
		if (d.Affinity.ID == cookie.ID) != tc.stays {
			t.Errorf("%s %s: the id is that of the last journey: %t", tc.method, tc.target, !tc.stays)
		}
	}
}

// TestOnlyWhatBeginsAJourneyIsCounted: a look at the login page and a call of
// authenticate begin one; steps, links and everything else do not.
func TestOnlyWhatBeginsAJourneyIsCounted(t *testing.T) {
	t.Parallel()
	step := `{"authId":"` + strings.Repeat("x", 400) + `"}`
	for _, tc := range []struct {
		method, target, body string
		want                 bool
	}{
		{"POST", "/am/json/realms/root/authenticate", "", true},
		{"POST", "/am/json/realms/root/authenticate?authIndexType=service&authIndexValue=Login", "{}", true},
		{"POST", "/am/json/authenticate", `{"pad":"` + strings.Repeat("x", 400) + `"}`, true},
		{"POST", "/am/json/authenticate", step, false},
		{"POST", "/am/json/authenticate?suspendedId=abc", "", false},
		{"GET", "/am/XUI/?realm=/alpha", "", true},
		{"GET", "/am/XUI/?realm=/alpha&suspendedId=abc", "", false},
		{"GET", "/am/XUI/?realm=/alpha&wait=1", "", false},
		{"POST", "/am/XUI/?realm=/alpha", "authId=x", false},
		{"GET", "/am/XUI/assets/login.css", "", false},
		{"GET", "/am/json/serverinfo/*", "", false},
		{"POST", "/am/json/sessions?_action=logout", "", false},
		{"GET", "/am/json/authenticate", "", false},
	} {
		r := httptest.NewRequest(tc.method, tc.target, strings.NewReader(tc.body))
		r.Header.Set("Content-Type", "application/json")
		if got := routing.Decide(router, r, true).Begins; got != tc.want {
			t.Errorf("%s %s %.20s: %t", tc.method, tc.target, tc.body, got)
		}
	}
}

func BenchmarkPick(b *testing.B) {
	for _, n := range []int{3, 10, 100, 1000} {
		addresses := named(n)
		table := tableOf(addresses, viewOf(addresses))
		for _, kind := range []string{"unmade", "pinned", "begins", "returns", "orphan"} {
			b.Run(fmt.Sprintf("nodes=%d/%s", n, kind), func(b *testing.B) {
				pins := make([]affinity.Pin, n)
				for i := range pins {
					pins[i] = router.Pin(addresses[i])
				}
				b.ReportAllocs()
				var d routing.Decision
				for i := 0; b.Loop(); i++ {
					d = routing.Decision{Affinity: numbered(i), Begins: kind == "begins" || kind == "returns", Returns: kind == "returns"}
					if kind == "pinned" || kind == "returns" {
						d.Affinity.Pin = pins[i%n]
					}
					if kind != "unmade" && d.Next(table, all) < 0 {
						b.Fatal("none")
					}
				}
			})
		}
	}
}

// TestAllNodesSeemToFail: if every node is marked as failed a request goes to one
// all the same, first to that of its journey, and to each but once; to one that is
// not marked if there is one that the edge has not looked at.
func TestAllNodesSeemToFail(t *testing.T) {
	t.Parallel()
	none := func(int) bool { return false }
	rapid.Check(t, func(t *rapid.T) {
		addresses := named(rapid.IntRange(1, 12).Draw(t, "nodes"))
		home := rapid.SampledFrom(addresses).Draw(t, "home")
		a := pinned(rapid.Int().Draw(t, "id"), home)
		table, found := tableOf(addresses, viewOf(addresses)), directoryOf(viewOf(addresses))

		var went []string
		d := &routing.Decision{Affinity: a}
		for d.Next(table, none) < 0 {
			i := d.NextOfAll(table, all)
			if i < 0 {
				break
			}
			went = append(went, addresses[i])
		}
		if went[0] != home || len(went) != len(addresses) || len(slices.Compact(slices.Sorted(slices.Values(went)))) != len(addresses) {
			t.Fatalf("of %v a journey of %s goes to %v", addresses, home, went)
		}
		if i := (&routing.Decision{Affinity: a}).NextOfAll(table, none); i >= 0 {
			t.Fatalf("it goes to %s, which is full", addresses[i])
		}

		went = nil
		d = &routing.Decision{Affinity: a}
		for range 3 { // as often as am_proxy asks
			offered := d.Offer(found)
			i := d.NextOffered(none)
			if i < 0 {
				i = d.NextOfAllOffered(all)
			}
			if i >= 0 {
				went = append(went, offered[i])
			}
		}
		few := len(addresses) <= affinity.Few
		if few && (went[0] != home || len(went) != len(addresses)) || !few && len(went) != 2 ||
			len(slices.Compact(slices.Sorted(slices.Values(went)))) != len(went) {
			t.Fatalf("of %v, found, a journey of %s goes to %v", addresses, home, went)
		}
	})
}

// TestNodeThatServesIsBetterThanOneThatSeemsToFail: as long as one is left that
// the edge has not looked at, no request goes to one that is marked as failed.
func TestNodeThatServesIsBetterThanOneThatSeemsToFail(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		addresses := named(2 * affinity.Few)
		d := &routing.Decision{Affinity: pinned(rapid.Int().Draw(t, "id"), addresses[0])}
		found := directoryOf(viewOf(addresses))
		first := d.Offer(found)
		if i := d.NextOffered(func(int) bool { return false }); i >= 0 {
			t.Fatalf("it goes to %s", first[i])
		}
		if i := d.NextOfAllOffered(all); i >= 0 {
			t.Fatalf("it goes to %s, though it has not looked at all", first[i])
		}
		second := d.Offer(found)
		if i := d.NextOffered(all); i < 0 || slices.Contains(first, second[i]) {
			t.Fatalf("after %v it goes to %d of %v", first, i, second)
		}
	})
}
