package nodes

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/amgate/amgate/journey"
	"github.com/amgate/amgate/journey/callback"
)

// DeviceProfile asks the client's program to describe its device, and keeps
// the description as the state "forgeRock.device.profile". An empty answer is
// asked again.
type DeviceProfile struct {
	// MaximumSize is a decimal number of kilobytes, of 1024 bytes.
	MaximumSize string `json:"maximumSize" option:"maximum_size" doc:"The largest description that is taken, in kilobytes."`
	Metadata    bool   `json:"deviceMetadata" option:"device_metadata" doc:"Ask about the device."`
	Location    bool   `json:"deviceLocation" option:"device_location" doc:"Ask where the device is."`
	Message     Text   `json:"message" option:"message" doc:"The text that is shown meanwhile, optionally after a language." example:"Collecting the profile …"`
}

var (
	_ journey.Node     = (*DeviceProfile)(nil)
	_ journey.Declarer = (*DeviceProfile)(nil)
	_ journey.Checker  = (*DeviceProfile)(nil)
)

// keyDeviceProfile is the state that receives the description, an object.
const keyDeviceProfile = "forgeRock.device.profile"

// The most that MaximumSize can be: more than a request can carry.
const maxProfileSize = 1024

func newDeviceProfile() journey.Node { return &DeviceProfile{MaximumSize: "3", Metadata: true} }

// Process implements journey.Node.
func (n *DeviceProfile) Process(_ context.Context, in *journey.Input) (journey.Action, error) {
	answer, _ := callback.First[callback.DeviceProfile](in.Answers)
	if answer.Value == "" {
		return journey.Ask(callback.DeviceProfile{
			Metadata: n.Metadata, Location: n.Location, Message: n.Message.For(in.Client.Languages),
		}), nil
	}
	profile, err := n.parse(answer.Value)
	if err != nil {
		return journey.Action{}, err
	}
	in.State.PutShared(keyDeviceProfile, profile)
	return journey.Goto(outcomeOnly), nil
}

// parse reads what the client sent. Its errors do not repeat it.
func (n *DeviceProfile) parse(text string) (map[string]any, error) {
	limit, err := n.limit()
	switch {
	case err != nil:
		return nil, err
	case float64(len(text)) > limit:
		return nil, fmt.Errorf("the device profile is larger than %s kB", n.MaximumSize)
	}
	var profile map[string]any
	if json.Unmarshal([]byte(text), &profile) != nil {
		return nil, errors.New("the device profile is not a JSON object")
	}
	if _, ok := profile["identifier"]; !ok {
		return nil, errors.New("the device profile has no identifier")
	}
	return profile, nil
}

// limit is MaximumSize in bytes.
func (n *DeviceProfile) limit() (float64, error) {
	size, err := strconv.ParseFloat(n.MaximumSize, 64)
	if err != nil || !(size > 0 && size <= maxProfileSize) { // so that NaN is none
		return 0, fmt.Errorf("maximum_size %q: a number of kilobytes is needed, at most %d", n.MaximumSize, maxProfileSize)
	}
	return size * 1024, nil
}

// Outcomes implements journey.Node.
func (*DeviceProfile) Outcomes() []string { return []string{outcomeOnly} }

// Reads implements journey.Declarer.
func (*DeviceProfile) Reads() []string { return nil }

// Writes implements journey.Declarer.
func (*DeviceProfile) Writes() []string { return []string{keyDeviceProfile} }

// Check implements journey.Checker.
func (n *DeviceProfile) Check() error {
	_, err := n.limit()
	return err
}
