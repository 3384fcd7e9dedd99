package gateway

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/amgate/amgate/store"
)

// statusClientGone is what access logs show for a client that hung up before
// it could be answered. It never reaches anybody.
const statusClientGone = 499

// maxRetryAfter bounds, in seconds, when a client that met an outage is asked
// to come again. The values are spread, so that not all come at once.
const maxRetryAfter = 5

// The bodies of refusals, in AM's form of errors.
const (
	bodyUnauthorized = `{"code":401,"reason":"Unauthorized","message":"Authentication is required"}`
	bodyUnavailable  = `{"code":503,"reason":"Service Unavailable","message":"The session cannot be checked at the moment"}`
	bodyBusy         = `{"code":503,"reason":"Service Unavailable","message":"Too many sessions are being checked at the moment"}`
	pageUnavailable  = `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Please try again in a moment</title>
</head>
<body>
<h1>Please try again in a moment</h1>
<p>Your sign-in cannot be checked right now. Nothing is lost and you have not been signed out: reload this page in a few seconds.</p>
</body>
</html>
`
)

// Refuse answers a request that Check refused. This is the one table from
// errors to replies:
//
//	ErrUnauthenticated, page opened in a browser    302 to the login page, with goto
//	ErrUnauthenticated, anything else               401, JSON
//	any error after the client hung up              499, which nobody sees
//	store.ErrBusy, for what is no page              503 with Retry-After, that says so
//	store.ErrUnavailable and every other error      503 with Retry-After
//
// Only the first two say anything about the session. An outage is never a
// logout, and no reply of this table touches a cookie.
//
// The 401 carries a Bearer challenge, because RFC 9110 §15.5.2 demands one;
// it is not one for which a browser opens a window of its own.
//
// r.URL must be the one that the client asked for, because the login leads
// back to it: after a rewrite an adapter passes a copy of the request with the
// original URL.
func (g *Gateway) Refuse(w http.ResponseWriter, r *http.Request, err error) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Add("Vary", g.vary)
	switch {
	case !errors.Is(err, ErrUnauthenticated), errors.Is(err, store.ErrUnavailable):
		g.refuseUndecided(w, r, err)
	case isNavigation(r):
		h.Set("Location", g.login.location(g.target(r)))
		w.WriteHeader(http.StatusFound)
	default:
		h.Set("WWW-Authenticate", g.challenge)
		write(w, http.StatusUnauthorized, jsonType, bodyUnauthorized)
	}
}

const (
	jsonType = "application/json;charset=UTF-8" // as AM spells it
	htmlType = "text/html; charset=utf-8"
)

func (g *Gateway) refuseUndecided(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(r.Context().Err(), context.Canceled) {
		w.WriteHeader(statusClientGone)
		return
	}
	n := g.turnedAway.Add(1)
	g.complain(err, n)
	w.Header().Set("Retry-After", strconv.FormatUint(1+n%maxRetryAfter, 10))
	if isNavigation(r) {
		w.Header().Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		write(w, http.StatusServiceUnavailable, htmlType, pageUnavailable)
		return
	}
	body := bodyUnavailable
	if errors.Is(err, store.ErrBusy) {
		body = bodyBusy
	}
	write(w, http.StatusServiceUnavailable, jsonType, body)
}

// complain logs an outage, at most once a second: each request of an outage
// would say the same. Anything but an outage is a mistake of ours.
func (g *Gateway) complain(err error, turnedAway uint64) {
	now, last := time.Now().Unix(), g.complained.Load()
	if now == last || !g.complained.CompareAndSwap(last, now) {
		return
	}
	report := g.front.Logger.Warn
	if !errors.Is(err, store.ErrUnavailable) {
		report = g.front.Logger.Error
	}
	report("sessions cannot be checked; requests are answered with 503", "error", err, "turned_away", turnedAway)
}

func write(w http.ResponseWriter, status int, contentType, body string) {
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(body)) // a client that is gone cannot be told so
}
