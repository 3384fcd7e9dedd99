package reaper

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/amgate/amgate/store"
	"github.com/amgate/amgate/store/memory"
)

// jump sets the clock ahead by d, as the reaper sees it.
func (c *clock) jump(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wall = c.wall.Add(-d)
}

// TestClockAheadEndsNothingEarly: the clock of the node that sweeps is set
// ahead, by little or by much. What is not over by the others' clocks stays;
// who is ahead by much leaves the sweep to others, and comes back to it.
func TestClockAheadEndsNothingEarly(t *testing.T) {
	for name, ahead := range map[string]time.Duration{"little": Grace, "much": Grace + time.Second, "an hour": time.Hour} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				st := memory.New()
				defer st.Close()
				r := New(Config{Store: st, Kinds: []store.Key{"j/"}, Interval: time.Second})
				defer r.Close()
				synctest.Wait()
				r.clock.jump(ahead)
				// By the wall's clock it is over for Grace when the next sweep
				// comes; truly it has as long left as that is ahead.
				truly := time.Now().Add(ahead)
				if _, err := st.Commit(t.Context(), store.Create("j/one", nil, truly.Add(-ahead))); err != nil {
					t.Fatal(err)
				}
				there := func() bool {
					t.Helper()
					synctest.Wait()
					rs, _, err := st.Scan(t.Context(), "j/", store.Page{})
					if err != nil {
						t.Fatal(err)
					}
					return len(rs) > 0
				}
				for time.Now().Before(truly) && time.Since(truly.Add(-ahead)) < distrustTime {
					if !there() {
						t.Fatalf("removed %v before its time", time.Until(truly))
					}
					time.Sleep(time.Second)
				}
				if leads := r.Stats().Leading; leads != (ahead <= Grace) {
					t.Errorf("it leads: %v", leads)
				}
				time.Sleep(distrustTime + 3*time.Minute)
				if there() || !r.Stats().Leading {
					t.Errorf("in the end it is there: %v; the node leads: %v", there(), r.Stats().Leading)
				}
			})
		})
	}
}

// TestEarlierClockIsBelieved: of the wall's clock and the monotonic one the
// earlier counts.
func TestEarlierClockIsBelieved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for ahead, want := range map[time.Duration]time.Duration{-time.Hour: 0, 0: 0, 5 * time.Second: -5 * time.Second} {
			var c clock
			c.believe()
			time.Sleep(time.Minute)
			c.jump(ahead)
			if now, err := c.now(); err != nil || now.Sub(time.Now().Round(0)) != want {
				t.Errorf("%v ahead: %v from the wall's clock, %v; want %v", ahead, now.Sub(time.Now().Round(0)), err, want)
			}
		}
	})
}
