package reaper

import (
	"errors"
	"sync"
	"time"
)

// distrustTime is for how long a node whose clock has jumped ahead does not
// stand for leader. Then its clock is taken for right: nobody else has led, or
// it does as another one's clock does.
const distrustTime = 10 * time.Minute

// errAhead ends a reign: it cannot be told what is over.
var errAhead = errors.New("reaper: the clock has jumped ahead")

// clock tells the time by which records are judged. A clock that is set ahead
// must not end what others still use, so it goes on as the monotonic clock
// does, unless the wall's is behind that.
type clock struct {
	mu sync.Mutex
	// wall is what the clock said when it was last believed, then when that
	// was.
	wall, then time.Time
}

// believe takes the clock for right.
func (c *clock) believe() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.then = time.Now()
	c.wall = c.then.Round(0)
}

// now is the time, or errAhead if the clock has jumped ahead by more than
// Grace. A machine that has slept looks the same.
func (c *clock) now() (time.Time, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	believed, says := c.wall.Add(time.Since(c.then)), time.Now().Round(0)
	switch {
	case says.Sub(believed) > Grace:
		return time.Time{}, errAhead
	case says.Before(believed):
		return says, nil
	}
	return believed, nil
}
