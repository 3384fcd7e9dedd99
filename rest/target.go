package rest

import (
	"net/http"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/amgate/amgate/realm"
	"github.com/amgate/amgate/session"
)

// target is the session that a request is about.
type target struct {
	// tokens are tried in turn; more than one only if they are cookies.
	tokens []string
	// byCookie says that a browser may have sent them by itself.
	byCookie bool
}

// findTarget takes the token that a request is about from the first of these
// places that has one: the body, the query, the path, and where callers present
// their own (am-protocol §4.2). The realm in the path has no say in it: clients
// ask through the root's about sessions of all realms.
func findTarget(c *call) (target, error) {
	inBody, err := take[string](c.body, "tokenId")
	if err != nil {
		return target{}, err
	}
	inQuery, err := c.single("tokenId")
	if err != nil {
		return target{}, err
	}
	for _, token := range []string{inBody, inQuery, c.pathToken()} {
		if token != "" {
			return target{tokens: []string{token}}, nil
		}
	}
	t := ownTarget(c)
	if len(t.tokens) == 0 && c.version.atMost(1) {
		return target{}, refuse(http.StatusBadRequest, "iPlanetDirectoryCookie not set on request")
	}
	return t, nil
}

// ownTarget is the token that the caller presents as its own: in the header
// named like the cookie, as a Bearer token, in the cookie.
func ownTarget(c *call) target {
	if token := c.Header.Get(c.realm.Cookie.Name); token != "" {
		return target{tokens: []string{token}}
	}
	for _, authorization := range c.Header.Values("Authorization") {
		if token, ok := realm.BearerToken(authorization); ok {
			return target{tokens: []string{token}}
		}
	}
	tokens := c.realm.Cookie.Tokens(c.Header)
	return target{tokens: tokens, byCookie: len(tokens) > 0}
}

// session is the live session that the request is about, or whose user the
// caller is.
func (a *API) session(c *call, use session.Use) (session.Session, error) {
	return a.front.Realms.Session(c.Context(), c.target.tokens, use)
}

// sent is the members of a JSON object that a client sent.
type sent map[string]jsontext.Value

// take removes a member and returns its value, or the zero value of T if there
// is none.
func take[T any](o sent, name string) (value T, err error) {
	raw, ok := o[name]
	if !ok {
		return value, nil
	}
	delete(o, name)
	if jsonv2.Unmarshal(raw, &value, tolerant) != nil {
		return value, errNotJSON
	}
	return value, nil
}

// texts are the members if all are texts.
func (o sent) texts() (map[string]string, error) {
	texts := make(map[string]string, len(o))
	for name, raw := range o {
		var text *string
		if jsonv2.Unmarshal(raw, &text, tolerant) != nil || text == nil {
			return nil, refuse(http.StatusBadRequest, "The value of "+printable(name)+" must be a string")
		}
		texts[name] = *text
	}
	return texts, nil
}
