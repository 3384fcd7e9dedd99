package web

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"

	"github.com/amgate/amgate/journey/callback"
	"github.com/amgate/amgate/realm"
)

// maxSeen bounds how many earlier steps a form remembers.
const maxSeen = 16

// question is a step as its form carries it along, so that the answers can be
// put in order, and the form shown again, without asking the store. The
// form's seal keeps it as it was.
type question struct {
	Callbacks   callback.List `json:"callbacks"`
	Header      string        `json:"header,omitempty"`
	Description string        `json:"description,omitempty"`
	// Seen are the fingerprints of the steps answered before this one.
	Seen []string `json:"seen,omitempty"`
}

func questionOf(s *realm.Step) question {
	return question{Callbacks: s.Callbacks, Header: s.Header, Description: s.Description}
}

// pack is the question as the value of a hidden field.
func (q question) pack() (string, error) {
	q.Seen = q.Seen[max(0, len(q.Seen)-maxSeen):]
	b, err := json.Marshal(q)
	return base64.RawURLEncoding.EncodeToString(b), err
}

func unpack(packed string) (q question, err error) {
	b, err := base64.RawURLEncoding.DecodeString(packed)
	if err == nil {
		err = json.Unmarshal(b, &q)
	}
	if err != nil {
		// Sealed by somebody who made the form up, or by another version.
		return question{}, refusal{status: http.StatusBadRequest, what: "staleForm"}
	}
	return q, nil
}

// wireAnswer is an answered callback as realm.Authenticate takes it.
type wireAnswer struct {
	Type  string      `json:"type"`
	Input []wireInput `json:"input"`
}

type wireInput struct {
	Name  string `json:"name"`
	Value any    `json:"value"`
}

// answer is the callbacks array that answers the question with what a form
// says. Of buttons at most one is in a form: those that were not pressed keep
// their preset, as does whatever else a program would have had to fill in.
// Fields that were not asked are ignored.
func (q question) answer(form url.Values) json.RawMessage {
	answers := make([]wireAnswer, 0, len(q.Callbacks))
	for i, item := range q.Callbacks {
		inputs := item.Callback.Inputs()
		if len(inputs) == 0 {
			continue
		}
		a := wireAnswer{Type: item.Callback.Type()}
		for _, in := range inputs {
			name := callback.InputName(i+1, in.Name)
			switch own := callback.InputName(i+1, ownQuestion); {
			case in.Name == "question" && form.Get(own) != "": // whatever the list stands at
				a.Input = append(a.Input, wireInput{name, form.Get(own)})
			case form.Has(name):
				a.Input = append(a.Input, wireInput{name, form.Get(name)})
			case !isTyped(item.Callback):
				a.Input = append(a.Input, wireInput{name, in.Value})
			}
		}
		answers = append(answers, a)
	}
	raw, err := json.Marshal(answers)
	if err != nil {
		return nil // presets are what JSON can hold; without answers the step is refused
	}
	return raw
}

// isTyped reports whether a person fills the callback in: a form without it
// is no form of ours.
func isTyped(c callback.Callback) bool {
	switch c.(type) {
	case callback.Name, callback.Password, callback.TextInput, callback.Choice, callback.SelectIDP,
		callback.StringAttributeInput, callback.NumberAttributeInput, callback.BooleanAttributeInput,
		callback.ValidatedCreateUsername, callback.ValidatedCreatePassword,
		callback.KbaCreate, callback.TermsAndConditions, callback.ConsentMapping:
		return true
	}
	return false
}

// filled is the question with the answers in it, for showing what was typed;
// as it is, if they do not fit.
func (q question) filled(answers json.RawMessage) question {
	if list, err := q.Callbacks.Answer(answers); err == nil {
		q.Callbacks = list
	}
	return q
}

// changing are the outputs that differ when a question is asked again.
var changing = []string{"value", "failedPolicies", "validateOnly"}

// fingerprint tells steps apart by what they ask, whatever was answered.
func (q question) fingerprint() string {
	asks := []any{q.Header, q.Description}
	for _, item := range q.Callbacks {
		asks = append(asks, item.Callback.Type(), slices.DeleteFunc(item.Callback.Outputs(), func(f callback.Field) bool {
			return slices.Contains(changing, f.Name)
		}))
	}
	b, err := json.Marshal(asks)
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:6])
}

// leadsBackTo reports whether next was asked before, so that the answers
// since then cannot have been right.
func (q question) leadsBackTo(next question) bool {
	return slices.Contains(q.trail(), next.fingerprint())
}

// trail is what the step after this one has Seen.
func (q question) trail() []string { return append(slices.Clip(q.Seen), q.fingerprint()) }

// tellsError reports whether the step says itself what was wrong.
func (q question) tellsError() bool {
	return slices.ContainsFunc(q.Callbacks, func(item callback.Item) bool {
		text, ok := item.Callback.(callback.TextOutput)
		return ok && (text.MessageType == callback.Error || text.MessageType == callback.Warning)
	})
}

// failed reports whether the step says what was wrong beside its fields.
func (q question) failed() bool {
	return slices.ContainsFunc(q.Callbacks, func(item callback.Item) bool {
		v, ok := item.Callback.(interface {
			Failed() []callback.FailedPolicy
		})
		return ok && len(v.Failed()) > 0
	})
}

// waits reports whether the step comes back as long as it must be waited.
func (q question) waits() bool {
	return slices.ContainsFunc(q.Callbacks, func(item callback.Item) bool {
		_, ok := item.Callback.(callback.PollingWait)
		return ok
	})
}

// noticeOn is what to say above a step that follows this one, as the id of a
// text: a step that was there before came back because the answers were not
// right. The server does not say why, and nor do we, unless the step does.
func (q question) noticeOn(next question) string {
	switch {
	case next.failed():
		return "checkAnswers"
	case !q.leadsBackTo(next), next.tellsError(), next.waits():
		return ""
	}
	return next.retryNotice()
}

// retryNotice is what to say when the step came back.
func (q question) retryNotice() string {
	for _, item := range q.Callbacks {
		switch item.Callback.(type) {
		case callback.Name, callback.Password:
			return "checkCredentials"
		}
	}
	return "checkAnswers"
}
