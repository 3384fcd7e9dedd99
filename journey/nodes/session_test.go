package nodes_test

import (
	"encoding/base64"
	"maps"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/amgate/amgate/journey"
	"github.com/amgate/amgate/journey/journeytest"
	"github.com/amgate/amgate/journey/nodes"
)

func TestSetSessionProperties(t *testing.T) {
	properties := map[string]string{"department": "sales", "am.protected.risk": "low"}
	found := journeytest.Given(t, &nodes.SetSessionProperties{Properties: properties, MaxTime: 60, IdleTime: 10}).
		Arrive().WantOutcome("outcome").Action().Findings()
	if !maps.Equal(found.Properties, properties) || found.MaxTime != time.Hour || found.IdleTime != 10*time.Minute {
		t.Errorf("%+v", found)
	}
	none := journeytest.Given(t, &nodes.SetSessionProperties{}).Arrive().WantOutcome("outcome").Action().Findings()
	if none.MaxTime != 0 || none.IdleTime != 0 || len(none.Properties) != 0 {
		t.Errorf("%+v", none)
	}
	// AM's way to say never: it must not turn into a negative time.
	never := journeytest.Given(t, &nodes.SetSessionProperties{MaxTime: math.MaxInt}).Arrive().Action().Findings()
	if time.Now().Add(never.MaxTime).Before(time.Now().AddDate(50, 0, 0)) {
		t.Errorf("max time %v", never.MaxTime)
	}
}

func TestRemoveSessionProperties(t *testing.T) {
	dropped := journeytest.Given(t, &nodes.RemoveSessionProperties{Names: []string{"a", "b"}}).
		Arrive().WantOutcome("outcome").Action().Dropped()
	if !slices.Equal(dropped, []string{"a", "b"}) {
		t.Errorf("%v", dropped)
	}
}

func TestSessionData(t *testing.T) {
	session := &journey.Session{
		UserID: "id-1", Username: "demo", Journey: "Login", AuthLevel: 5,
		Properties: map[string]string{"department": "sales", "UserToken": "forged"},
	}
	for property, want := range map[string]any{
		"department": "sales", "UserToken": "demo", "UserId": "demo", "AuthLevel": "5", "Service": "Login", "other": nil,
	} {
		node := &nodes.SessionData{SessionKey: property, StateKey: "copy"}
		journeytest.Given(t, node).WithSession(session).Arrive().WantOutcome("outcome").WantState("copy", want)
	}
	journeytest.Given(t, &nodes.SessionData{SessionKey: "UserToken", StateKey: "copy"}).WithShared("copy", "before").
		Arrive().WantOutcome("outcome").WantState("copy", "before")
}

func TestSetFailureURL(t *testing.T) {
	journeytest.Given(t, &nodes.SetFailureURL{URL: "/sorry"}).Arrive().WantOutcome("outcome").WantState("failureUrl", "/sorry")
}

func TestRegisterLogoutWebhook(t *testing.T) {
	node := &nodes.RegisterLogoutWebhook{Name: "audit"}
	if got := journeytest.Given(t, node).Arrive().WantOutcome("outcome").Action().Findings().Webhooks; !slices.Equal(got, []string{"audit"}) {
		t.Errorf("%v", got)
	}
	services := new(journeytest.Realm).Services()
	if err := services.Check(node.Needs()[0]); err == nil || !strings.Contains(err.Error(), "webhook audit") {
		t.Errorf("without the webhook: %v", err)
	}
	services.Webhooks = []string{"other", "audit"}
	if err := services.Check(node.Needs()[0]); err != nil {
		t.Error(err)
	}
}

func TestDetails(t *testing.T) {
	details := map[string]string{
		"text": "a b", "true": "true", "object": `{"a":[1]}`, "quoted": `"x"`, "no JSON": `{"a"`, "empty": "", "null": "null",
	}
	want := map[string]any{
		"text": "a b", "true": true, "object": map[string]any{"a": []any{1.0}}, "quoted": "x", "no JSON": `{"a"`, "empty": "", "null": nil,
	}
	message := nodes.Text{"en": "Sorry", "de": "Leider"}
	find := func(node journey.Node) journey.Findings {
		return journeytest.Given(t, node).WithLanguages("de").Arrive().WantOutcome("outcome").Action().Findings()
	}
	success := find(&nodes.SetSuccessDetails{Details: details, Properties: map[string]string{"level": "AuthLevel"}})
	if !reflect.DeepEqual(success.SuccessDetails, want) || success.SuccessProperties["level"] != "AuthLevel" {
		t.Errorf("%+v", success)
	}
	failure := find(&nodes.SetFailureDetails{Message: message, Details: details})
	if !reflect.DeepEqual(failure.FailureDetails, want) || failure.FailureMessage != "Leider" || failure.ErrorMessage != "" {
		t.Errorf("%+v", failure)
	}
	broken := find(&nodes.SetErrorDetails{Message: message, Details: details})
	if !reflect.DeepEqual(broken.ErrorDetails, want) || broken.ErrorMessage != "Leider" || broken.FailureMessage != "" {
		t.Errorf("%+v", broken)
	}
	if silent := find(&nodes.SetFailureDetails{}); silent.FailureMessage != "" || silent.FailureDetails != nil {
		t.Errorf("%+v", silent)
	}
}

func TestUpdateJourneyTimeout(t *testing.T) {
	start := time.Now()
	update := func(operation string, value int) *journeytest.NodeTest {
		return journeytest.Given(t, &nodes.UpdateJourneyTimeout{Operation: operation, Value: value}).
			WithTimes(start, start.Add(5*time.Minute)).Arrive()
	}
	for _, test := range []struct {
		operation string
		value     int
		want      time.Duration
	}{{"SET", 10, 10 * time.Minute}, {"SET", 1, time.Minute}, {"MODIFY", 10, 15 * time.Minute}, {"MODIFY", -4, time.Minute}} {
		if got := update(test.operation, test.value).WantOutcome("outcome").Action().Duration(); got != test.want {
			t.Errorf("%s %d: %v; want %v", test.operation, test.value, got, test.want)
		}
	}
	for _, value := range []int{-5, -6, math.MinInt} {
		if err := update("MODIFY", value).WantError(); !strings.Contains(err.Error(), "must be positive") {
			t.Errorf("MODIFY %d: %v", value, err)
		}
	}
	if got := update("MODIFY", math.MaxInt).Action().Duration(); got <= 0 {
		t.Errorf("a great value made %v", got)
	}
}

func TestCheckOfSessionNodes(t *testing.T) {
	key := base64.StdEncoding.EncodeToString(make([]byte, 32))
	short := base64.StdEncoding.EncodeToString([]byte("a secret that is too short"))
	cookie := func(change func(*nodes.SetPersistentCookie)) journey.Checker {
		return newNode(t, "set_persistent_cookie", change)
	}
	for name, test := range map[string]struct {
		node journey.Checker
		want string
	}{
		"a property":               {&nodes.SetSessionProperties{Properties: map[string]string{"role": "x", "am.protected.x": "y"}}, ""},
		"a property of the server": {&nodes.SetSessionProperties{Properties: map[string]string{"UserId": "admin"}}, "property UserId: the server itself"},
		"the universal id":         {&nodes.SetSessionProperties{Properties: map[string]string{"sun.am.UniversalIdentifier": "x"}}, "the server itself"},
		"a nameless property":      {&nodes.SetSessionProperties{Properties: map[string]string{"": "x"}}, "no name"},
		"a negative time":          {&nodes.SetSessionProperties{IdleTime: -1}, "minutes are needed"},
		"nothing to remove":        {&nodes.RemoveSessionProperties{}, "property is missing"},
		"no session property":      {&nodes.SessionData{StateKey: "x"}, "property is missing"},
		"no state key":             {&nodes.SessionData{SessionKey: "x"}, "state is missing"},
		"no failure URL":           {&nodes.SetFailureURL{}, "url is missing"},
		"a script":                 {&nodes.SetFailureURL{URL: "javascript:alert(1)"}, "http or https URL is needed"},
		"no webhook":               {&nodes.RegisterLogoutWebhook{}, "webhook is missing"},
		"a detail":                 {&nodes.SetSuccessDetails{Details: map[string]string{"a": "b"}, Properties: map[string]string{"c": "tokenId"}}, ""},
		"a detail that is there":   {&nodes.SetSuccessDetails{Details: map[string]string{"tokenId": "x"}}, "tokenId: the reply has this member"},
		"a property that is there": {&nodes.SetSuccessDetails{Properties: map[string]string{"realm": "x"}}, "realm: the reply has this member"},
		"the level as data":        {&nodes.SessionData{SessionKey: "AuthLevel", StateKey: "authLevel"}, "the key authLevel of the state is the journey's own"},
		"the level as a button":    {&nodes.Message{StateField: "authLevel"}, "the key authLevel of the state is the journey's own"},
		"a page as a button":       {&nodes.Message{StateField: "pageNodeCallbacks"}, "the key pageNodeCallbacks of the state is the journey's own"},
		"a button":                 {&nodes.Message{StateField: "agreed"}, ""},
		"no button":                {&nodes.Message{}, ""},
		"a nameless detail":        {&nodes.SetFailureDetails{Details: map[string]string{"": "x"}}, "no name"},
		"a nameless error detail":  {&nodes.SetErrorDetails{Details: map[string]string{"": "x"}}, "no name"},
		"no operation":             {&nodes.UpdateJourneyTimeout{Value: 1}, "use SET or MODIFY"},
		"a time of nothing":        {&nodes.UpdateJourneyTimeout{Operation: "SET"}, "at least 1 minute"},
		"less time":                {&nodes.UpdateJourneyTimeout{Operation: "MODIFY", Value: -5}, ""},
		"no template":              {&nodes.EmailSuspend{Address: "mail"}, "template is missing"},
		"no attribute":             {&nodes.EmailTemplate{Template: "welcome"}, "email_attribute is missing"},
		"a negative duration":      {&nodes.EmailSuspend{Template: "x", Address: "mail", Minutes: -1}, "minutes are needed"},
		"seven digits":             {&nodes.OTPGenerator{Length: 7}, "6 or 8"},
		"no expiry":                {&nodes.OTPDecision{}, "at least 1 minute"},
		"no address":               {&nodes.OTPMailSender{}, "email_attribute is missing"},
		"a cookie":                 {cookie(func(n *nodes.SetPersistentCookie) { n.Key, n.Cookie = key, "__Host-remember" }), ""},
		"no name of a cookie":      {cookie(func(n *nodes.SetPersistentCookie) { n.Cookie = "a b" }), "not the name of a cookie"},
		"a prefix without TLS":     {cookie(func(n *nodes.SetPersistentCookie) { n.Cookie, n.Secure = "__Host-x", false }), "only with secure on"},
		"a short key":              {cookie(func(n *nodes.SetPersistentCookie) { n.Key = short }), "signing_key: at least 32 bytes"},
		"a key that is no base64":  {cookie(func(n *nodes.SetPersistentCookie) { n.Key = "???" }), "signing_key: at least 32 bytes"},
		"no life":                  {cookie(func(n *nodes.SetPersistentCookie) { n.MaxLife = 0 }), "at least 1 hour"},
		"no idle time":             {&nodes.PersistentCookie{Cookie: "x"}, "at least 1 hour"},
	} {
		err := test.node.Check()
		if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%s: error %v; want %q", name, err, test.want)
		}
		if err != nil && (strings.Contains(err.Error(), short) || strings.Contains(err.Error(), "???")) {
			t.Errorf("%s: the error repeats the key: %v", name, err)
		}
	}
}
