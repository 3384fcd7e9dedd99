package callback

import "time"

// PollingWait asks the client to send the step back unchanged after a while.
// It is read-only. AM prints the time as a string of milliseconds.
type PollingWait struct {
	// WaitTime is less than 24 days.
	WaitTime time.Duration `out:"waitTime,ms,text"`
	Message  string        `out:"message"`
}

var _ Callback = PollingWait{}

// Type implements Callback.
func (PollingWait) Type() string { return "PollingWaitCallback" }

// Outputs implements Callback.
func (c PollingWait) Outputs() []Field { return outputs(c) }

// Inputs implements Callback.
func (PollingWait) Inputs() []Field { return nil }

// Fill implements Callback.
func (c PollingWait) Fill(in map[string]any) (Callback, error) { return fill(c, in) }

// SuspendedTextOutput says that the journey goes on elsewhere, most often by a
// link in a mail. It is read-only. AM prints the message type as a string.
type SuspendedTextOutput struct {
	Message     string      `out:"message"`
	MessageType MessageType `out:"messageType,text"`
}

var _ Callback = SuspendedTextOutput{}

// Type implements Callback.
func (SuspendedTextOutput) Type() string { return "SuspendedTextOutputCallback" }

// Outputs implements Callback.
func (c SuspendedTextOutput) Outputs() []Field { return outputs(c) }

// Inputs implements Callback.
func (SuspendedTextOutput) Inputs() []Field { return nil }

// Fill implements Callback.
func (c SuspendedTextOutput) Fill(in map[string]any) (Callback, error) { return fill(c, in) }
