package keep_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/amgate/amgate/identity"
	"github.com/amgate/amgate/journey"
	"github.com/amgate/amgate/journey/callback"
	"github.com/amgate/amgate/journey/journeytest"
	"github.com/amgate/amgate/journey/keep"
	"github.com/amgate/amgate/store"
	"github.com/amgate/amgate/store/memory"
	"github.com/amgate/amgate/store/storetest"
	"github.com/amgate/amgate/token"
)

// choose asks which way to go, sign checks a password, link wants its link to
// be followed: together a journey with ways around its checks, and back. What
// really happened in which journey the nodes note in a ledger, which no keeper
// can mix up.
type (
	choose struct{}
	sign   struct{ ledger *ledger }
	link   struct{ ledger *ledger }
)

type ledger struct {
	mu               sync.Mutex
	signed, followed map[string]bool
	succeeded        map[string]int
	// told is how often a client may be told of its success: again after the
	// loss of the node that did.
	told map[string]int
}

func newLedger() *ledger {
	return &ledger{signed: make(map[string]bool), followed: make(map[string]bool), succeeded: make(map[string]int), told: make(map[string]int)}
}

func (l *ledger) note(in map[string]bool, id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	in[id] = true
}

// success notes that a client was told of one, and says what is wrong with it.
func (l *ledger) success(id journey.ID) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.succeeded[id.String()]++
	switch {
	case !l.signed[id.String()]:
		return errors.New("signed in without the right password")
	case !l.followed[id.String()]:
		return errors.New("signed in without the link")
	case l.succeeded[id.String()] > 1+l.told[id.String()]:
		return fmt.Errorf("%d successes of one journey", l.succeeded[id.String()])
	}
	return nil
}

func (choose) Process(_ context.Context, in *journey.Input) (journey.Action, error) {
	answer, ok := callback.First[callback.Choice](in.Answers)
	if !ok {
		return journey.Ask(callback.NewChoice("How?", []string{"password", "another way"}, 0)), nil
	}
	return journey.Goto([]string{"password", "other"}[answer.Selected]), nil
}
func (choose) Outcomes() []string { return []string{"password", "other"} }

func (n sign) Process(ctx context.Context, in *journey.Input) (journey.Action, error) {
	answer, ok := callback.First[callback.Password](in.Answers)
	if !ok {
		return journey.Ask(callback.Password{}), nil
	}
	user, err := in.Users.Authenticate(ctx, "demo", answer.Value)
	switch {
	case errors.Is(err, identity.ErrCredentials):
		return journey.Goto("false"), nil
	case err != nil:
		return journey.Action{}, err
	}
	n.ledger.note(n.ledger.signed, in.JourneyID)
	return journey.Goto("true").WithSubject(user), nil
}
func (sign) Outcomes() []string { return []string{"true", "false"} }

func (n link) Process(_ context.Context, in *journey.Input) (journey.Action, error) {
	if !in.Resumed {
		return journey.Suspend("look into your mail", 0, nil), nil
	}
	n.ledger.note(n.ledger.followed, in.JourneyID)
	return journey.Goto("outcome"), nil
}
func (link) Outcomes() []string { return []string{"outcome"} }

func choiceTree(l *ledger) *journey.Tree {
	return &journey.Tree{Name: "Login", Entry: "choose", Nodes: map[string]*journey.Placed{
		"choose": {ID: "choose", Node: choose{}, Next: map[string]string{"password": "sign", "other": "choose2"}},
		"choose2": {ID: "choose2", Node: choose{}, Next: map[string]string{
			"password": "sign", "other": journey.Success, // the mistake of a journey's author
		}},
		"sign": {ID: "sign", Node: sign{l}, Next: map[string]string{"true": "link", "false": "choose"}},
		"link": {ID: "link", Node: link{l}, Next: map[string]string{"outcome": "last"}},
		"last": {ID: "last", Node: choose{}, Next: map[string]string{"password": journey.Success, "other": journey.Failure}},
	}}
}

// world is two nodes of an installation, on which journeys are walked.
type world struct {
	scheme
	tb             testing.TB
	ring           *token.Ring
	store          *storetest.Faulty
	noAllowlisting bool
	ledger         *ledger
	engine         *journey.Engine
	tree           *journey.Tree
	nodes          [2]*keep.Keeper
	tables         [2]*keep.Table
	starts         [2]int // how often each node was started
	// blind nodes take all others for lost.
	blind bool
}

// address is what the affinity of a journey tells: on which node it lives,
// since which start of it.
type address struct{ node, start int }

func (w *world) address(node int) address { return address{node, w.starts[node]} }

func (a address) String() string { return fmt.Sprintf("%d:%d", a.node, a.start) }

func parseAddress(affinity string) (a address) {
	_, _ = fmt.Sscanf(affinity, "%d:%d", &a.node, &a.start) // else it is that of nobody
	return a
}

// elsewhereError says which node to ask.
type elsewhereError struct{ node int }

func (e *elsewhereError) Error() string { return fmt.Sprintf("node %d has the journey", e.node) }

// passedOn marks the context of a request that one node has passed on.
type passedOn struct{}

// directory is what a node knows of the others: who is there.
type directory struct {
	*world
	node int
}

func (d directory) Pinned(string) string { return d.address(d.node).String() }

func (d directory) Elsewhere(ctx context.Context, affinity string, leaving bool) error {
	a := parseAddress(affinity)
	switch {
	case d.blind, ctx.Value(passedOn{}) != nil, a.node == d.node, a.start != d.starts[a.node]:
		return nil
	case d.tables[a.node].IsAway() && !leaving:
		return nil
	}
	return &elsewhereError{a.node}
}

func newWorld(tb testing.TB, s scheme, noAllowlisting bool) *world {
	tb.Helper()
	st, l := memory.New(), newLedger()
	tb.Cleanup(st.Close)
	w := &world{
		scheme: s, tb: tb, ring: newRing(tb), store: &storetest.Faulty{Store: st}, noAllowlisting: noAllowlisting,
		ledger: l, tree: choiceTree(l),
		engine: journey.NewEngine(journey.EngineConfig{
			Users: journeytest.Demo("demo", "right"), Logger: slog.New(slog.DiscardHandler),
		}),
	}
	if err := w.tree.Check(); err != nil {
		tb.Fatal(err)
	}
	for i := range w.nodes {
		w.restart(i)
	}
	return w
}

// restart starts a node, without what the last one had in memory.
func (w *world) restart(node int) {
	w.tables[node] = keep.NewTable(keep.TableConfig{})
	w.nodes[node] = w.keeper(w.tb, w.ring, keep.Config{
		Store: w.store, NoAllowlisting: w.noAllowlisting, Table: w.tables[node], Nodes: directory{w, node},
	})
	w.starts[node]++
}

// visitor is one client with the steps and links that it has seen of its
// journey.
type visitor struct {
	id journey.ID
	// astray says that the node was lost which had the journey: where it goes on
	// an older step may be answered again, once.
	astray bool
	steps  []seen
	links  []seen
	// asked are the forms that it was given.
	asked []callback.List
}

// seen is an authId or a link, and what became of it.
type seen struct {
	text string
	// at is where the journey lives, if it lives in memory, unless it was
	// handed over.
	at         address
	handedOver bool
	until      time.Time
	answered   bool
	// doubted says that a fault came between: it may have been answered.
	doubted bool
}

// turn is a step of a journey in walk: what came of it.
type turn struct {
	ran       bool
	succeeded bool
	after     *journey.Snapshot
}

// walk is the part of a realm: it walks the journey on and ends it.
func (w *world) walk(node int, form callback.List, input any, t *turn) func(context.Context, *journey.Snapshot) error {
	k := w.nodes[node]
	return func(ctx context.Context, s *journey.Snapshot) error {
		t.ran, t.after = true, s
		result, err := w.engine.Advance(ctx, w.tree, s, journey.Turn{Answers: journeytest.Answers(form, input)})
		switch {
		case err != nil:
			return err
		case result.Suspended != nil:
			s.Suspended = &journey.Suspension{At: time.Now(), Until: time.Now().Add(3 * time.Minute)}
		case result.Succeeded != nil:
			t.succeeded = true
			return k.Finish(ctx, s, w.issue(s))
		case result.Failed != nil:
			return k.Finish(ctx, s, nil)
		}
		return nil
	}
}

// issue makes a journey's session, as package session does.
func (w *world) issue(s *journey.Snapshot) journey.Commit {
	return func(ctx context.Context, with ...store.Op) error {
		session := store.Key(fmt.Sprintf("s/%x", s.Seed()))
		_, err := w.store.Commit(ctx, append(with, store.Create(session, []byte("session"), time.Time{}))...)
		if errors.Is(err, store.ErrExists) {
			if _, _, missing := w.store.Get(ctx, session, store.Fresh); missing == nil {
				return nil
			}
		}
		return err
	}
}

// learn notes what a client was given.
func (w *world) learn(v *visitor, node int, authID string, s *journey.Snapshot) {
	given := seen{
		text: authID, at: w.address(node), until: s.Deadline.Truncate(time.Second),
		handedOver: w.tables[node].IsAway() && s.Found != journey.FoundTakenOver,
	}
	if s.Suspended != nil {
		given.answered = true // it answers nothing
		v.links = append(v.links, seen{text: s.SuspendedID, until: s.Suspended.Until})
	}
	v.steps, v.asked = append(v.steps, given), append(v.asked, s.Asked)
}

func (w *world) begin(ctx context.Context, node int) (*visitor, error) {
	s := newSnapshot()
	s.Node, s.Shared, s.Affinity = "", nil, w.address(node).String()
	if _, err := w.engine.Advance(ctx, w.tree, s, journey.Turn{}); err != nil {
		return nil, err
	}
	authID, err := w.nodes[node].Begin(ctx, s)
	if err != nil {
		return nil, err
	}
	v := &visitor{id: s.ID}
	if w.blind {
		w.ledger.told[v.id.String()] = 1 << 30 // by each node that has a copy; of one session
	}
	w.learn(v, node, authID, s)
	return v, nil
}

// SECURITY 3: a reset without the mailed link was possible by "try another
// way": progress that one step had made counted for another. Clients walk at
// random, on nodes that restart and a store that fails; they go back, resubmit
// old steps in other tabs, answer the steps of others, follow links twice and
// come late. Whoever is signed in has given the right password and followed
// the link, in that journey, and is signed in once; no answered step is taken
// again; and what was not answered can be.
func TestModelNobodyGetsInAnotherWay(t *testing.T) {
	for _, s := range schemes {
		for name, noAllowlisting := range map[string]bool{"allowlisting": false, "no allowlisting": true} {
			t.Run(s.name+", "+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					// Only a TB: rapid asks a T for its deadline, which is none in a bubble.
					rapid.Check(struct{ testing.TB }{t}, func(rt *rapid.T) {
						w := newWorld(t, s, noAllowlisting)
						w.blind = s.survives && rapid.Bool().Draw(rt, "blind")
						walkAtRandom(rt, w)
					})
				})
			})
		}
	}
}

func walkAtRandom(rt *rapid.T, w *world) {
	ctx := rt.Context()
	var visitors []*visitor
	begin := func(rt *rapid.T) {
		if len(visitors) == 3 {
			rt.Skip("three are enough")
		}
		stormy := w.stormy()
		v, err := w.begin(ctx, node(rt))
		switch {
		case err == nil:
			visitors = append(visitors, v)
		case !errors.Is(err, store.ErrUnavailable) || !stormy:
			rt.Fatalf("a journey does not begin: %v", err)
		}
	}
	begin(rt)
	begin(rt)
	answer := func(rt *rapid.T) {
		v := visitors[index(rt, "visitor", len(visitors))]
		step, form := &v.steps[len(v.steps)-1], v.asked[len(v.asked)-1]
		if seldom(rt, "other step") {
			step = &v.steps[index(rt, "step", len(v.steps))]
		}
		if seldom(rt, "other form") {
			asked := visitors[index(rt, "whose form", len(visitors))].asked
			form = asked[index(rt, "form", len(asked))]
		}
		var input any = 0
		if _, password := form[0].Callback.(callback.Password); password {
			input = "right"
		}
		if seldom(rt, "other input") {
			input = rapid.SampledFrom([]any{"wrong", "", 1}).Draw(rt, "input")
		}
		w.take(rt, v, step, func(ctx context.Context, node int, t *turn) (string, error) {
			return w.nodes[node].Step(ctx, "/alpha", step.text, w.walk(node, form, input, t))
		})
	}
	follow := func(rt *rapid.T) {
		v := visitors[index(rt, "visitor", len(visitors))]
		if len(v.links) == 0 {
			rt.Skip("there is no link")
		}
		step := &v.links[index(rt, "link", len(v.links))]
		w.take(rt, v, step, func(ctx context.Context, node int, t *turn) (string, error) {
			return w.nodes[node].Resume(ctx, "/alpha", step.text, w.walk(node, nil, nil, t))
		})
	}
	rt.Repeat(map[string]func(*rapid.T){
		"begin":  begin,
		"answer": answer, "answer on": answer, "answer further": answer, // most of what happens
		"follow": follow, "follow on": follow,
		"guess a link": func(rt *rapid.T) {
			steps := visitors[index(rt, "visitor", len(visitors))].steps
			authID := steps[index(rt, "step", len(steps))].text
			_, err := w.nodes[node(rt)].Resume(ctx, "/alpha", authID, func(context.Context, *journey.Snapshot) error { return nil })
			if !errors.Is(err, journey.ErrNotSuspended) {
				rt.Fatalf("an authId as a link: %v", err)
			}
		},
		"deliver what is late": func(*rapid.T) { w.store.Deliver(ctx) },
		"wait":                 func(rt *rapid.T) { time.Sleep(time.Duration(rapid.IntRange(1, 60).Draw(rt, "seconds")) * time.Second) },
		"restart":              func(rt *rapid.T) { w.lose(visitors, index(rt, "node", len(w.nodes))) },
		"leave": func(rt *rapid.T) {
			n := index(rt, "node", len(w.nodes))
			w.leave(visitors, n)
			if rapid.Bool().Draw(rt, "and end") {
				w.lose(visitors, n)
			}
		},
		"come back": func(rt *rapid.T) { w.tables[index(rt, "node", len(w.nodes))].Away(false) },
		"weather": func(rt *rapid.T) {
			w.store.Down.Store(seldom(rt, "down"))
			w.store.Refused.Store(0)
			w.store.Lost.Store(0)
			w.store.Late.Store(0)
			if seldom(rt, "late") {
				w.store.Late.Store(1)
			}
			if seldom(rt, "refused") {
				w.store.Refused.Store(1)
			}
			if seldom(rt, "lost") {
				w.store.Lost.Store(1)
			}
		},
	})
}

func seldom(rt *rapid.T, what string) bool { return rapid.IntRange(0, 7).Draw(rt, what) == 7 }

// node is where a balancer sends a request: mostly to the same.
func node(rt *rapid.T) int {
	if seldom(rt, "other node") {
		return 1
	}
	return 0
}

func index(rt *rapid.T, of string, n int) int { return rapid.IntRange(0, n-1).Draw(rt, of) }

// stormy reports whether the store will fail.
func (w *world) stormy() bool {
	return w.store.Down.Load() || w.store.Refused.Load() > 0 || w.store.Lost.Load() > 0 || w.store.Late.Load() > 0
}

// leave hands over what a node has in memory. It goes on.
func (w *world) leave(visitors []*visitor, node int) {
	w.tables[node].Away(true)
	_, err := w.nodes[node].HandOver(w.tb.Context())
	switch {
	case errors.Is(err, store.ErrUnavailable):
	case err != nil:
		w.tb.Fatal(err)
	case w.inMemory() && w.tables[node].Stats().Journeys > 0:
		w.tb.Fatal("a node that has handed over all journeys still has some")
	default:
		for step := range stepsAt(visitors, w.address(node)) {
			step.handedOver = true
		}
	}
}

// lose ends a node without more, and starts it again.
func (w *world) lose(visitors []*visitor, node int) {
	for _, v := range visitors {
		last := &v.steps[len(v.steps)-1]
		if w.survives && last.at == w.address(node) && (!last.handedOver || last.answered) {
			v.astray = true
			w.ledger.told[v.id.String()]++
		}
	}
	w.restart(node)
}

func stepsAt(visitors []*visitor, at address) iter.Seq[*seen] {
	return func(yield func(*seen) bool) {
		for _, v := range visitors {
			for i := range v.steps {
				if v.steps[i].at == at && !yield(&v.steps[i]) {
					return
				}
			}
		}
	}
}

// lives reports whether a step that nobody has answered can be.
func (w *world) lives(v *visitor, step *seen, on int) bool {
	switch {
	case !w.inMemory(), isLink(v, step):
		return true
	case w.blind:
		return false // who knows which node has it
	case step.handedOver:
		return true
	case w.survives:
		return !v.astray
	}
	return step.at == w.address(step.at.node) // the other node passes it on
}

// mayRepeat reports whether an answered step may be answered again.
func (w *world) mayRepeat(v *visitor, step *seen) bool {
	if isLink(v, step) {
		return false
	}
	return w.noAllowlisting || w.blind || v.astray
}

// take has a client answer a step, or follow a link, and judges what happens.
func (w *world) take(rt *rapid.T, v *visitor, step *seen, do func(context.Context, int, *turn) (string, error)) {
	on, stormy := node(rt), w.stormy()
	inTime := time.Now().Before(step.until)
	t := new(turn)
	next, err := do(rt.Context(), on, t)
	if e, elsewhere := errors.AsType[*elsewhereError](err); elsewhere {
		on = e.node
		next, err = do(context.WithValue(rt.Context(), passedOn{}, true), on, t)
	}

	lives := w.lives(v, step, on)
	switch {
	case t.ran && !inTime:
		rt.Fatal("a step was taken after its deadline")
	case t.ran && step.answered && (err == nil || !step.doubted) && !w.mayRepeat(v, step):
		rt.Fatal("an answered step was taken again")
	case !t.ran && inTime && lives && !step.answered && !step.doubted && !stormy && !w.noAllowlisting:
		rt.Fatalf("a step that nobody has answered is refused: %v", err)
	case !t.ran && err == nil:
		rt.Fatal("a step was taken without the nodes")
	case errors.Is(err, store.ErrUnavailable):
		step.doubted = true
		if !stormy {
			rt.Fatalf("unavailable in fine weather: %v", err)
		}
	case err == nil && t.succeeded:
		if err := w.ledger.success(v.id); err != nil {
			rt.Fatal(err)
		}
		if n := w.sessions(rt, store.Key(fmt.Sprintf("s/%x", v.id[:]))); n != 1 {
			rt.Fatalf("%d sessions of one journey", n)
		}
	}
	if t.ran && t.after.Found == journey.FoundTakenOver {
		step.at, step.handedOver = w.address(on), false
	}
	if w.survives && !isLink(v, step) { // a suspension that is repeated has another link
		for i := range v.links {
			v.links[i].answered = v.links[i].answered || t.ran && t.after.Found == journey.FoundTakenOver
			v.links[i].doubted = v.links[i].doubted || errors.Is(err, store.ErrUnavailable)
		}
	}
	if err != nil {
		return
	}
	if step.answered && w.inMemory() { // what came after it counts no longer
		v.astray = false
		for i := range v.steps {
			v.steps[i].answered = true
		}
	}
	step.answered = true
	if t.after.ID != v.id {
		rt.Fatal("the journey became that of somebody else")
	}
	if t.after.Ended {
		step.at = w.address(on)
		return
	}
	w.learn(v, on, next, t.after)
}

func isLink(v *visitor, step *seen) bool {
	for i := range v.links {
		if step == &v.links[i] {
			return true
		}
	}
	return false
}

// sessions is how many there are whose keys begin so.
func (w *world) sessions(tb interface {
	Context() context.Context
	Fatal(args ...any)
}, prefix store.Key,
) (n int) {
	for after := store.Key(""); ; {
		page, _, err := w.store.List(tb.Context(), prefix, store.Page{After: after})
		if err != nil {
			tb.Fatal(err)
		}
		if len(page) == 0 {
			return n
		}
		n, after = n+len(page), page[len(page)-1].Key
	}
}

// A hundred people walk the same journey at once, each in their own: under
// -race this shows that nodes, engine and keepers share nothing.
func TestParallelJourneys(t *testing.T) {
	for _, s := range schemes {
		t.Run(s.name, func(t *testing.T) {
			w := newWorld(t, s, false)
			var wg sync.WaitGroup
			for range 100 {
				wg.Go(func() {
					if err := w.walkThrough(t.Context()); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			if sessions := w.sessions(t, "s/"); sessions != 100 {
				t.Errorf("%d sessions of 100 people", sessions)
			}
		})
	}
}

// walkThrough walks a journey to its success, with a mistake, a replay and a
// link on the way.
func (w *world) walkThrough(ctx context.Context) error {
	v, err := w.begin(ctx, 0)
	if err != nil {
		return err
	}
	k := w.nodes[0]
	var t turn
	for _, input := range []any{0, "wrong", 0, "right"} {
		authID := v.steps[len(v.steps)-1].text
		next, err := k.Step(ctx, "/alpha", authID, w.walk(0, v.asked[len(v.asked)-1], input, &t))
		if err != nil {
			return fmt.Errorf("input %v: %w", input, err)
		}
		w.learn(v, 0, next, t.after)
		if _, err := k.Step(ctx, "/alpha", authID, keepGoing); !errors.Is(err, journey.ErrUsed) && !errors.Is(err, journey.ErrExpired) {
			return fmt.Errorf("a replay: %w", err)
		}
	}
	next, err := k.Resume(ctx, "/alpha", v.links[0].text, w.walk(0, nil, nil, &t))
	if err != nil {
		return err
	}
	w.learn(v, 0, next, t.after)
	if _, err = k.Step(ctx, "/alpha", next, w.walk(0, v.asked[len(v.asked)-1], 0, &t)); err != nil {
		return err
	}
	if !t.succeeded {
		return errors.New("no success")
	}
	return w.ledger.success(v.id)
}
