package callback

// PingOneProtectInitialize asks the client to start collecting signals about
// its device and its user for PingOne Protect.
type PingOneProtectInitialize struct {
	EnvID                    string   `out:"envId"`
	ConsoleLogEnabled        bool     `out:"consoleLogEnabled"`
	DeviceAttributesToIgnore []string `out:"deviceAttributesToIgnore"`
	CustomHost               string   `out:"customHost"`
	// LazyMetadata puts off what is calculated until it is asked for.
	LazyMetadata             bool `out:"lazyMetadata"`
	BehavioralDataCollection bool `out:"behavioralDataCollection"`
	// DeviceKeyRsyncIntervals is how many days the device's fallback key may
	// be relied upon.
	DeviceKeyRsyncIntervals int  `out:"deviceKeyRsyncIntervals"`
	EnableTrust             bool `out:"enableTrust"`
	DisableTags             bool `out:"disableTags"`
	DisableHub              bool `out:"disableHub"`
	// ClientError is empty if all went well.
	ClientError string `in:"clientError"`
}

var _ Callback = PingOneProtectInitialize{}

// Type implements Callback.
func (PingOneProtectInitialize) Type() string { return "PingOneProtectInitializeCallback" }

// Outputs implements Callback.
func (c PingOneProtectInitialize) Outputs() []Field { return outputs(c) }

// Inputs implements Callback.
func (c PingOneProtectInitialize) Inputs() []Field { return inputs(c) }

// Fill implements Callback.
func (c PingOneProtectInitialize) Fill(in map[string]any) (Callback, error) { return fill(c, in) }

// PingOneProtectEvaluation asks the client for the signals it collected.
type PingOneProtectEvaluation struct {
	// PauseBehavioralData ends the collection.
	PauseBehavioralData bool   `out:"pauseBehavioralData"`
	Signals             string `in:"signals"`
	// ClientError says why there are none.
	ClientError string `in:"clientError"`
}

var _ Callback = PingOneProtectEvaluation{}

// Type implements Callback.
func (PingOneProtectEvaluation) Type() string { return "PingOneProtectEvaluationCallback" }

// Outputs implements Callback.
func (c PingOneProtectEvaluation) Outputs() []Field { return outputs(c) }

// Inputs implements Callback.
func (c PingOneProtectEvaluation) Inputs() []Field { return inputs(c) }

// Fill implements Callback.
func (c PingOneProtectEvaluation) Fill(in map[string]any) (Callback, error) { return fill(c, in) }
