package web

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/amgate/amgate/journey"
	"github.com/amgate/amgate/journey/callback"
	"github.com/amgate/amgate/realm"
)

// refusal is an error that says which page it is: what is the stem of the
// ids of its texts.
type refusal struct {
	status int
	what   string
	// arg goes into the text.
	arg string
	// allow is the header Allow of a 405.
	allow []string
}

func (e refusal) Error() string { return fmt.Sprintf("refused with %d: %s", e.status, e.what) }

// outcome is how an error of the layers below looks to a person.
type outcome struct {
	err    error
	status int
	what   string
	// again says that the same form may be sent again.
	again bool
}

// fault is the outcome of all that realm.IsFault says.
var fault = outcome{status: http.StatusServiceUnavailable, what: "unavailable", again: true}

// table has all other errors that are foreseen.
var table = []outcome{
	{callback.ErrAnswer, http.StatusBadRequest, "incomplete", true},
	{realm.ErrNoConfiguration, http.StatusBadRequest, "noJourney", false},
	{realm.ErrIndexType, http.StatusBadRequest, "noJourney", false},
	{realm.ErrAdvice, http.StatusBadRequest, "noJourney", false},
	{journey.ErrNotSuspended, http.StatusUnauthorized, "usedLink", false},
	{journey.ErrSignature, http.StatusBadRequest, "staleForm", false},
	{journey.ErrMalformed, http.StatusBadRequest, "staleForm", false},
	{journey.ErrTooLarge, http.StatusRequestEntityTooLarge, "tooLarge", false},
}

func lineOf(err error) (outcome, bool) {
	if realm.IsFault(err) {
		return fault, true
	}
	for _, line := range table {
		if errors.Is(err, line.err) {
			return line, true
		}
	}
	return outcome{}, false
}

// refuse turns an error into its page. Nothing of an error's own text is
// shown: it may name nodes, keys or hosts. An error that nobody foresaw is in
// the log, under an id that the person can tell those who read the log.
func (p *Pages) refuse(v *visit, err error) reply {
	known, ok := errors.AsType[refusal](err)
	if !ok {
		line, ok := lineOf(err)
		if ok {
			known = refusal{status: line.status, what: line.what}
			p.logFault(v, line, err)
		} else {
			known = refusal{status: http.StatusInternalServerError, what: "broken", arg: rand.Text()[:8]}
			p.front.Logger.Error("a page failed", "id", known.arg, "realm", v.realmPath(), "error", err)
		}
	}
	m := messageFor(known.what)
	m.Tone = toneError
	if known.arg != "" {
		m.Text.args = []any{known.arg}
	}
	if target := p.retryURL(v, known); target != "" {
		m.Link = &link{URL: target, Text: say("tryAgain")}
	}
	rep := show(known.status, m)
	addRetryAfter(rep.header, known.status)
	if known.allow != nil {
		rep.header.Set("Allow", strings.Join(known.allow, ", "))
	}
	return rep
}

// retryURL is where to try again after an error: the same page, as long as
// it was one with a realm.
func (p *Pages) retryURL(v *visit, e refusal) string {
	switch {
	case v.again != "":
		return v.again
	case v.realm == nil, e.what == "noJourney":
		return ""
	case strings.HasSuffix(v.URL.Path, logoutPath):
		return p.logoutURL(v)
	}
	return p.loginURL(v)
}

// logFault notes a 503. What the layers below say of one is in their own
// logs; here it is noise, of which an outage makes much.
func (p *Pages) logFault(v *visit, line outcome, err error) {
	if line.status == http.StatusServiceUnavailable {
		p.front.Logger.Debug("a page was answered with 503", "realm", v.realmPath(), "error", err)
	}
}

func (v *visit) realmPath() string {
	if v.realm == nil {
		return ""
	}
	return v.realm.Path
}

// addRetryAfter says after a 503 when to try again.
func addRetryAfter(h http.Header, status int) {
	if status == http.StatusServiceUnavailable {
		h.Set("Retry-After", realm.RetryAfter)
	}
}
