package rest

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/amgate/amgate/journey"
	"github.com/amgate/amgate/journey/callback"
	"github.com/amgate/amgate/realm"
	"github.com/amgate/amgate/session"
	"github.com/amgate/amgate/store"
)

// refusal is an error that says what the client gets to see.
type refusal struct {
	status  int
	message string
	// allow is the header Allow of a 405.
	allow string
}

func (e *refusal) Error() string { return fmt.Sprintf("refused with %d: %s", e.status, e.message) }

func refuse(status int, message string) error { return &refusal{status: status, message: message} }

func notAllowed(allow string) error {
	return &refusal{status: http.StatusMethodNotAllowed, message: "Method Not Allowed", allow: allow}
}

type line struct {
	err     error
	status  int
	message string
}

// table is how the errors of the layers below look to a client, in AM's
// words where AM has some. Nothing of an error's own text is shown: it may
// name nodes, keys or hosts. Faults are not in it: see realm.IsFault.
var table = []line{
	{realm.ErrNoConfiguration, http.StatusBadRequest, "No Configuration found"},
	{realm.ErrIndexType, http.StatusBadRequest, "Unknown Authentication Index Type"},
	{journey.ErrSignature, http.StatusBadRequest, "AuthId JWT Signature not valid"},
	{journey.ErrMalformed, http.StatusBadRequest, "Failed to parse JWT, the authId is not one"},
	{journey.ErrTooLarge, http.StatusRequestEntityTooLarge, "The answers are too large for this journey"},
	{journey.ErrNotSuspended, http.StatusUnauthorized, suspendedUnknown},
	{realm.ErrAdvice, http.StatusBadRequest, "Invalid composite advice"},
	{realm.ErrUpgradeToken, http.StatusBadRequest, "Invalid session upgrade token"},
	{callback.ErrAnswer, http.StatusBadRequest, "Required callback not found in JSON response"},
	{realm.ErrProperty, http.StatusForbidden, "Forbidden"},
	{session.ErrTooLarge, http.StatusRequestEntityTooLarge, "The session has no room for these properties"},
	{session.ErrInvalid, http.StatusUnauthorized, "Access Denied"},
	{session.ErrEnded, http.StatusUnauthorized, "Access Denied"},
	{session.ErrCarried, http.StatusNotImplemented, "Client-side sessions cannot be changed"},
}

// suspendedUnknown is what AM says of a link that resumes nothing. The
// native SDKs look for the class name, and for it in a failure without
// detail (am-protocol §1.8).
const suspendedUnknown = "org.forgerock.openam.auth.nodes.framework.token.SuspendedAuthSessionException: " +
	"Token not found. It may have expired."

// What clients see of a fault, see realm.IsFault.
const (
	unavailable = "The service is busy or not available at the moment. Try again"
	// tooManyReads stands for store.ErrBusy.
	tooManyReads = "Too many requests wait for the store at the moment. Try again"
)

func faultMessage(err error) string {
	if errors.Is(err, store.ErrBusy) {
		return tooManyReads
	}
	return unavailable
}

// refuse turns an error into the reply for it. An error that nobody
// foresaw is a 500; its text is in the log only, under an id that the client
// can tell the people who read the log.
func (a *API) refuse(c *call, err error) reply {
	var (
		status  = http.StatusInternalServerError
		message string
		header  http.Header
	)
	if known, ok := errors.AsType[*refusal](err); ok {
		status, message = known.status, known.message
		if known.allow != "" {
			header = http.Header{"Allow": {known.allow}}
		}
	} else if realm.IsFault(err) {
		status, message = http.StatusServiceUnavailable, faultMessage(err)
	} else if line := lineOf(err); line >= 0 {
		status, message = table[line].status, table[line].message
	} else {
		id := rand.Text()[:8]
		message = "Internal error " + id
		a.front.Logger.Error("a request failed", "id", id, "route", c.route.name(), "realm", realmPath(c), "error", err)
	}
	if status == http.StatusServiceUnavailable {
		header = retryAfter()
		a.front.Logger.Debug("a request was answered with 503", "route", c.route.name(), "realm", realmPath(c), "error", err)
	}
	return reply{status: status, header: header, body: failureBody(c, status, message, nil)}
}

// lineOf is the index of the table's line for an error, or -1.
func lineOf(err error) int {
	return slices.IndexFunc(table, func(l line) bool { return errors.Is(err, l.err) })
}

// crestError is how AM reports a failure.
type crestError struct {
	Code    int            `json:"code"`
	Reason  string         `json:"reason"`
	Message string         `json:"message"`
	Detail  *failureDetail `json:"detail,omitempty"`
}

// failureDetail goes with a failed journey. FailureURL may be empty, or nil
// for no such member. ErrorCode is text: the login widget compares it with
// "110".
type failureDetail struct {
	FailureURL *string `json:"failureUrl,omitempty"`
	ErrorCode  string  `json:"errorCode,omitempty"`
	// more are members that the journey adds.
	more map[string]any
}

// MarshalJSON implements json.Marshaler.
func (d *failureDetail) MarshalJSON() ([]byte, error) {
	type plain failureDetail
	return encode(detailed((*plain)(d), d.more, "failureUrl", "errorCode"))
}

// oldError is how authenticate reported a failure in resource version 1.
type oldError struct {
	ErrorMessage string `json:"errorMessage"`
	FailureURL   string `json:"failureUrl,omitempty"`
}

// failureBody is a failure in the form that the request's version has. A nil
// detail is left out.
func failureBody(c *call, status int, message string, detail *failureDetail) any {
	if c.route != nil && c.route.kind == kindAuthenticate && c.version.atMost(1) {
		old := oldError{ErrorMessage: message}
		if detail != nil && detail.FailureURL != nil {
			old.FailureURL = *detail.FailureURL
		}
		return old
	}
	return crestError{Code: status, Reason: reason(status), Message: message, Detail: detail}
}

// reason is the status in AM's words.
func reason(status int) string {
	switch status {
	case http.StatusRequestEntityTooLarge:
		return "Request Entity Too Large"
	case http.StatusRequestURITooLong:
		return "Request-URI Too Long"
	}
	return http.StatusText(status)
}

func realmPath(c *call) string {
	if c.realm == nil {
		return ""
	}
	return c.realm.Path
}
