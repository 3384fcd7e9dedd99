package nodes_test

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/amgate/amgate/identity"
	"github.com/amgate/amgate/journey"
	"github.com/amgate/amgate/journey/journeytest"
	"github.com/amgate/amgate/journey/nodes"
	"github.com/amgate/amgate/store"
)

// attributes is the state of a journey that collected these.
func attributes(of map[string]any) (key string, value any) { return journey.KeyObjectAttributes, of }

// refusing are people whose names are locked out.
type refusing struct {
	journeytest.Users
	with error
}

func (r refusing) Authenticate(context.Context, string, string) (*identity.User, error) {
	return nil, r.with
}

// away are people who cannot be asked, whichever way.
type away struct{ broken }

func (a away) ByAttribute(context.Context, string, string, int) ([]*identity.User, error) {
	return nil, a.err
}

func TestDecisionsAboutCredentials(t *testing.T) {
	active, inactive := demo(), demo()
	inactive[0].Active = false
	for _, name := range []string{"data_store", "identity_store", "ldap", "agent_data_store"} {
		t.Run(name, func(t *testing.T) {
			yes, no, locked, off, subject := "TRUE", "FALSE", "LOCKED", "LOCKED", username
			if strings.HasSuffix(name, "data_store") {
				yes, no, locked, off = "true", "false", "false", "true" // the journey's end tells who is off
			}
			if name == "agent_data_store" {
				subject = "agent:" + username
			}
			given := func(people identity.Store, who, word any) *journeytest.NodeTest {
				services := new(journeytest.Realm).Services()
				services.Agents = people
				nt := journeytest.Given(t, byDefault(name)).WithUsers(people).WithServices(services)
				if who != nil {
					nt.WithShared("username", who)
				}
				if word != nil {
					nt.WithTransient("password", word)
				}
				return nt.Arrive()
			}
			nt := given(active, "DEMO", password).WantOutcome(yes).WantState("lockoutMessage", nil)
			if got := nt.Action().Subject(); got.ID != subject || got.Username != subject {
				t.Errorf("identified %+v", got)
			}
			for _, wrong := range [][2]any{{"demo", "wrong"}, {"demo", ""}, {"", password}, {"nobody", password}, {"demo", 1}} {
				nt := given(active, wrong[0], wrong[1]).WantOutcome(no).WantState("lockoutMessage", nil)
				if got := nt.Action().Subject(); got != nil {
					t.Errorf("%v: identified %+v", wrong, got)
				}
			}
			nt = given(refusing{active, identity.ErrLocked}, "demo", password).WantOutcome(locked).WantState("lockoutMessage", "User Locked Out.")
			if nt.Action().Subject() != nil {
				t.Error("a name that is locked out identifies somebody")
			}
			given(inactive, "demo", password).WantOutcome(off)
			for _, missing := range [][2]any{{nil, password}, {"demo", nil}, {nil, nil}} {
				if err := given(active, missing[0], missing[1]).WantError(); !strings.Contains(err.Error(), "collect both before") {
					t.Errorf("%v: %v", missing, err)
				}
			}
			for _, fault := range []error{identity.ErrBusy, identity.ErrUnavailable} {
				if err := given(broken{fault}, "demo", password).WantError(); !errors.Is(err, fault) || !journey.IsFault(err) {
					t.Errorf("error %v; want %v", err, fault)
				}
			}
		})
	}
}

// What a client is told at the end belongs to the name that was checked last.
func TestLockoutMessageIsOfTheLastCheck(t *testing.T) {
	nt := journeytest.Given(t, &nodes.DataStore{}).WithShared("username", "demo").WithTransient("password", "wrong").
		WithUsers(refusing{demo(), identity.ErrLocked}).Arrive().WantOutcome("false").WantState("lockoutMessage", "User Locked Out.")
	nt.WithUsers(demo()).Arrive().WantOutcome("false").WantState("lockoutMessage", nil)
}

func TestAgentsAreNoPeople(t *testing.T) {
	services := new(journeytest.Realm).Services()
	agents := journeytest.Demo("demo", password)
	agents[0].Roles = []string{"admin"}
	services.Agents = agents
	nt := journeytest.Given(t, &nodes.AgentDataStore{}).WithServices(services).WithUsers(demo()).
		WithShared("username", "demo").WithTransient("password", password).Arrive().WantOutcome("true")
	got := nt.Action().Subject()
	if _, err := demo().ByID(t.Context(), got.ID); !errors.Is(err, identity.ErrNotFound) || len(got.Roles) > 0 {
		t.Errorf("the agent is %+v", got)
	}
	services.Agents = nil
	if err := services.Check((&nodes.AgentDataStore{}).Needs()[0]); err == nil {
		t.Error("no agents are needed")
	}
}

func TestAccountActive(t *testing.T) {
	off := demo()
	off[0].Active = false
	given := func(users identity.Store) *journeytest.NodeTest {
		return journeytest.Given(t, &nodes.AccountActive{}).WithUsers(users)
	}
	given(demo()).WithShared("username", "Demo").Arrive().WantOutcome("true")
	given(off).WithShared("username", "Demo").Arrive().WantOutcome("false")
	given(off).WithSubject(username).WithShared("username", "somebody else").Arrive().WantOutcome("false")
	// Who is nobody looks like most people.
	given(off).WithShared("username", "nobody").Arrive().WantOutcome("true")
	wantNobody(t, given(off))
	wantFault(t, given(away{broken{identity.ErrUnavailable}}).WithShared("username", "demo"))
}

// wantNobody fails the test unless the node says that the journey is wrong.
func wantNobody(t *testing.T, nt *journeytest.NodeTest) {
	t.Helper()
	if err := nt.Arrive().WantError(); !strings.Contains(err.Error(), "does not say whom this is about") {
		t.Error(err)
	}
}

// wantFault fails the test unless an outage is told as one.
func wantFault(t *testing.T, nt *journeytest.NodeTest) {
	t.Helper()
	if err := nt.Arrive().WantError(); !journey.IsFault(err) {
		t.Errorf("%v is no fault", err)
	}
}

func TestAccountLockout(t *testing.T) {
	realm := new(journeytest.Realm)
	given := func(action string) *journeytest.NodeTest {
		return journeytest.Given(t, &nodes.AccountLockout{Action: action}).WithUsers(demo()).WithServices(realm.Services())
	}
	given("LOCK").WithShared("username", "nobody").Arrive().WantOutcome("outcome")
	if realm.Inactive(username) || realm.Inactive("nobody") {
		t.Error("somebody else's account was switched off")
	}
	given("LOCK").WithShared("username", "DEMO").Arrive().WantOutcome("outcome")
	if !realm.Inactive(username) {
		t.Error("the account is still on")
	}
	given("UNLOCK").WithSubject(username).Arrive().WantOutcome("outcome")
	if realm.Inactive(username) {
		t.Error("the account is still off")
	}
	// Who is signed in and guesses at another's password locks that one.
	users := append(demo(), journeytest.Demo("other", "x")...)
	given("LOCK").WithUsers(users).WithSubject(username).WithShared("username", "other").Arrive().WantOutcome("outcome")
	if !realm.Inactive("other") || realm.Inactive(username) {
		t.Error("the wrong account was switched off")
	}
	wantNobody(t, given("LOCK"))
	realm.Broken = store.ErrUnavailable
	wantFault(t, given("LOCK").WithShared("username", "demo"))
}

func TestLoginCount(t *testing.T) {
	realm := new(journeytest.Realm)
	given := func(node journey.Node) *journeytest.NodeTest {
		return journeytest.Given(t, node).WithUsers(demo()).WithServices(realm.Services()).WithShared("username", "demo")
	}
	login := func() { given(byDefault("increment_login_count")).Arrive().WantOutcome("outcome") }
	counts := func(interval string, amount int) *journeytest.NodeTest {
		return given(&nodes.LoginCount{Interval: interval, Amount: amount, Identity: "userName"}).Arrive()
	}
	counts("EVERY", 2).WantOutcome("false")
	for n := 1; n <= 4; n++ {
		login()
		counts("AT", 2).WantOutcome(outcome(n == 2))
		counts("EVERY", 2).WantOutcome(outcome(n%2 == 0))
	}
	// The same attempt counts once.
	again := given(byDefault("increment_login_count"))
	again.Arrive().WantOutcome("outcome")
	again.Arrive().WantOutcome("outcome")
	counts("AT", 5).WantOutcome("true")

	given(byDefault("increment_login_count")).WithShared("username", "nobody").Arrive().WantOutcome("outcome")
	journeytest.Given(t, byDefault("increment_login_count")).Arrive().WantOutcome("outcome")
	given(byDefault("login_count")).WithShared("username", "nobody").Arrive().WantOutcome("false")
	wantNobody(t, journeytest.Given(t, byDefault("login_count")))
	realm.Broken = store.ErrUnavailable
	wantFault(t, given(byDefault("increment_login_count")))
	wantFault(t, given(byDefault("login_count")))
}

func outcome(yes bool) string {
	if yes {
		return "true"
	}
	return "false"
}

func TestIdentifyExistingUser(t *testing.T) {
	users := append(demo(), journeytest.Users{
		{User: identity.User{ID: "1", Username: "one", Active: true, Attributes: map[string][]string{"mail": {"shared@example.com"}}}},
		{User: identity.User{ID: "2", Username: "two", Active: true, Attributes: map[string][]string{"mail": {"Shared@example.com"}}}},
	}...)
	given := func(of map[string]any) *journeytest.NodeTest {
		return journeytest.Given(t, byDefault("identify_existing_user")).WithUsers(users).WithShared(attributes(of))
	}
	nt := given(map[string]any{"mail": "DEMO@example.com"}).Arrive().WantOutcome("true").
		WantState("_id", username).WantState("username", username)
	if got := nt.Action().Subject(); got == nil || got.ID != username {
		t.Errorf("identified %+v", got)
	}
	for name, of := range map[string]map[string]any{
		"nobody": {"mail": "nobody@example.com"}, "several": {"mail": "shared@example.com"}, "nothing": {}, "an empty": {"mail": ""},
		"a pattern": {"mail": "*"}, "a list": {"mail": []any{mail}}, "a part": {"mail": "demo"},
	} {
		nt := given(of).Arrive().WantOutcome("false").WantState("_id", nil)
		if nt.Action().Subject() != nil {
			t.Errorf("%s: identified %+v", name, nt.Action().Subject())
		}
	}
	// Without the attribute the collected user name is its value, as in AM.
	given(nil).WithShared("username", mail).Arrive().WantOutcome("true")
	given(nil).WithShared("mail", mail).Arrive().WantOutcome("true")
	node := &nodes.IdentifyExistingUser{Identity: "userName"}
	journeytest.Given(t, node).WithUsers(users).WithShared("username", "ONE").Arrive().
		WantOutcome("true").WantState("_id", "1").WantState("username", "ONE")
	wantFault(t, given(map[string]any{"mail": mail}).WithUsers(away{broken{identity.ErrUnavailable}}))
	// A store that does not look people up so is told apart from an outage.
	err := given(map[string]any{"mail": mail}).WithUsers(broken{identity.ErrNotFound}).Arrive().WantError()
	if !errors.Is(err, errors.ErrUnsupported) || strings.Contains(err.Error(), mail) {
		t.Error(err)
	}
}

func TestDecisionsAboutAttributes(t *testing.T) {
	present := func(attribute string) journey.Node {
		return &nodes.AttributePresent{Attribute: attribute, Identity: "userName"}
	}
	value := func(attribute, operation, value string) journey.Node {
		return &nodes.AttributeValue{Attribute: attribute, Operation: operation, Value: value, Identity: "userName"}
	}
	filter := func(text string) journey.Node { return &nodes.QueryFilter{Filter: text, Identity: "userName"} }
	for name, test := range map[string]struct {
		node journey.Node
		want bool
	}{
		"a password":                {present("password"), true},
		"an attribute":              {present("mail"), true},
		"a member":                  {present("preferences/marketing"), true},
		"an object":                 {present("/preferences"), true},
		"a missing one":             {present("sn"), false},
		"a value":                   {value("mail", "EQUALS", "DEMO@example.com"), true},
		"another value":             {value("mail", "EQUALS", "demo"), false},
		"no value":                  {value("sn", "EQUALS", "x"), false},
		"the password itself":       {value("password", "EQUALS", password), false},
		"that a value is there":     {value("mail", "PRESENT", ""), true},
		"that a value is not there": {value("sn", "PRESENT", ""), false},
		"a filter":                  {filter(`age gt 41 and /preferences/marketing eq true`), true},
		"the recorded filter":       {filter(`!(/preferences pr) or /preferences/marketing eq false or /preferences/updates eq false`), false},
		"what is always so":         {filter("true"), true},
	} {
		given := func() *journeytest.NodeTest { return journeytest.Given(t, test.node).WithUsers(demo()) }
		given().WithShared("username", "DEMO").Arrive().WantOutcome(outcome(test.want))
		given().WithSubject(username).Arrive().WantOutcome(outcome(test.want))
		given().WithShared(attributes(map[string]any{"userName": "demo"})).Arrive().WantOutcome(outcome(test.want))
		// Nobody has nothing, not even what everybody has.
		given().WithShared("username", "nobody").Arrive().WantOutcome("false")
		// Who has proved to be nobody's user cannot ask about another.
		given().WithSubject("gone").WithShared("username", "demo").Arrive().WantOutcome("false")
		wantNobody(t, given())
		wantFault(t, given().WithShared("username", "demo").WithUsers(away{broken{identity.ErrUnavailable}}))
		if got := given().WithShared("username", "demo").Arrive().Action().Subject(); got != nil {
			t.Errorf("%s: identified %+v", name, got)
		}
	}
	byMail := &nodes.AttributePresent{Attribute: "age", Identity: "mail"}
	journeytest.Given(t, byMail).WithUsers(demo()).WithShared(attributes(map[string]any{"mail": mail})).Arrive().WantOutcome("true")
}

func TestRetryLimitCountsForKnownUsers(t *testing.T) {
	realm := new(journeytest.Realm)
	journeyOf := func(name string) *journeytest.NodeTest {
		return journeytest.Given(t, &nodes.RetryLimit{Limit: 2, OnUser: true}).WithUsers(demo()).
			WithServices(realm.Services()).WithShared("username", name)
	}
	for range 2 { // rejected, it begins anew
		journeyOf("demo").Arrive().WantOutcome("Retry")
		journeyOf("DEMO").Arrive().WantOutcome("Retry")
		journeyOf(" demo").Arrive().WantOutcome("Reject")
	}
	// The same attempt counts once, and leads to the same outcome.
	journeyOf("demo").Arrive().WantOutcome("Retry")
	repeated := journeyOf("demo")
	repeated.Arrive().WantOutcome("Retry")
	repeated.WithShared("node.retryCount", nil).Arrive().WantOutcome("Retry")
	last := journeyOf("demo")
	last.Arrive().WantOutcome("Reject")
	last.Arrive().WantOutcome("Reject")
	// A success forgets, also of a journey that never came to the node.
	journeyOf("demo").Arrive().WantOutcome("Retry")
	journeyOf("demo").Arrive().WantOutcome("Retry")
	node := &nodes.RetryLimit{Limit: 2, OnUser: true}
	in := &journey.Input{Journey: "Test", NodeID: "node", Subject: username, Services: realm.Services()}
	for range 2 {
		if _, err := node.Complete(t.Context(), in); err != nil {
			t.Fatal(err)
		}
	}
	journeyOf("demo").Arrive().WantOutcome("Retry")

	// Of somebody unknown, and without a name, the journey alone counts.
	for _, name := range []string{"nobody", ""} {
		for range 3 {
			nt := journeyOf(name)
			nt.Arrive().WantOutcome("Retry")
			nt.Arrive().WantOutcome("Retry")
			nt.Arrive().WantOutcome("Reject")
		}
	}
	realm.Broken = store.ErrUnavailable
	wantFault(t, journeyOf("demo"))
	if _, err := node.Complete(t.Context(), in); !journey.IsFault(err) {
		t.Errorf("at success: %v is no fault", err)
	}
	if (&nodes.RetryLimit{Limit: 2}).Finishes() || !node.Finishes() {
		t.Error("only who counts for users wants to know of success")
	}
}

func TestCheckOfIdentityNodes(t *testing.T) {
	for name, test := range map[string]struct {
		node journey.Checker
		want string
	}{
		"no attribute of the name":     {&nodes.PlatformUsername{}, "username_attribute is missing"},
		"no attribute of the password": {&nodes.PlatformPassword{Attribute: "a//b"}, "password_attribute: a name between two slashes is missing"},
		"an amount of nothing":         {&nodes.LoginCount{Identity: "userName"}, "amount 0: at least 1"},
		"no identity to count":         {&nodes.IncrementLoginCount{}, "identity_attribute is missing"},
		"no identity":                  {&nodes.IdentifyExistingUser{}, "identity_attribute is missing"},
		"nothing to collect":           {&nodes.AttributeCollector{}, "attributes_to_collect is missing"},
		"twice":                        {&nodes.AttributeCollector{Attributes: []string{"mail", "mail"}}, "mail is there twice"},
		"a password in the open":       {&nodes.AttributeCollector{Attributes: []string{"password"}}, "platform_password"},
		"an id":                        {&nodes.AttributeCollector{Attributes: []string{"_id"}}, "nobody chooses an _id"},
		"nothing to look for":          {&nodes.AttributePresent{Identity: "userName"}, "present_attribute is missing"},
		"nothing to compare":           {&nodes.AttributeValue{Operation: "PRESENT", Identity: "userName"}, "comparison_attribute is missing"},
		"nothing to compare with":      {&nodes.AttributeValue{Attribute: "mail", Operation: "EQUALS", Identity: "userName"}, "comparison_value is missing"},
		"no filter":                    {&nodes.QueryFilter{Identity: "userName"}, "query_filter is missing"},
		"half a filter":                {&nodes.QueryFilter{Filter: "mail eq", Identity: "userName"}, "query_filter: at byte 8: a text in double quotes"},
		"a filter of nobody":           {&nodes.QueryFilter{Filter: "true"}, "identity_attribute is missing"},
		"no identity with terms":       {&nodes.Terms{}, "identity_attribute is missing"},
	} {
		if err := test.node.Check(); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: error %v; want %q", name, err, test.want)
		}
	}
}

// The connection of an LDAP node may be anything, also what stands for a value
// that is kept elsewhere; a password of it is not kept.
func TestLDAPConnectionHasNoEffect(t *testing.T) {
	spec, _ := nodes.ByName("ldap")
	node, unknown, err := spec.Decode([]byte(`{"primaryServers": ["&{ldap.host}"], "heartbeatInterval": {"$int": "&{beat}"}, "adminPassword": {"$string": "&{secret}"}}`))
	if err != nil || len(unknown) > 0 {
		t.Fatalf("unknown %v, error %v", unknown, err)
	}
	if got := node.(*nodes.LDAP); !reflect.DeepEqual(got.PrimaryServers, []any{"&{ldap.host}"}) || got.SearchScope != "SUBTREE" {
		t.Errorf("%+v", got)
	}
	node, _, err = spec.Decode([]byte(`{"adminPassword": "Hifalutin"}`))
	if err != nil || !reflect.DeepEqual(node, spec.New()) {
		t.Errorf("%+v, error %v", node, err)
	}
}
