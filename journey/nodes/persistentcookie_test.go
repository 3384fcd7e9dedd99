package nodes_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/amgate/amgate/identity"
	"github.com/amgate/amgate/journey"
	"github.com/amgate/amgate/journey/journeytest"
	"github.com/amgate/amgate/journey/nodes"
)

// newNode is a node of a type with AM's defaults, and what change makes of it.
func newNode[N journey.Node](tb testing.TB, name string, change func(N)) N {
	tb.Helper()
	spec, ok := nodes.ByName(name)
	if !ok {
		tb.Fatalf("there is no node %s", name)
	}
	node, ok := spec.New().(N)
	if !ok {
		tb.Fatalf("%s is a %T", name, spec.New())
	}
	if change != nil {
		change(node)
	}
	return node
}

// persistentCookie is the cookie that the node sets for the user demo.
func persistentCookie(tb testing.TB, node journey.Node) *http.Cookie {
	tb.Helper()
	cookies := journeytest.Given(tb, node).WithServices(new(journeytest.Realm).Services()).WithSubject(username).
		Arrive().WantOutcome("outcome").Complete().Action().Cookies()
	if len(cookies) != 1 {
		tb.Fatalf("%d cookies were set", len(cookies))
	}
	return cookies[0]
}

func setCookie(tb testing.TB, change func(*nodes.SetPersistentCookie)) *http.Cookie {
	tb.Helper()
	return persistentCookie(tb, newNode(tb, "set_persistent_cookie", change))
}

// withCookie is a decision whose client has a cookie.
func withCookie(tb testing.TB, value string, change func(*nodes.PersistentCookie)) *journeytest.NodeTest {
	tb.Helper()
	return journeytest.Given(tb, newNode(tb, "persistent_cookie", change)).WithUsers(journeytest.Demo(username, password)).
		WithServices(new(journeytest.Realm).Services()).WithCookie("session-jwt", value)
}

func TestPersistentCookieIsSetAtSuccess(t *testing.T) {
	cookie := setCookie(t, nil)
	if cookie.Name != "session-jwt" || cookie.Path != "/" || !cookie.Secure || !cookie.HttpOnly ||
		cookie.SameSite != http.SameSiteLaxMode || cookie.Domain != "" || cookie.MaxAge < 5*3600-1 || cookie.MaxAge > 5*3600 {
		t.Errorf("%+v", cookie)
	}
	other := setCookie(t, func(n *nodes.SetPersistentCookie) {
		n.Cookie, n.Secure, n.HTTPOnly, n.MaxLife = "remember", false, false, 24
	})
	if other.Name != "remember" || other.Secure || other.HttpOnly || other.MaxAge < 24*3600-1 {
		t.Errorf("%+v", other)
	}
	nobody := journeytest.Given(t, newNode[*nodes.SetPersistentCookie](t, "set_persistent_cookie", nil)).Arrive().Complete()
	if got := nobody.Action().Cookies(); len(got) != 0 {
		t.Errorf("a journey without a user set %v", got)
	}
}

func TestPersistentCookieIdentifiesItsUser(t *testing.T) {
	nt := withCookie(t, setCookie(t, nil).Value, nil).Arrive().WantOutcome("true").WantState("username", username)
	if got := nt.Action().Subject(); got == nil || got.ID != username {
		t.Errorf("identified %+v", got)
	}
}

func TestPersistentCookieThatIsRefused(t *testing.T) {
	key := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("k", 32)))
	for what, nt := range map[string]*journeytest.NodeTest{
		"none":            withCookie(t, "", nil),
		"no sealed text":  withCookie(t, "x.y", nil),
		"another name":    withCookie(t, setCookie(t, func(n *nodes.SetPersistentCookie) { n.Cookie = "other" }).Value, nil),
		"another key":     withCookie(t, setCookie(t, func(n *nodes.SetPersistentCookie) { n.Key = key }).Value, nil),
		"a key is needed": withCookie(t, setCookie(t, nil).Value, func(n *nodes.PersistentCookie) { n.Key = key }),
		"another label":   withCookie(t, setCookie(t, func(n *nodes.SetPersistentCookie) { n.KeyLabel = "a.label" }).Value, nil),
		"another realm":   withCookie(t, setCookie(t, nil).Value, nil).WithRealm("/alpha"),
		"a user who left": withCookie(t, setCookie(t, nil).Value, nil).WithUsers(journeytest.Demo("other", password)),
		"a user switched off": withCookie(t, setCookie(t, nil).Value, nil).
			WithUsers(journeytest.Users{{User: identity.User{ID: username, Username: username}}}),
		"an address that is not known": withCookie(t, setCookie(t, nil).Value, func(n *nodes.PersistentCookie) { n.EnforceClientIP = true }),
	} {
		if got := nt.Arrive().WantOutcome("false").Action().Subject(); got != nil {
			t.Errorf("%s: identified %+v", what, got)
		}
	}
	same := func(n *nodes.PersistentCookie) { n.Key = key }
	withCookie(t, setCookie(t, func(n *nodes.SetPersistentCookie) { n.Key = key }).Value, same).Arrive().WantOutcome("true")
}

func TestPersistentCookieOfAnotherAddress(t *testing.T) {
	set := journeytest.Given(t, newNode[*nodes.SetPersistentCookie](t, "set_persistent_cookie", nil)).
		WithServices(new(journeytest.Realm).Services()).WithSubject(username).WithAddress(netip.MustParseAddr("::ffff:192.0.2.1")).
		Arrive().Complete().Action().Cookies()[0]
	enforce := func(n *nodes.PersistentCookie) { n.EnforceClientIP = true }
	from := func(address string, change func(*nodes.PersistentCookie)) *journeytest.NodeTest {
		return withCookie(t, set.Value, change).WithAddress(netip.MustParseAddr(address)).Arrive()
	}
	from("192.0.2.1", enforce).WantOutcome("true")
	from("192.0.2.2", enforce).WantOutcome("false")
	from("192.0.2.2", nil).WantOutcome("true")
}

// A page of a sibling host may plant a cookie of the same name: that does not
// keep ours from being seen.
func TestPersistentCookieBesidePlantedOnes(t *testing.T) {
	good := setCookie(t, nil).Value
	withCookie(t, "planted", nil).WithCookie("session-jwt", good).Arrive().WantOutcome("true")
	nt := withCookie(t, "planted", nil)
	for i := range 4 {
		nt.WithCookie("session-jwt", fmt.Sprint("planted", i))
	}
	nt.WithCookie("session-jwt", good).Arrive().WantOutcome("false")
}

// staff are people who know how they stand: one stamp for all of them.
type staff struct {
	identity.Store
	stamp string
}

var _ identity.Standing = staff{}

func (s staff) Stamp(string) (string, time.Time)               { return s.stamp, time.Now() }
func (staff) OnChange(func([]string, time.Time)) (stop func()) { return func() {} }

// TestPersistentCookieIsOverWithItsPassword: a cookie signed its thief in, or
// its user, after the password was changed. What does not say which password it
// rests on is refused too, and using a cookie does not give it the new one's
// stamp. SECURITY 16, 33.
func TestPersistentCookieIsOverWithItsPassword(t *testing.T) {
	demo := journeytest.Demo(username, password)
	setAmong := func(users identity.Store) string {
		return journeytest.Given(t, newNode[*nodes.SetPersistentCookie](t, "set_persistent_cookie", nil)).WithUsers(users).
			WithSubject(username).Arrive().Complete().Action().Cookies()[0].Value
	}
	for what, tt := range map[string]struct {
		set, now identity.Store
		want     string
	}{
		"the same password":            {staff{demo, "old"}, staff{demo, "old"}, "true"},
		"another password":             {staff{demo, "old"}, staff{demo, "new"}, "false"},
		"a user who is gone or off":    {staff{demo, "old"}, staff{demo, ""}, "false"},
		"a cookie without a stamp":     {demo, staff{demo, "old"}, "false"},
		"no stamp, of a user without":  {demo, staff{demo, ""}, "false"},
		"people who do not know":       {demo, demo, "true"},
		"people who know no more":      {staff{demo, "old"}, demo, "true"},
		"an account that was shut off": {staff{demo, "old"}, staff{journeytest.Users{{User: identity.User{ID: username}}}, "old"}, "false"},
	} {
		value := setAmong(tt.set)
		nt := withCookie(t, value, nil).WithUsers(tt.now).Arrive().WantOutcome(tt.want)
		if got := nt.Action().Subject() != nil; got != (tt.want == "true") {
			t.Errorf("%s: identified somebody: %t", what, got)
		}
	}

	used := withCookie(t, setAmong(staff{demo, "old"}), nil).WithUsers(staff{demo, "old"}).WithSubject(username).
		Arrive().WantOutcome("true").Complete().Action().Cookies()[0].Value
	withCookie(t, used, nil).WithUsers(staff{demo, "old"}).Arrive().WantOutcome("true")
	withCookie(t, used, nil).WithUsers(staff{demo, "new"}).Arrive().WantOutcome("false")
	changed := withCookie(t, used, nil).WithUsers(staff{demo, "old"}).WithSubject(username).Arrive().WantOutcome("true")
	if got := changed.WithUsers(staff{demo, "new"}).Complete().Action().Cookies(); len(got) != 0 {
		t.Errorf("a password that was changed on the way: set %v", got)
	}
}

func TestPersistentCookieTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cookie := setCookie(t, func(n *nodes.SetPersistentCookie) { n.Idle, n.MaxLife = 2, 5 })
		decide := func(value string) *journeytest.NodeTest {
			return withCookie(t, value, func(n *nodes.PersistentCookie) { n.Idle = 3 }).WithSubject(username).Arrive()
		}
		time.Sleep(2*time.Hour - time.Second)
		again := decide(cookie.Value).WantOutcome("true").Complete().Action().Cookies()
		if len(again) != 1 || again[0].MaxAge != 3*3600+1 {
			t.Fatalf("the cookie was set anew as %+v", again)
		}
		time.Sleep(time.Second)
		decide(cookie.Value).WantOutcome("false") // idle
		decide(again[0].Value).WantOutcome("true")
		time.Sleep(3*time.Hour - 2*time.Second)
		last := decide(again[0].Value).WantOutcome("true").Complete().Action().Cookies()[0]
		time.Sleep(2 * time.Second)
		decide(last.Value).WantOutcome("false") // its life is over, however often it was used
	})
}

func TestPersistentCookieIsNotRefreshedForSomebodyElse(t *testing.T) {
	nt := withCookie(t, setCookie(t, nil).Value, nil).Arrive().WantOutcome("true").WithSubject("other").Complete()
	if got := nt.Action().Cookies(); len(got) != 0 {
		t.Errorf("set %v", got)
	}
}

func TestPersistentCookieDuringAnOutage(t *testing.T) {
	nt := withCookie(t, setCookie(t, nil).Value, nil).WithUsers(broken{identity.ErrUnavailable}).Arrive()
	if err := nt.WantError(); !errors.Is(err, identity.ErrUnavailable) {
		t.Errorf("error %v", err)
	}
}

// SECURITY 5: a cookie that a client could compute let it pass (Zitadel
// CVE-2026-119128). Every bit of ours counts.
func TestEveryBitOfAPersistentCookieCounts(t *testing.T) {
	good := setCookie(t, nil).Value
	withCookie(t, good, nil).Arrive().WantOutcome("true")
	for i := range len(good) * 8 {
		flipped := []byte(good)
		flipped[i/8] ^= 1 << (i % 8)
		if got := withCookie(t, string(flipped), nil).Arrive().WantOutcome("false").Action().Subject(); got != nil {
			t.Fatalf("bit %d: identified %+v", i, got)
		}
	}
}

// SECURITY 5, 12: whatever the cookie is, only what was sealed here identifies
// somebody, and nothing else is decoded.
func FuzzPersistentCookie(f *testing.F) {
	good := setCookie(f, nil).Value
	payload, signature, _ := strings.Cut(good, ".")
	for _, seed := range []string{
		"", ".", good, payload, payload + ".", "." + signature, good + ".", good + "=", strings.ToUpper(good),
		"e30." + signature, "eyJhbGciOiJub25lIn0.e30.", "\x00", "\xff\xfe",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		want := "false"
		if value == good {
			want = "true"
		}
		withCookie(t, value, nil).Arrive().WantOutcome(want)
	})
}
