package rest

import (
	"cmp"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/amgate/amgate/identity/queryfilter"
	"github.com/amgate/amgate/realm"
	"github.com/amgate/amgate/session"
)

// listBody is the reply of a query (Common REST, "Query").
type listBody struct {
	Result      []any   `json:"result"`
	ResultCount int     `json:"resultCount"`
	Cookie      *string `json:"pagedResultsCookie"`
	TotalPolicy string  `json:"totalPagedResultsPolicy"`
	Total       int     `json:"totalPagedResults"`
	Remaining   int     `json:"remainingPagedResults"`
}

// listedBody is one session of a list.
type listedBody struct {
	Username         string `json:"username"`
	UniversalID      string `json:"universalId"`
	Realm            string `json:"realm"`
	SessionHandle    string `json:"sessionHandle"`
	LatestAccess     string `json:"latestAccessTime"`
	MaxIdleExpires   string `json:"maxIdleExpirationTime"`
	MaxSessionExpire string `json:"maxSessionExpirationTime"`
}

// querySessions lists the sessions of a user, for that user and for
// administrators. It gives handles, which open nothing.
func (a *API) querySessions(_ http.ResponseWriter, c *call) (reply, error) {
	name, r, err := a.wanted(c)
	if err != nil {
		return reply{}, err
	}
	want, err := selectionOf(c)
	if err != nil {
		return reply{}, err
	}
	caller, err := a.callerFor(c, r, name)
	if err != nil {
		return reply{}, err
	}
	id, err := idOf(c, caller, r, name)
	if err != nil {
		return reply{}, err
	}
	list, err := want.list(func(page session.Page) ([]session.Listed, string, error) {
		return r.Sessions(c.Context(), id, page)
	})
	switch {
	case errors.Is(err, session.ErrInvalid):
		return reply{}, refuse(http.StatusBadRequest, "The _pagedResultsCookie is not one of this query")
	case err != nil:
		return reply{}, err
	}
	return ok(list), nil
}

// wanted are the user and the realm whose sessions a query asks for: the realm
// of the path if it names none. Who may not ask about a realm is not told
// whether there is one.
func (a *API) wanted(c *call) (name string, r *realm.Realm, err error) {
	text, err := c.single("_queryFilter")
	if err != nil {
		return "", nil, err
	}
	filter, err := queryfilter.Parse(text)
	if err != nil {
		return "", nil, refuse(http.StatusBadRequest, "The _queryFilter cannot be read: "+printable(err.Error()))
	}
	fields, ok := filter.Equalities()
	for field := range fields {
		ok = ok && (field == "username" || field == "realm")
	}
	if name = fields["username"]; !ok || name == "" {
		return "", nil, refuse(http.StatusBadRequest, `The _queryFilter must have the form: username eq "bjensen" and realm eq "/alpha"`)
	}
	path, named := fields["realm"]
	if !named {
		return name, c.realm, nil
	}
	if r, ok = a.front.Realms.Named(path, ""); !ok {
		return "", nil, errForbidden
	}
	return name, r, nil
}

// selection is which of the sessions that a query finds are wanted, and in
// what order.
//
// The store pages through a user's sessions in an order of its own, for the
// pagedResultsCookie. To sort them, or to leave some out by number, takes all
// of them: then, as always in AM, no more than session.MaxListed are looked at.
type selection struct {
	after string
	size  int // 0: as many as a page may have
	// sort and offset need all sessions.
	sort   []sortKey
	offset int
	// count is whether it is to be told how many there are.
	count bool
}

// sortKey is a member of listedBody to sort by.
type sortKey struct {
	of        func(listedBody) string
	backwards bool
}

// sortable are the members of a listed session. The times sort as texts.
var sortable = map[string]func(listedBody) string{
	"username":                 func(s listedBody) string { return s.Username },
	"universalId":              func(s listedBody) string { return s.UniversalID },
	"realm":                    func(s listedBody) string { return s.Realm },
	"sessionHandle":            func(s listedBody) string { return s.SessionHandle },
	"latestAccessTime":         func(s listedBody) string { return s.LatestAccess },
	"maxIdleExpirationTime":    func(s listedBody) string { return s.MaxIdleExpires },
	"maxSessionExpirationTime": func(s listedBody) string { return s.MaxSessionExpire },
}

// selectionOf reads the parameters of a query.
func selectionOf(c *call) (want selection, err error) {
	if want.after, err = c.single("_pagedResultsCookie"); err != nil {
		return want, err
	}
	if want.size, err = c.number("_pageSize"); err != nil {
		return want, err
	}
	if want.offset, err = c.number("_pagedResultsOffset"); err != nil {
		return want, err
	}
	if want.sort, err = parseSortKeys(c.query["_sortKeys"]); err != nil {
		return want, err
	}
	if want.after != "" && want.needsAll() {
		return want, refuse(http.StatusBadRequest, "_pagedResultsCookie goes neither with _pagedResultsOffset nor with _sortKeys")
	}
	policy, err := c.single("_totalPagedResultsPolicy")
	switch strings.ToUpper(policy) {
	case "", "NONE":
	case "ESTIMATE", "EXACT":
		want.count = true
	default:
		err = refuse(http.StatusBadRequest, "The _totalPagedResultsPolicy must be NONE, ESTIMATE or EXACT")
	}
	return want, err
}

// parseSortKeys reads _sortKeys: names with a comma between them, each with a
// minus in front to sort backwards, or a plus.
func parseSortKeys(values []string) (keys []sortKey, err error) {
	for _, value := range values {
		for name := range strings.SplitSeq(value, ",") {
			rest, backwards := strings.CutPrefix(name, "-")
			// A plus that was not escaped is a space by now.
			of, ok := sortable[strings.TrimLeft(rest, "+ /")]
			if !ok || len(keys) == len(sortable) {
				return nil, refuse(http.StatusBadRequest, "The value '"+printable(value)+"' for parameter '_sortKeys' is no list of members of a session")
			}
			keys = append(keys, sortKey{of, backwards})
		}
	}
	return keys, nil
}

func (want selection) needsAll() bool { return want.sort != nil || want.offset > 0 }

// list makes the reply of the sessions that read returns, a page at a time.
func (want selection) list(read func(session.Page) ([]session.Listed, string, error)) (listBody, error) {
	page := session.Page{After: want.after, Limit: want.size}
	if want.needsAll() {
		page.Limit = 0
	}
	found, next, err := read(page)
	if err != nil {
		return listBody{}, err
	}
	results := want.cut(found)
	list := listBody{Result: results, ResultCount: len(results), TotalPolicy: "NONE", Total: -1, Remaining: -1}
	switch {
	case !want.needsAll() && next != "":
		list.Cookie = &next
	case want.needsAll() && next == "":
		list.Remaining = max(len(found)-want.offset-len(results), 0)
	}
	if !want.count {
		return list, nil
	}
	if want.after != "" || next != "" {
		if found, next, err = read(session.Page{}); err != nil {
			return listBody{}, err
		}
	}
	if next == "" {
		list.TotalPolicy, list.Total = "EXACT", len(found)
	}
	return list, nil
}

// cut is the results of the sessions that were found, in the order and of the
// number that is wanted.
func (want selection) cut(found []session.Listed) []any {
	results := make([]listedBody, len(found))
	for i, s := range found {
		results[i] = listedBody{
			Username: s.Username(), UniversalID: s.UniversalID(), Realm: s.Realm(), SessionHandle: s.Handle(),
			LatestAccess:   s.Accessed.UTC().Format("2006-01-02T15:04:05.000Z"),
			MaxIdleExpires: timestamp(s.Accessed.Add(s.IdleTime())), MaxSessionExpire: timestamp(s.MaxExpires()),
		}
	}
	slices.SortStableFunc(results, func(a, b listedBody) int {
		for _, key := range want.sort {
			if order := cmp.Compare(key.of(a), key.of(b)); order != 0 {
				if key.backwards {
					return -order
				}
				return order
			}
		}
		return 0
	})
	results = results[min(want.offset, len(results)):]
	if want.size > 0 {
		results = results[:min(want.size, len(results))]
	}
	cut := make([]any, len(results))
	for i, s := range results {
		cut[i] = s
	}
	return cut
}
