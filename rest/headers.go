package rest

import (
	"net/http"

	"github.com/amgate/amgate/realm"
)

// The versions that are answered when none was asked for: AM's latest ones.
var (
	authenticateVersion = version{2, 1}
	sessionsVersion     = version{5, 1}
	usersVersion        = version{4, 1}
	serverInfoVersion   = version{2, 0}
)

// setHeaders sets what all replies of a kind have, errors too, as recorded
// of real AM servers.
func (a *API) setHeaders(h http.Header, c *call, hasBody bool) {
	k := kindCREST
	if c.route != nil {
		k = c.route.kind
	}
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Expires", "0")
	h.Set("Pragma", "no-cache")
	switch k {
	case kindServerInfo, kindHealth, kindDiscovery:
		h.Set("Cache-Control", "no-store")
	default:
		h.Set("Cache-Control", "private")
	}
	if k == kindHealth {
		return
	}
	h.Set("X-Frame-Options", "SAMEORIGIN")
	if hasBody {
		h.Set("Content-Type", contentType(k))
	}
	if c.route != nil && k != kindDiscovery {
		h.Set("Content-API-Version", answeredVersion(k, c.version).String())
	}
	if k != kindAuthenticate {
		h.Set("Content-Security-Policy", "default-src 'none';frame-ancestors 'none';sandbox")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
	}
	setCORS(h, c)
}

// contentType: authenticate is the one resource without a charset.
func contentType(k kind) string {
	if k == kindAuthenticate {
		return "application/json"
	}
	return "application/json;charset=UTF-8"
}

// answeredVersion repeats what was asked. Authenticate alone answers 2.1 to
// everything but 1.x, whose failures have another form.
func answeredVersion(k kind, asked version) version {
	switch k {
	case kindAuthenticate:
		if asked.atMost(1) {
			return asked
		}
		return authenticateVersion
	case kindServerInfo:
		return asked.or(serverInfoVersion)
	case kindUsers:
		return asked.or(usersVersion)
	}
	return asked.or(sessionsVersion)
}

// retryAfter says when to try again after a 503, in seconds.
func retryAfter() http.Header { return http.Header{"Retry-After": {realm.RetryAfter}} }
