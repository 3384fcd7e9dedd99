package gateway

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/amgate/amgate/realm"
)

// headerProperty begins the names of the headers by which an app is told
// session properties.
const headerProperty = "X-Am-Property-"

// maxPropertyHeaders bounds the property headers of a request, names and
// values, bytes. A session has room for more than many an app takes in the
// head of a request, and its user may be who filled it.
const maxPropertyHeaders = 4 << 10

// told is a session property that an app is told, and the header for it.
type told struct{ property, header string }

// toldOf are the headers for properties. What is no letter or digit of a
// property's name is a hyphen in its header's, which no server on the way
// drops or folds.
func toldOf(properties []string) []told {
	all := make([]told, len(properties))
	for i, name := range properties {
		plain := strings.Map(func(c rune) rune {
			if isAlphanumericRune(c) {
				return c
			}
			return '-'
		}, name)
		all[i] = told{name, http.CanonicalHeaderKey(headerProperty + plain)}
	}
	return all
}

// checkProperties tells what is wrong with a list of properties: a name that
// no session property has, or two that an app could not tell apart.
func checkProperties(properties []string) error {
	seen := make(map[string]string)
	for _, name := range properties {
		if err := realm.CheckPropertyName(name); err != nil {
			return err
		}
		folded := strings.Map(func(c rune) rune {
			if isAlphanumericRune(c) {
				return c
			}
			return -1
		}, strings.ToLower(name))
		if folded == "" {
			return fmt.Errorf("the session property %q has no letter or digit to name a header by", name)
		}
		if other, taken := seen[folded]; taken {
			return fmt.Errorf("the session properties %q and %q would have the same header", other, name)
		}
		seen[folded] = name
	}
	return nil
}

// property is the value of a session property that the app may be told, and
// whether it is one of those.
func (i Identity) property(name string) (value string, ok bool) {
	for _, t := range i.told {
		if t.property == name {
			value, _ = realm.Property(i.Session, name)
			return value, true
		}
	}
	return "", false
}

// setProperties sets the headers of the session's properties, those with a
// value, as far as there is room for them: half a value would be another one.
func (g *Gateway) setProperties(h http.Header, id Identity) {
	room := maxPropertyHeaders
	for _, t := range id.told {
		value, _ := realm.Property(id.Session, t.property)
		if value == "" {
			continue
		}
		encoded := headerValue(value)
		size := len(t.header) + len(encoded)
		if size > room {
			g.front.Logger.Debug("a session property is too long for a header", "property", t.property, "bytes", len(encoded), "handle", id.Handle())
			continue
		}
		room -= size
		h[t.header] = []string{encoded}
	}
}
