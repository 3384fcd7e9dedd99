package caddymodule

import (
	"fmt"
	"strconv"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/amgate/amgate/realm"
	"github.com/amgate/amgate/session"
)

// quotaActions are our words for what happens when a quota is exhausted, and
// AM's.
var quotaActions = map[string]session.QuotaAction{
	"": session.DestroyNextExpiring, // AM's default

	"deny":                  session.DenyAccess,
	"destroy_next_expiring": session.DestroyNextExpiring,
	"destroy_oldest":        session.DestroyOldest,
	"destroy_all":           session.DestroyAll,

	"DENY_ACCESS":            session.DenyAccess,
	"DESTROY_NEXT_EXPIRING":  session.DestroyNextExpiring,
	"DESTROY_OLDEST_SESSION": session.DestroyOldest,
	"DESTROY_OLD_SESSIONS":   session.DestroyAll,
}

// quota is the setting; of nil, none.
func (q *SessionQuota) quota() (realm.Quota, error) {
	if q == nil {
		return realm.Quota{}, nil
	}
	action, ok := quotaActions[q.Action]
	if !ok {
		return realm.Quota{}, fmt.Errorf("session_quota: there is no action %q; use deny, destroy_next_expiring, destroy_oldest or destroy_all", q.Action)
	}
	if q.Max < 1 {
		return realm.Quota{}, fmt.Errorf("session_quota: %d sessions; a user must be allowed at least one", q.Max)
	}
	return realm.Quota{Quota: session.Quota{Max: q.Max, Action: action}, Source: q.Source}, nil
}

// parseSessionQuota takes how many sessions a user may have. Syntax:
//
//	session_quota <count> [deny|destroy_next_expiring|destroy_oldest|destroy_all]
func parseSessionQuota(d *caddyfile.Dispenser, r *Realm) error {
	q := &SessionQuota{Source: source(d)}
	if !d.NextArg() {
		return d.ArgErr()
	}
	var err error
	if q.Max, err = strconv.Atoi(d.Val()); err != nil {
		return d.Errf("session_quota: %q is not a number of sessions; write for example: session_quota 5 destroy_oldest", d.Val())
	}
	if d.NextArg() {
		q.Action = d.Val()
	}
	if d.NextArg() {
		return d.ArgErr()
	}
	if _, err := q.quota(); err != nil {
		return d.WrapErr(err)
	}
	r.SessionQuota = q
	return nil
}
