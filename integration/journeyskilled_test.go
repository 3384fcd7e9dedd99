package integration

import (
	"path/filepath"
	"sync"
	"testing"
)

// exampleJourney is that of realm /beta in Caddyfile.example, by another name.
const exampleJourney = `
			journey Example {
				node name username
				node pass password
				node check data_store
				node again retry_limit {
					limit 2
				}
				name -> pass
				pass -> check
				check true -> success
				check false -> again
				again retry -> name
				again reject -> failure
			}
`

// samples are the journeys of Caddyfile.example, the built-in one, one that was
// exported from AM, those that walks.mjs walks, and those of this suite. An
// inner journey is a part of Outer, and Brief is over before a node is.
func samples(badge string) []sample {
	page := stop{"Name Password", sayCredentials}
	return []sample{
		{"Login", []stop{page}},
		{"Example", []stop{{"Name", sayName}, {"Password", say("wrong")}, {"Name", sayName}, {"Password", sayPassword}}},
		{"TwoSteps", []stop{{"Name", sayName}, {"Password", sayPassword}}},
		{"Staff", []stop{{"Name", sayName}, {"Password", sayPassword}}},
		{"Page", []stop{page}},
		{"Choice", []stop{{"Choice", say(1)}, page}},
		{"Polling", []stop{page, {"PollingWait", afterAWhile}}},
		{"Message", []stop{page, {"TextOutput Confirmation", say(0)}}},
		{"Outer", []stop{page, {"TextOutput Confirmation", say(0)}}},
		{"Metadata", []stop{{"Metadata Name Password", sayCredentials}}},
		{"Device", []stop{page, {"DeviceProfile", say(`{"identifier":"x","metadata":{"platform":{"platform":"Go"}}}`)}}},
		{"Profile", []stop{
			page, {"StringAttributeInput", say("Babs")}, {"TermsAndConditions", say(true)},
			{"KbaCreate KbaCreate", say([]any{"What was your first pet's name?", "Rex"}, []any{"Where were you born?", "Rome"})},
		}},
		{"Badge", []stop{page, {"HiddenValue", say(badge)}}},
		chosen, coded,
	}
}

// longest is how many steps the longest of samples has.
func longest(of []sample) (n int) {
	for _, s := range of {
		n = max(n, len(s.way))
	}
	return n
}

// killed is a cluster with all samples whose nodes are killed.
type killed struct {
	*cluster
	*testing.T
	samples []sample
	mails   *mails
	users   []user
	walked  int // so many walks had a user
}

// startKilled runs it. Walks do not share users: one that is locked out, or
// whose mail another one reads, would say nothing.
func startKilled(t *testing.T, journeySessions string, users int) *killed {
	t.Helper()
	badge := remember("a badge", newUser("").password)
	m, spec := startMail(t, users)
	for _, u := range spec.users {
		u.attributes["badge"] = badge
	}
	spec.nodes, spec.directory, spec.journeySessions, spec.binary = 3, true, journeySessions, badgeBinary(t)
	spec.realm += settingsForWalks + journeysForWalks + exampleJourney +
		"\njourneys " + filepath.Join(root, "caddymodule", "testdata", "journeys", "Staff.json") + "\n"
	return &killed{cluster: startNet(t, spec), T: t, samples: samples(badge), mails: m, users: spec.users}
}

// begin begins a walk through each sample that has more than n steps, and
// takes it to the step n at the node that has it. Clients keep cookies or not.
func (k *killed) begin(n int, at *process, cookies bool) []*walk {
	k.Helper()
	return k.beginOf(k.samples, n, at, cookies)
}

func (k *killed) beginOf(samples []sample, n int, at *process, cookies bool) (walks []*walk) {
	k.Helper()
	base := at.client("/alpha")
	for _, s := range samples {
		if len(s.way) <= n {
			continue
		}
		u := k.users[k.walked%len(k.users)]
		k.walked++
		walks = append(walks, &walk{
			sample: s, client: base.another(cookies), user: u, mails: k.mails, to: inTurn([]*process{at}, 0), again: unserved,
		})
	}
	must(k, forAll(walks, 8, func(w *walk) error {
		if err := w.begin(); err != nil {
			return err
		}
		return w.advance(n)
	}))
	return walks
}

// goOn lets walks come to their ends through the edges.
func (k *killed) goOn(walks []*walk) {
	k.Helper()
	for i, w := range walks {
		w.to = inTurn(k.edges, i)
	}
	if err := forAll(walks, 8, (*walk).finish); err != nil {
		k.Error(err)
	}
}

// TestNoJourneyLostToAKill kills the node that has a journey at each step of
// each sample, with survive_node_loss: all go on where they were, at other
// nodes or at the same one that was started again.
func TestNoJourneyLostToAKill(t *testing.T) {
	k := startKilled(t, survives, 200)
	for n := range longest(k.samples) {
		victim := k.nodes[n%len(k.nodes)]
		walks := append(k.begin(n, victim, true), k.begin(n, victim, false)...)
		elsewhere := k.begin(n, k.nodes[(n+1)%len(k.nodes)], false)
		victim.kill()
		startedAgain := n%2 == 1
		if startedAgain {
			victim.start()
		}
		k.goOn(append(walks, elsewhere...))
		wantUninterrupted(t, append(walks, elsewhere...))
		t.Logf("killed at step %d: %d journeys went on, %d elsewhere had nothing to do with it", n+1, len(walks), len(elsewhere))
		if !startedAgain {
			victim.start()
		}
	}
	k.noRestarts(t)
}

// TestNoJourneyLostToAKillInFlight kills the node while it answers steps. A
// client that sends the step again comes to its end.
func TestNoJourneyLostToAKillInFlight(t *testing.T) {
	k := startKilled(t, survives, 200)
	cut := 0
	for n := range journeysIn(longest(k.samples), 40) {
		step, victim := n%longest(k.samples), k.nodes[n%len(k.nodes)]
		walks := append(k.begin(step, victim, true), k.begin(step, victim, false)...)
		for i, w := range walks {
			w.to = inTurn(k.edges, i)
		}
		first, ended := make(chan struct{}), make(chan error)
		answered := sync.OnceFunc(func() { close(first) })
		go func() {
			ended <- forAll(walks, 16, func(w *walk) error {
				err := w.next()
				answered()
				if err != nil {
					return err
				}
				return w.finish()
			})
		}()
		<-first // others are being answered now
		victim.kill()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		cut += tallyOf(walks).cut
		if got := tallyOf(walks); got.restarts > 0 || got.sessions != len(walks) {
			t.Errorf("killed in step %d: %+v of %d", step+1, got, len(walks))
		} else {
			t.Logf("killed in step %d: %+v", step+1, got)
		}
		victim.start()
	}
	if cut == 0 {
		t.Error("no step was under way when its node was killed")
	}
	k.noRestarts(t)
}

// survives is the scheme in which journeys outlive their node.
const survives = "in_memory {\n\t\t\t\tsurvive_node_loss\n\t\t\t}"

// TestKilledNodeLosesItsOwnJourneys: without survive_node_loss the journeys of
// a killed node start again, from their first step, and no other one does.
func TestKilledNodeLosesItsOwnJourneys(t *testing.T) {
	k := startKilled(t, "in_memory", 100)
	for n := range longest(k.samples) {
		victim := k.nodes[n%len(k.nodes)]
		lost := k.begin(n, victim, n%2 == 0)
		elsewhere := k.begin(n, k.nodes[(n+1)%len(k.nodes)], n%2 == 0)
		victim.kill()
		for i, w := range lost {
			w.to = inTurn(k.edges, i)
			if n+1 < len(w.way) && w.way[n+1].asks == w.way[0].asks {
				continue // nobody could tell the first step from the next
			}
			if err := w.next(); err != nil {
				t.Error(err)
			}
			if w.at != 0 || w.restarts == 0 {
				t.Errorf("%s goes on at step %d after its node was killed at step %d", w.name, w.at+1, n+1)
			}
		}
		k.goOn(append(lost, elsewhere...))
		wantUninterrupted(t, elsewhere)
		if got := tallyOf(lost); got.sessions != len(lost) {
			t.Errorf("killed at step %d: %+v of %d", n+1, got, len(lost))
		}
		victim.start()
	}
}
