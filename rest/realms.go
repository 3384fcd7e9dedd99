package rest

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/amgate/amgate/realm"
)

// locate finds the realm and the path of the route that a request names.
//
//	/json/realms/root/realms/alpha/…   each level behind "realms"
//	/json/realms/alpha/…               an alias, or a top-level realm's name
//	/json/alpha/…, /json/a/b/…         legacy: realms as far as they are known
//	/json/…?realm=/alpha, ?realm=name  legacy: the parameter wins
//	/json/…                            the realm of the host name, else the root
//
// and so below /oauth2/
// (am-protocol §1.1; OpenAM's RealmRoutingFactory and RealmContextFilter.) A
// host name that no realm claims is the root realm's: AM would refuse it,
// but AM is told all its names.
func (a *API) locate(c *call) error {
	if err := checkSize(c.Request); err != nil {
		return err
	}
	var err error
	if c.query, err = parseQuery(c.URL.RawQuery); err != nil {
		return err
	}
	raw, ok := strings.CutPrefix(c.URL.EscapedPath(), a.front.Base+"/")
	if !ok {
		return unknownResource(nil)
	}
	c.tree, raw, _ = strings.Cut(raw, "/")
	if c.tree != treeJSON && c.tree != treeOAuth2 {
		return unknownResource(nil)
	}
	segments, ok := splitPath(raw)
	if !ok {
		return unknownResource(nil)
	}
	// Health belongs to the node, whatever realm the request would be for.
	if c.tree == treeJSON && len(segments) > 0 && segments[0] == "health" {
		c.realm, _ = a.front.Realms.Realm("/")
	} else if c.realm, segments, err = findRealm(a.front.Realms, c.tree, segments, c.query.Get("realm"), c.Host); err != nil {
		return err
	}
	for i := range routes {
		if param, ok := routes[i].match(segments); ok && routes[i].tree == c.tree {
			c.path, c.param = routes[i].path, param
			return nil
		}
	}
	return unknownResource(segments)
}

// splitPath takes an escaped path apart. Empty segments are dropped (an
// Android sample yields realms//alpha). The reply is false for a path that
// another parser could read differently: dots, slashes in disguise, control
// characters, broken escapes.
func splitPath(escaped string) (segments []string, ok bool) {
	for part := range strings.SplitSeq(escaped, "/") {
		segment, err := url.PathUnescape(part)
		switch {
		case err != nil, segment == ".", segment == "..", strings.ContainsFunc(segment, isUnfit):
			return nil, false
		case segment != "":
			segments = append(segments, segment)
		}
	}
	return segments, true
}

// isUnfit finds what has no place in one segment of a path.
func isUnfit(c rune) bool { return c < ' ' || c == '/' || c == '\\' || c == 0x7f || c == '\uFFFD' }

// findRealm finds the realm that a request means, and what of its path is
// left for the route. parameter is the query's realm, host the header Host.
func findRealm(set *realm.Set, tree string, segments []string, parameter, host string) (*realm.Realm, []string, error) {
	if len(segments) >= 2 && segments[0] == "realms" {
		return walkRealms(set, segments[1:])
	}
	found, ok := set.Named(parameter, host)
	if !ok {
		return nil, nil, refuse(http.StatusBadRequest, "Invalid realm, "+printable(parameter))
	}
	path := "/"
	for len(segments) > 0 && !isEntry(tree, segments[0]) {
		next, ok := child(set, path, segments[0])
		if !ok {
			next, ok = set.ByAlias(segments[0])
		}
		if !ok {
			break
		}
		path, segments = next.Path, segments[1:]
		if parameter == "" {
			found = next
		}
	}
	return found, segments, nil
}

// walkRealms follows root/realms/a/realms/b, or name/realms/b.
func walkRealms(set *realm.Set, segments []string) (*realm.Realm, []string, error) {
	first := segments[0]
	found, ok := set.Realm("/")
	if first != "root" {
		found, ok = set.ByAlias(first)
	}
	if !ok {
		return nil, nil, unknownRealm(first)
	}
	segments = segments[1:]
	for len(segments) >= 2 && segments[0] == "realms" {
		name := segments[1]
		if found, ok = child(set, found.Path, name); !ok {
			return nil, nil, unknownRealm(name)
		}
		segments = segments[2:]
	}
	return found, segments, nil
}

// child finds the realm of a name directly below parent.
func child(set *realm.Set, parent, name string) (*realm.Realm, bool) {
	return set.Realm(strings.TrimSuffix(parent, "/") + "/" + name)
}

func unknownRealm(name string) error {
	return refuse(http.StatusNotFound, `Realm "`+printable(name)+`" not found`)
}

func unknownResource(segments []string) error {
	return refuse(http.StatusNotFound, "Resource '"+printable(strings.Join(segments, "/"))+"' not found")
}
