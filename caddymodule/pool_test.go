package caddymodule

import (
	"errors"
	"slices"
	"sync"
	"testing"
)

// events are what happened to resources, in order.
var events struct {
	sync.Mutex
	list []string
}

func happened(what string) {
	events.Lock()
	defer events.Unlock()
	events.list = append(events.list, what)
}

// takeEvents returns what happened since the last call.
func takeEvents() []string {
	events.Lock()
	defer events.Unlock()
	list := events.list
	events.list = nil
	return list
}

// Whatever order an instance took things in, it gives them back in the
// opposite one, once, and an instance that took nothing gives nothing back.
func TestReleaseOrder(t *testing.T) {
	var a, b, none releaser
	for _, key := range []string{"test 1", "test 2", "test 3"} {
		for _, r := range []*releaser{&a, &b} {
			if _, err := take(r, key, func() (closing, error) { return closing(key), nil }); err != nil {
				t.Fatal(err)
			}
		}
	}
	takeEvents()
	for _, r := range []*releaser{&none, &a, &a} {
		if err := r.release(); err != nil {
			t.Error(err)
		}
	}
	if got := takeEvents(); len(got) > 0 {
		t.Errorf("%q while another instance has it", got)
	}
	if err := b.release(); err != nil {
		t.Error(err)
	}
	if got, want := takeEvents(), []string{"close test 3", "close test 2", "close test 1"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

type closing string

func (c closing) Destruct() error { happened("close " + string(c)); return nil }

// Many at once make one resource; if that fails, all are told and none holds
// anything.
func TestTakeByManyAtOnce(t *testing.T) {
	var wg sync.WaitGroup
	var made sync.Map
	takers := make([]releaser, 32)
	for i := range takers {
		wg.Go(func() {
			one, err := take(&takers[i], "test many", func() (*counted, error) { return new(counted), nil })
			if err != nil {
				t.Error(err)
			}
			made.Store(one, nil)
			var broken releaser
			_, err = take(&broken, "test broken", func() (*counted, error) { return nil, errors.New("on purpose") })
			if err == nil || len(broken) > 0 {
				t.Errorf("a resource that cannot be made: %v, %v taken", err, broken)
			}
		})
	}
	wg.Wait()
	n := 0
	for range made.Range {
		n++
	}
	if refs, _ := pool.References("test many"); n != 1 || refs != len(takers) {
		t.Errorf("%d made, %d references", n, refs)
	}
	for i := range takers {
		wg.Go(func() {
			if err := takers[i].release(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for _, key := range []string{"test many", "test broken"} {
		if refs, there := pool.References(key); there {
			t.Errorf("%s is still there, with %d references", key, refs)
		}
	}
}

type counted struct{ _ int }

func (*counted) Destruct() error { return nil }

// A process that exits closes also what drains since an earlier reload: its
// last accesses are written, and nothing waits for the drain time.
func TestExitClosesWhatStillDrains(t *testing.T) {
	var closed []string
	var open sync.WaitGroup
	for _, name := range []string{"one", "two"} {
		open.Add(1)
		whenUnused(func() error { closed = append(closed, name); open.Done(); return nil }, func(error) {})
	}
	if len(closed) > 0 {
		t.Fatalf("%q closed at once", closed)
	}
	endDraining()
	open.Wait()
	endDraining()
	if len(closed) != 2 {
		t.Errorf("closed %q", closed)
	}
}
