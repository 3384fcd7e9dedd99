package nodes

import (
	"context"
	"errors"
	"time"

	"github.com/amgate/amgate/journey"
)

// Meter counts, under a name of the configuration, how often journeys come by.
type Meter struct {
	Metric string `json:"metricKey" option:"metric_key" doc:"The name of the count. Required." example:"login.started"`
}

// TimerStart keeps the time in the state, in milliseconds of Unix time.
type TimerStart struct {
	Property string `json:"startTimeProperty" option:"start_time_property" doc:"The key of the state that receives the time."`
}

// TimerStop reports the time since a TimerStart. Without one it does nothing.
type TimerStop struct {
	Property string `json:"startTimeProperty" option:"start_time_property" doc:"The key of the state that has the time, as timer_start has it."`
	Metric   string `json:"metricKey" option:"metric_key" doc:"The name under which the time is reported. Required." example:"login.password"`
}

var (
	_ journey.Node     = (*Meter)(nil)
	_ journey.Checker  = (*Meter)(nil)
	_ journey.Node     = (*TimerStart)(nil)
	_ journey.Declarer = (*TimerStart)(nil)
	_ journey.Checker  = (*TimerStart)(nil)
	_ journey.Node     = (*TimerStop)(nil)
	_ journey.Declarer = (*TimerStop)(nil)
	_ journey.Checker  = (*TimerStop)(nil)
)

// keyTimer is AM's key for the time of a TimerStart.
const keyTimer = "TimerNodeStartTime"

func newTimerStart() journey.Node { return &TimerStart{Property: keyTimer} }
func newTimerStop() journey.Node  { return &TimerStop{Property: keyTimer} }

// Process implements journey.Node.
func (n *Meter) Process(_ context.Context, in *journey.Input) (journey.Action, error) {
	in.Services.Meter.Count(n.Metric)
	return journey.Goto(outcomeOnly), nil
}

// Process implements journey.Node.
func (n *TimerStart) Process(_ context.Context, in *journey.Input) (journey.Action, error) {
	in.State.PutShared(n.Property, int(time.Now().UnixMilli()))
	return journey.Goto(outcomeOnly), nil
}

// Process implements journey.Node.
func (n *TimerStop) Process(_ context.Context, in *journey.Input) (journey.Action, error) {
	if began := int64(in.State.Int(n.Property)); began != 0 {
		// Another node of the cluster may have begun, by a clock of its own.
		in.Services.Meter.Time(n.Metric, max(0, time.Since(time.UnixMilli(began))))
	}
	return journey.Goto(outcomeOnly), nil
}

// Outcomes implements journey.Node.
func (*Meter) Outcomes() []string { return []string{outcomeOnly} }

// Outcomes implements journey.Node.
func (*TimerStart) Outcomes() []string { return []string{outcomeOnly} }

// Outcomes implements journey.Node.
func (*TimerStop) Outcomes() []string { return []string{outcomeOnly} }

// Reads implements journey.Declarer.
func (*TimerStart) Reads() []string { return nil }

// Writes implements journey.Declarer.
func (n *TimerStart) Writes() []string { return []string{n.Property} }

// Reads implements journey.Declarer.
func (n *TimerStop) Reads() []string { return []string{n.Property} }

// Writes implements journey.Declarer.
func (*TimerStop) Writes() []string { return nil }

// Check implements journey.Checker.
func (n *Meter) Check() error { return checkMetric(n.Metric) }

// Check implements journey.Checker.
func (n *TimerStart) Check() error { return checkTimer(n.Property) }

// Check implements journey.Checker.
func (n *TimerStop) Check() error { return errors.Join(checkTimer(n.Property), checkMetric(n.Metric)) }

func checkMetric(name string) error {
	if name == "" {
		return errors.New("metric_key is missing; name the metric, for example login.started")
	}
	return nil
}

func checkTimer(key string) error {
	if key == "" {
		return errors.New("start_time_property is empty; name a key of the state, for example " + keyTimer)
	}
	return checkKey(key)
}
