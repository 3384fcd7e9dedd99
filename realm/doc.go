// Package realm is a realm at work: it starts and continues journeys, turns
// finished ones into sessions, ends sessions and judges redirects. What the
// REST API, the login pages and the edge have in common lives here, without
// HTTP bodies and without HTML.
package realm
