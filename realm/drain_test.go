package realm_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/amgate/amgate/cluster"
	"github.com/amgate/amgate/realm"
	"github.com/amgate/amgate/realm/realmtest"
	"github.com/amgate/amgate/store"
)

// member is a node at an address of a cluster on st.
func member(t testing.TB, st store.Store, address string, realms ...realm.Settings) *realmtest.Site {
	t.Helper()
	s := realmtest.New(t, st, realm.Config{Realms: realms, BaseURL: realmtest.Origin, Base: realmtest.Base})
	s.Backend.Nodes = cluster.New(cluster.Config{
		Store: s.Store, Logger: s.Log.Logger(), Journeys: func() int { return s.Backend.Journeys.Stats().Journeys },
	})
	t.Cleanup(s.Backend.Nodes.Close)
	s.Backend.Drainer = realm.NewDrainer(s.Backend.Journeys, s.Log.Logger())
	t.Cleanup(s.Backend.Drainer.Close)
	s.Backend.Node = cluster.Node{Name: address, Address: address}
	if err := s.Start(t.Context(), s.Backend); err != nil {
		t.Fatal(err)
	}
	return s
}

// inMemory are realms whose journeys are in memory.
func inMemory() []realm.Settings { return settings(realm.JourneysInMemory, people) }

// walking begins n journeys, whose next question is for the password.
func walking(t testing.TB, s *realmtest.Site, n int) (steps []*realm.Step) {
	t.Helper()
	for range n {
		steps = append(steps, begin(t, s.At(t, "/alpha"), request(), "alice"))
	}
	return steps
}

// goOn finishes a journey at a node, once: it neither starts again there nor
// takes the step a second time.
func goOn(t testing.TB, s *realmtest.Site, step *realm.Step) {
	t.Helper()
	done := answer(t, s.At(t, "/alpha"), step, "wonder land")
	if done.Success == nil || !s.Lives(t, done.Success.Token) {
		t.Fatalf("the journey does not end with a session: %+v", done)
	}
	if again := answer(t, s.At(t, "/alpha"), step, "wonder land"); again.Failure == nil {
		t.Fatalf("the step is answered twice: %+v", again)
	}
}

// status is how far the drain of a node is, after a time.
func status(d time.Duration, s *realmtest.Site) realm.DrainStatus {
	time.Sleep(d)
	synctest.Wait()
	return s.Backend.Drainer.Status()
}

// knows reports whether a node knows of the one at am-1:80.
func knows(s *realmtest.Site) bool {
	_, ok := s.Backend.Nodes.View().At("am-1:80")
	return ok
}

// A node that is drained lets journeys finish for a while, hands over the rest,
// and leaves. They go on at another node, or where they were, and none starts
// again.
func TestDrain(t *testing.T) {
	for _, survive := range []bool{false, true} {
		realms := inMemory()
		for i := range realms {
			realms[i].SurviveNodeLoss = survive
		}
		synctest.Test(t, func(t *testing.T) { drainOneOfTwo(t, realms) })
	}
}

func drainOneOfTwo(t *testing.T, realms []realm.Settings) {
	st := realmtest.NewStore(t)
	one, two := member(t, st, "am-1:80", realms...), member(t, st, "am-2:80", realms...)
	synctest.Wait()
	steps := walking(t, one, 5)
	if s := status(0, one); s.Draining || s.Journeys != 5 {
		t.Errorf("before: %+v", s)
	}
	one.Backend.Drainer.Begin(10 * time.Second)
	if s := status(9*time.Second, one); !s.Draining || s.Drained || s.Journeys != 5 || !s.Until.Equal(s.Since.Add(10*time.Second)) {
		t.Errorf("while journeys may finish: %+v", s)
	}
	if m, ok := two.Backend.Nodes.View().At("am-1:80"); !ok || !m.Draining {
		t.Errorf("the other node knows of %+v, %t", m, ok)
	}
	goOn(t, one, steps[0])
	if s := status(1100*time.Millisecond, one); s.HandedOver != 4 || s.Drained || !knows(two) {
		t.Errorf("who looks for a journey just when it is handed over does not find its node: %+v", s)
	}
	if s := status(time.Second, one); !s.Drained || s.Journeys != 0 || s.HandedOver != 4 || s.Trouble != nil {
		t.Errorf("afterwards: %+v", s)
	}
	if knows(two) {
		t.Error("the other node still knows of it")
	}
	goOn(t, two, steps[1])
	goOn(t, one, steps[2])
	// What begins at a node that is drained, because nobody passes it on,
	// goes on elsewhere.
	goOn(t, two, walking(t, one, 1)[0])
	one.Backend.Drainer.Undo()
	if s := status(0, one); s.Draining || !knows(two) || one.Ready(t.Context()) != nil {
		t.Errorf("when it is taken back: %+v", s)
	}
	goOn(t, two, steps[3])
	goOn(t, one, steps[4])
	if walking(t, one, 1); status(0, one).Journeys != 1 {
		t.Error("journeys do not begin in memory again")
	}
	if n := one.Log.Count("start again") + two.Log.Count("starts again"); n > 0 {
		t.Errorf("%d journeys started again", n)
	}
}

// The time is over early when all journeys have finished.
func TestDrainEndsWithTheLastJourney(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := realmtest.NewStore(t)
		one, _ := member(t, st, "am-1:80", inMemory()...), member(t, st, "am-2:80", inMemory()...)
		synctest.Wait()
		steps := walking(t, one, 1)
		one.Backend.Drainer.Begin(time.Hour)
		if s := status(time.Minute, one); s.Drained {
			t.Errorf("with a journey: %+v", s)
		}
		goOn(t, one, steps[0])
		if s := status(time.Second, one); !s.Drained || s.HandedOver != 0 {
			t.Errorf("without one: %+v", s)
		}
	})
}

// Where no other node takes new journeys nothing waits: what is in memory is
// handed over at once, and goes on when the process is started again.
func TestJourneysInMemorySurviveARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := member(t, realmtest.NewStore(t), "", inMemory()...)
		steps := walking(t, s, 3)
		before := time.Now()
		if err := s.Backend.Drainer.Drain(t.Context(), time.Hour); err != nil || time.Since(before) > 100*time.Millisecond {
			t.Errorf("it drains in %v with %v", time.Since(before), err)
		}
		goOn(t, s, steps[0]) // what still arrives
		s.Restart(t)
		for _, step := range steps[1:] {
			goOn(t, s, step)
		}
		if n := s.Log.Count("starts again"); n > 0 {
			t.Errorf("%d journeys started again", n)
		}
	})
}

// Nor does it wait where the other nodes are draining, too; a process that ends
// gives others the time to hear of it.
func TestDrainOfTheLastNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := realmtest.NewStore(t)
		one, two := member(t, st, "am-1:80", inMemory()...), member(t, st, "am-2:80", inMemory()...)
		synctest.Wait()
		two.Backend.Nodes.Drain(true)
		synctest.Wait()
		steps, before := walking(t, one, 1), time.Now()
		if err := one.Backend.Drainer.Drain(t.Context(), time.Hour); err != nil {
			t.Error(err)
		}
		if took := time.Since(before); took < 100*time.Millisecond || took > time.Second {
			t.Errorf("it took %v", took)
		}
		goOn(t, two, steps[0])
	})
}

// While the store does not answer journeys begin and go on in memory; they are
// handed over when it does. Where it answers and takes no writes, those go on
// afterwards of which it is not known whether they are handed over.
func TestDrainInAnOutage(t *testing.T) {
	for name, outage := range map[string]func(*realmtest.Site, bool){
		"down": func(s *realmtest.Site, is bool) { s.Store.Down.Store(is) },
		"hung": func(s *realmtest.Site, is bool) { s.Store.Hung.Store(is) },
		"read-only": func(s *realmtest.Site, is bool) {
			s.Store.Refused.Store(0)
			if is {
				s.Store.Refused.Store(1 << 30)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				st := realmtest.NewStore(t)
				one, two := member(t, st, "am-1:80", inMemory()...), member(t, st, "am-2:80", inMemory()...)
				synctest.Wait()
				alpha := one.At(t, "/alpha")
				begun, err := alpha.Authenticate(t.Context(), request())
				if err != nil {
					t.Fatal(err)
				}
				steps := walking(t, one, 2)
				outage(one, true)
				one.Backend.Drainer.Begin(0)
				if s := status(time.Minute, one); s.Drained || s.Journeys != 3 || s.HandedOver != 0 || !errors.Is(s.Trouble, store.ErrUnavailable) {
					t.Errorf("in the outage: %+v", s)
				}
				steps = append(steps, walking(t, one, 1)...)
				next := request()
				next.AuthID, next.Callbacks = begun.Step.AuthID, answers(t, begun.Step.Callbacks, "alice")
				reply, err := alpha.Authenticate(t.Context(), next)
				if name == "read-only" != errors.Is(err, store.ErrUnavailable) {
					t.Errorf("a step in the outage: %+v, %v", reply, err)
				}
				outage(one, false)
				if s := status(10*time.Second, one); !s.Drained || s.HandedOver != 4 || s.Trouble != nil {
					t.Errorf("afterwards: %+v", s)
				}
				if reply.Step == nil {
					reply.Step = answer(t, two.At(t, "/alpha"), begun.Step, "alice").Step
				}
				for _, step := range append(steps, reply.Step) {
					goOn(t, two, step)
				}
			})
		})
	}
}

// A process that ends in an outage does not wait longer than it may, and says
// how many journeys it loses.
func TestEndInAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := realmtest.NewStore(t)
		s, _ := member(t, st, "am-1:80", inMemory()...), member(t, st, "am-2:80", inMemory()...)
		synctest.Wait()
		walking(t, s, 3)
		s.Store.Down.Store(true)
		before := time.Now()
		if err := s.Backend.Drainer.Drain(t.Context(), 5*time.Second); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("it ends with %v", err)
		}
		if took := time.Since(before); took != 5*time.Second || s.Log.Count("they are lost") != 1 {
			t.Errorf("it took %v, and says %d times that journeys are lost", took, s.Log.Count("they are lost"))
		}
	})
	synctest.Test(t, func(t *testing.T) { // one that begins while journeys finish
		st := realmtest.NewStore(t)
		s, _ := member(t, st, "am-1:80", inMemory()...), member(t, st, "am-2:80", inMemory()...)
		synctest.Wait()
		walking(t, s, 3)
		before := time.Now()
		time.AfterFunc(time.Second, func() { s.Store.Down.Store(true) })
		if err := s.Backend.Drainer.Drain(t.Context(), 5*time.Second); !errors.Is(err, store.ErrUnavailable) || time.Since(before) != 5*time.Second+realm.HandOverTime {
			t.Errorf("it ends after %v with %v", time.Since(before), err)
		}
	})
	synctest.Test(t, func(t *testing.T) { // one that is over in time
		st := realmtest.NewStore(t)
		s, two := member(t, st, "am-1:80", inMemory()...), member(t, st, "am-2:80", inMemory()...)
		synctest.Wait()
		steps := walking(t, s, 3)
		s.Store.Down.Store(true)
		time.AfterFunc(3*time.Second, func() { s.Store.Down.Store(false) })
		if err := s.Backend.Drainer.Drain(t.Context(), 5*time.Second); err != nil {
			t.Errorf("it ends with %v", err)
		}
		for _, step := range steps {
			goOn(t, two, step)
		}
	})
	synctest.Test(t, func(t *testing.T) { // with nothing to lose it does not wait
		s := member(t, realmtest.NewStore(t), "am-1:80", inMemory()...)
		s.Store.Down.Store(true)
		before := time.Now()
		if err := s.Backend.Drainer.Drain(t.Context(), 5*time.Second); !errors.Is(err, store.ErrUnavailable) || time.Since(before) > 2*time.Second {
			t.Errorf("it ends after %v with %v", time.Since(before), err)
		}
		if s.Log.Count("they are lost") > 0 {
			t.Error("it says that it loses journeys, and had none")
		}
	})
}

// As long as journeys can be handed over a process that ends goes on with it,
// however many there are; and a drain that somebody takes back meanwhile begins
// again.
func TestEndLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := realmtest.NewStore(t)
		s := member(t, st, "am-1:80", inMemory()...)
		synctest.Wait()
		const journeys = 10_000
		for range journeys {
			if reply, err := s.At(t, "/alpha").Authenticate(t.Context(), request()); err != nil || reply.Step == nil {
				t.Fatal(err)
			}
		}
		s.Store.CommitTime.Store(int64(time.Second / 2)) // by 16 at once, some 60 in each
		before := time.Now()
		if err := s.Backend.Drainer.Drain(t.Context(), 0); err != nil || time.Since(before) < 2*realm.HandOverTime {
			t.Errorf("it ends after %v with %v", time.Since(before), err)
		}
		if got := s.Backend.Drainer.Status(); got.HandedOver != journeys || got.Journeys != 0 {
			t.Errorf("%+v", got)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		st := realmtest.NewStore(t)
		s, two := member(t, st, "am-1:80", inMemory()...), member(t, st, "am-2:80", inMemory()...)
		synctest.Wait()
		steps := walking(t, s, 3)
		before := time.Now()
		time.AfterFunc(time.Second, s.Backend.Drainer.Undo)
		if err := s.Backend.Drainer.Drain(t.Context(), time.Minute); err != nil || time.Since(before) > 62*time.Second {
			t.Errorf("it ends after %v with %v", time.Since(before), err)
		}
		for _, step := range steps {
			goOn(t, two, step)
		}
	})
}

// A second drain shortens the first, and is one with it.
func TestDrainTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := realmtest.NewStore(t)
		one, two := member(t, st, "am-1:80", inMemory()...), member(t, st, "am-2:80", inMemory()...)
		synctest.Wait()
		steps := walking(t, one, 2)
		one.Backend.Drainer.Begin(time.Hour)
		one.Backend.Drainer.Begin(2 * time.Hour)
		if s := status(time.Minute, one); s.Drained || !s.Until.Equal(s.Since.Add(time.Hour)) {
			t.Errorf("the first: %+v", s)
		}
		before := time.Now()
		if err := one.Backend.Drainer.Drain(t.Context(), time.Second); err != nil {
			t.Error(err)
		}
		if took := time.Since(before); took > 2*time.Second || one.Log.Count("this node is draining: it takes") != 1 {
			t.Errorf("the second took %v", took)
		}
		for _, step := range steps {
			goOn(t, two, step)
		}
		before = time.Now()
		if err := one.Backend.Drainer.Drain(t.Context(), time.Hour); err != nil || time.Since(before) > time.Second {
			t.Errorf("a third after %v: %v", time.Since(before), err)
		}
	})
}

// A drain that is taken back while journeys may finish hands over none.
func TestUndoneDrainHandsOverNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := realmtest.NewStore(t)
		one, _ := member(t, st, "am-1:80", inMemory()...), member(t, st, "am-2:80", inMemory()...)
		synctest.Wait()
		steps := walking(t, one, 1)
		one.Backend.Drainer.Begin(time.Minute)
		status(30*time.Second, one)
		one.Backend.Drainer.Undo()
		if s := status(2*time.Minute, one); s.Draining || s.Journeys != 1 || s.HandedOver != 0 || one.Backend.Nodes.Draining() {
			t.Errorf("%+v", s)
		}
		one.Backend.Drainer.Undo()
		goOn(t, one, steps[0])
	})
}

// A reload during a drain neither ends it nor begins another, be the store the
// same or opened anew.
func TestReloadDuringADrain(t *testing.T) {
	for _, anew := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			st := realmtest.NewStore(t)
			one, two := member(t, st, "am-1:80", inMemory()...), member(t, st, "am-2:80", inMemory()...)
			synctest.Wait()
			steps := walking(t, one, 2)
			one.Backend.Drainer.Begin(10 * time.Second)
			reload := func() {
				t.Helper()
				before, nodes := one.Set, one.Backend.Nodes
				set, err := realm.New(realm.Config{Realms: inMemory(), Logger: one.Log.Logger()})
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(set.Close)
				if anew {
					one.Backend.Nodes = cluster.New(cluster.Config{Store: one.Store})
					t.Cleanup(one.Backend.Nodes.Close)
				}
				if err := set.Start(t.Context(), one.Backend); err != nil {
					t.Fatal(err)
				}
				one.Set = set
				before.Close()
				if anew {
					nodes.Close()
				}
			}
			status(5*time.Second, one)
			reload()
			if s := status(2*time.Second, one); s.Drained || s.Journeys != 2 || one.Ready(t.Context()) == nil {
				t.Errorf("after a reload: %+v", s)
			}
			if m, ok := two.Backend.Nodes.View().At("am-1:80"); ok && !m.Draining {
				t.Error("after a reload the other node knows nothing of the drain")
			}
			if s := status(5*time.Second, one); !s.Drained || s.HandedOver != 2 {
				t.Errorf("when it is drained: %+v", s)
			}
			reload()
			if s := status(time.Minute, one); !s.Drained || knows(two) || one.Log.Count("this node is draining: it takes") != 1 {
				t.Errorf("after another reload: %+v", s)
			}
			goOn(t, one, steps[0])
			goOn(t, two, steps[1])
			one.Backend.Drainer.Undo()
			if status(0, one); !knows(two) {
				t.Error("it does not come back")
			}
		})
	}
}

// toward is where a request to /alpha belongs that may be passed on, "" for here.
func toward(t testing.TB, s *realmtest.Site, req realm.Request) string {
	t.Helper()
	ctx, elsewhere := realm.SeekElsewhere(t.Context())
	_, err := s.At(t, "/alpha").Authenticate(ctx, req)
	if errors.Is(err, realm.ErrElsewhere) != elsewhere.Found || elsewhere.Found != (elsewhere.Node.Address != "") {
		t.Fatalf("elsewhere is %+v, with the error %v", elsewhere, err)
	}
	return elsewhere.Node.Address
}

// A node that is draining begins no journey and resumes none, while another
// takes them; those that it has go on.
func TestDrainingNodeBeginsNothing(t *testing.T) {
	for _, scheme := range schemes {
		synctest.Test(t, func(t *testing.T) {
			o, st := realmtest.NewOutbox(), realmtest.NewStore(t)
			realms := realmtest.Complete(realm.Settings{Path: "/"},
				realm.Settings{Path: "/alpha", Users: people, Journeys: mail(o, time.Hour), JourneySessions: scheme})
			one, two := member(t, st, "am-1:80", realms...), member(t, st, "am-2:80", realms...)
			synctest.Wait()
			alpha := one.At(t, "/alpha")
			begun, err := alpha.Authenticate(t.Context(), request())
			if err != nil || toward(t, one, request()) != "" {
				t.Fatalf("%s: before: %v", scheme, err)
			}
			begin(t, alpha, request(), "alice")
			link := request()
			link.SuspendedID = o.Link(t).Query().Get("suspendedId")

			one.Backend.Nodes.Drain(true)
			synctest.Wait()
			if err := one.Ready(t.Context()); err == nil || errors.Is(err, store.ErrUnavailable) {
				t.Errorf("%s: it is ready: %v", scheme, err)
			}
			if err := two.Ready(t.Context()); err != nil {
				t.Errorf("%s: the other: %v", scheme, err)
			}
			if to := toward(t, one, request()); to != "am-2:80" {
				t.Errorf("%s: a journey begins at %q", scheme, to)
			}
			if to := toward(t, one, link); to != "am-2:80" {
				t.Errorf("%s: a link leads to %q", scheme, to)
			}
			if to := toward(t, two, request()); to != "" {
				t.Errorf("%s: the other node sends a journey to %q", scheme, to)
			}
			if got := answer(t, alpha, begun.Step, "alice"); got.Step == nil || got.Step.Restarted {
				t.Errorf("%s: the journey that it has: %+v", scheme, got)
			}
			// What was passed on, or can be passed to nobody, begins here.
			if reply, err := alpha.Authenticate(t.Context(), request()); err != nil || reply.Step == nil {
				t.Errorf("%s: what was passed on: %+v, %v", scheme, reply, err)
			}
			two.Backend.Nodes.Drain(true)
			synctest.Wait()
			if to := toward(t, one, request()); to != "" {
				t.Errorf("%s: where all are draining it begins at %q", scheme, to)
			}
			one.Backend.Nodes.Drain(false)
			if err := one.Ready(t.Context()); err != nil {
				t.Errorf("%s: afterwards: %v", scheme, err)
			}
		})
	}
}
