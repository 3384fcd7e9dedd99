package nodes

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/amgate/amgate/journey"
	"github.com/amgate/amgate/journey/callback"
)

// PollingWait lets the client wait. An answer that comes too early is asked
// again and does not make the wait any longer. The end of the wait and how
// often it was asked are kept in the journey, as AM's "<node id>.end_time" (in
// milliseconds of Unix time) and "<node id>.spam_count".
type PollingWait struct {
	Seconds       int  `json:"secondsToWait" option:"seconds_to_wait" doc:"How long to wait, in seconds."`
	SpamDetection bool `json:"spamDetectionEnabled" option:"spam_detection_enabled" doc:"Adds the outcome SPAM, for clients that do not wait." example:"on"`
	SpamTolerance int  `json:"spamDetectionTolerance" option:"spam_detection_tolerance" doc:"How many early answers are let pass when spam_detection_enabled is on."`
	Waiting       Text `json:"waitingMessage" option:"waiting_message" doc:"The text, optionally after a language; {{time}} in it is the number of seconds." default:"Waiting for response..." example:"Please wait {{time}} seconds."`
	Exitable      bool `json:"exitable" option:"exitable" doc:"Adds a button to give up, and the outcome EXITED." example:"on"`
	Exit          Text `json:"exitMessage" option:"exit_message" doc:"The button, optionally after a language." default:"Cancel"`
}

var (
	_ journey.Node    = (*PollingWait)(nil)
	_ journey.Checker = (*PollingWait)(nil)
)

// The outcomes of PollingWait.
const (
	outcomeDone   = "DONE"
	outcomeExited = "EXITED"
	outcomeSpam   = "SPAM"
)

// maxWait bounds a wait, in seconds: clients read milliseconds into 32 bits.
const maxWait = 1<<31/1000 - 1

func newPollingWait() journey.Node { return &PollingWait{Seconds: 8, SpamTolerance: 3} }

// Process implements journey.Node.
func (n *PollingWait) Process(_ context.Context, in *journey.Input) (journey.Action, error) {
	end, asked := in.NodeID+".end_time", in.NodeID+".spam_count"
	leave := func(outcome string) (journey.Action, error) {
		in.State.Remove(end)
		in.State.Remove(asked)
		return journey.Goto(outcome), nil
	}
	if button, ok := callback.First[callback.Confirmation](in.Answers); ok && n.Exitable && button.Selected == 0 {
		return leave(outcomeExited)
	}
	now := time.Now()
	if _, waiting := in.State.Get(end); !waiting {
		in.State.PutShared(end, int(now.Add(time.Duration(n.Seconds)*time.Second).UnixMilli()))
		in.State.PutShared(asked, 0)
		return n.ask(in), nil
	}
	again := in.State.Int(asked)
	switch {
	case n.SpamDetection && again > n.SpamTolerance:
		return leave(outcomeSpam)
	case now.UnixMilli() >= int64(in.State.Int(end)):
		return leave(outcomeDone)
	}
	in.State.PutShared(asked, again+1)
	return n.ask(in), nil
}

func (n *PollingWait) ask(in *journey.Input) journey.Action {
	languages := in.Client.Languages
	wait := callback.PollingWait{
		WaitTime: time.Duration(n.Seconds) * time.Second,
		Message:  strings.ReplaceAll(n.Waiting.or(languages, "Waiting for response..."), "{{time}}", strconv.Itoa(n.Seconds)),
	}
	if !n.Exitable {
		return journey.Ask(wait)
	}
	exit := callback.NewConfirmation([]string{n.Exit.or(languages, "Cancel")}, 0)
	exit.Selected = callback.NotPressed
	return journey.Ask(wait, exit)
}

// Outcomes implements journey.Node.
func (n *PollingWait) Outcomes() []string {
	outcomes := []string{outcomeDone}
	if n.Exitable {
		outcomes = append(outcomes, outcomeExited)
	}
	if n.SpamDetection {
		outcomes = append(outcomes, outcomeSpam)
	}
	return outcomes
}

// Check implements journey.Checker.
func (n *PollingWait) Check() error {
	switch {
	case n.Seconds < 0 || n.Seconds > maxWait:
		return fmt.Errorf("seconds_to_wait %d: from 0 to %d seconds are possible", n.Seconds, maxWait)
	case n.SpamTolerance < 0:
		return fmt.Errorf("spam_detection_tolerance %d: it must not be negative", n.SpamTolerance)
	}
	return nil
}
