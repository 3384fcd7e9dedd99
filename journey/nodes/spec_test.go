package nodes_test

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/amgate/amgate/journey"
	"github.com/amgate/amgate/journey/callback"
	"github.com/amgate/amgate/journey/nodes"
)

func TestSpecsAreComplete(t *testing.T) {
	all := nodes.All()
	if !slices.IsSortedFunc(all, func(a, b nodes.Spec) int { return strings.Compare(a.Name, b.Name) }) {
		t.Error("the nodes are not in the order of their names")
	}
	for _, spec := range all {
		if spec.Name == "" || spec.Type == "" || spec.Title == "" || spec.Doc == "" || spec.New == nil {
			t.Errorf("%+v has gaps", spec)
		}
		if byName, ok := nodes.ByName(spec.Name); !ok || byName.Type != spec.Type {
			t.Errorf("%s is not found by its name", spec.Name)
		}
		if byType, ok := nodes.ByType(spec.Type); !ok || byType.Name != spec.Name {
			t.Errorf("%s is not found by its type", spec.Type)
		}
		node := fixture(t, spec)
		if outcomes := node.Outcomes(); len(outcomes) > 1 && spec.Proves == nil {
			t.Errorf("%s decides between %v: say in Proves which of them prove something, if any", spec.Name, outcomes)
		}
		for _, outcome := range slices.Concat(spec.Proves, spec.Limited) {
			if !slices.Contains(node.Outcomes(), outcome) {
				t.Errorf("%s proves or limits %q, which is no outcome", spec.Name, outcome)
			}
		}
		if spec.New() == spec.New() && reflect.TypeOf(node).Elem().NumField() > 0 {
			t.Errorf("%s: New returns one node twice", spec.Name)
		}
		for _, o := range spec.Options {
			if o.Name == "" || o.Field == "" || o.Doc == "" || o.Kind == "" {
				t.Errorf("%s: option %+v has gaps", spec.Name, o)
			}
			if o.Values != nil && o.Example == "" && !slices.Contains(o.Values, o.Default) {
				t.Errorf("%s: option %s: the default %q is none of its values", spec.Name, o.Name, o.Default)
			}
		}
		for _, name := range spec.Callbacks {
			if !slices.ContainsFunc(callback.Types(), func(c callback.Callback) bool { return c.Type() == name }) {
				t.Errorf("%s: there is no %s", spec.Name, name)
			}
		}
		for _, field := range reflect.VisibleFields(reflect.TypeOf(node).Elem()) {
			if field.Tag.Get("json") == "" {
				t.Errorf("%s: the field %s has no AM property", spec.Name, field.Name)
			}
		}
	}
	if _, ok := nodes.ByName("no_such_node"); ok {
		t.Error("a node was found that is not there")
	}
}

// Node objects of real AM servers, without their _id, _rev, _type and
// _outcomes, decode strictly and come out the same.
func TestNodesAreAMsJSON(t *testing.T) {
	for typ, text := range map[string]string{
		"RetryLimitDecisionNode": `{"retryLimit":5,"incrementUserAttributeOnFailure":true}`,
		"ZeroPageLoginNode":      `{"usernameHeader":"X-OpenAM-Username","passwordHeader":"X-OpenAM-Password","allowWithoutReferer":true,"referrerWhiteList":[]}`,
		"MessageNode":            `{"message":{"en":"Before viewing the results"},"messageYes":{"en":"Proceed to results"},"messageNo":{}}`,
		"SetSuccessUrlNode":      `{"successUrl":"https://www.forgerock.com/"}`,
		"PageNode":               `{"pageHeader":{"en":"Sign In"},"pageDescription":{},"stage":"x","nodes":[{"_id":"2eaad2f9-5c4b-405f-bf3f-1e99bdc0d018","nodeType":"UsernameCollectorNode","displayName":"Username"}]}`,
		"DataStoreDecisionNode":  `{}`,
		"UsernameCollectorNode":  `{}`,
		"PasswordCollectorNode":  `{}`,
	} {
		spec, ok := nodes.ByType(typ)
		if !ok {
			t.Fatalf("%s is not there", typ)
		}
		node := spec.New()
		dec := json.NewDecoder(strings.NewReader(text))
		dec.DisallowUnknownFields()
		if err := dec.Decode(node); err != nil {
			t.Errorf("%s: %v", typ, err)
		}
		if back, err := json.Marshal(node); err != nil || string(back) != text {
			t.Errorf("%s: error %v\ngot  %s\nwant %s", typ, err, back, text)
		}
	}
}

func TestDefaultsAreAMs(t *testing.T) {
	for name, want := range map[string]map[string]string{
		"retry_limit":            {"limit": "3", "increment_user_attribute_on_failure": "on"},
		"platform_username":      {"validate_input": "off", "username_attribute": "userName"},
		"platform_password":      {"validate_input": "off", "password_attribute": "password"},
		"account_lockout":        {"lock_action": "LOCK"},
		"increment_login_count":  {"identity_attribute": "userName"},
		"login_count":            {"interval": "AT", "amount": "25", "identity_attribute": "userName"},
		"identify_existing_user": {"identifier": "userName", "identity_attribute": "mail"},
		"attribute_collector":    {"attributes_to_collect": "", "required": "off", "validate_inputs": "off"},
		"attribute_present":      {"present_attribute": "password", "identity_attribute": "userName"},
		"attribute_value":        {"comparison_attribute": "", "comparison_operation": "EQUALS", "comparison_value": "", "identity_attribute": "userName"},
		"query_filter":           {"query_filter": "", "identity_attribute": "userName"},
		"terms_and_conditions":   {"identity_attribute": "userName"},
		"kba_create":             {"message": "Select a security question", "allow_user_defined_questions": "on"},
		"ldap":                   {}, "identity_store": {}, "account_active": {}, "agent_data_store": {}, "accept_terms_and_conditions": {},
		"zero_page_login": {"username_header": "X-OpenAM-Username", "password_header": "X-OpenAM-Password", "allow_without_referer": "on", "referrer": ""},
		"message":         {"message": "Default message", "yes": "Yes", "no": "No", "state": ""},
		"page":            {"header": "", "description": "", "stage": ""},
		"set_success_url": {"url": ""},
		"username":        {}, "password": {}, "data_store": {},
	} {
		spec, _ := nodes.ByName(name)
		got := map[string]string{}
		for _, o := range spec.Options {
			got[o.Name] = o.Default
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v; want %v", name, got, want)
		}
	}
}

func TestSet(t *testing.T) {
	type call struct {
		option string
		args   []string
	}
	for name, test := range map[string]struct {
		node  string
		calls []call
		want  journey.Node // or
		err   string
	}{
		"a number":            {"retry_limit", []call{{"limit", []string{"5"}}}, &nodes.RetryLimit{Limit: 5, OnUser: true}, ""},
		"a text":              {"page", []call{{"header", []string{"Sign in"}}}, &nodes.Page{Header: nodes.Text{"en": "Sign in"}}, ""},
		"texts in languages":  {"page", []call{{"header", []string{"Sign in"}}, {"header", []string{"de-CH", "Anmelden"}}}, &nodes.Page{Header: nodes.Text{"en": "Sign in", "de-CH": "Anmelden"}}, ""},
		"a string":            {"page", []call{{"stage", []string{"x"}}}, &nodes.Page{Stage: "x"}, ""},
		"an unknown option":   {"retry_limit", []call{{"limits", []string{"5"}}}, nil, `retry_limit has no option "limits"; its options are: limit, increment_user_attribute_on_failure`},
		"an option of none":   {"username", []call{{"limit", []string{"5"}}}, nil, `username has no option "limit"; it has none`},
		"no number":           {"retry_limit", []call{{"limit", []string{"three"}}}, nil, `option limit: "three" is not a whole number`},
		"too many numbers":    {"retry_limit", []call{{"limit", []string{"1", "2"}}}, nil, "option limit: exactly one whole number"},
		"no string":           {"page", []call{{"stage", nil}}, nil, "option stage: exactly one argument"},
		"no text":             {"page", []call{{"header", nil}}, nil, "option header: a text is needed"},
		"too much text":       {"page", []call{{"header", []string{"a", "b", "c"}}}, nil, "option header: a text is needed"},
		"a text twice":        {"page", []call{{"header", []string{"a"}}, {"header", []string{"en", "b"}}}, nil, "option header: the text in language en is there twice"},
		"a language of words": {"page", []call{{"header", []string{"Sign in", "now"}}}, nil, `option header: "Sign in" is not a language`},
		"no list":             {"zero_page_login", []call{{"referrer", nil}}, nil, "option referrer: at least one argument"},
		"a switch of words":   {"zero_page_login", []call{{"allow_without_referer", []string{"no"}}}, nil, "option allow_without_referer: write on or off"},
		"switch and list": {
			"zero_page_login",
			[]call{{"allow_without_referer", []string{"off"}}, {"referrer", []string{"https://a", "https://b"}}, {"referrer", []string{"https://c"}}},
			&nodes.ZeroPageLogin{UsernameHeader: "X-OpenAM-Username", PasswordHeader: "X-OpenAM-Password", Referrers: []string{"https://a", "https://b", "https://c"}},
			"",
		},
	} {
		t.Run(name, func(t *testing.T) {
			spec, _ := nodes.ByName(test.node)
			node := spec.New()
			var err error
			for _, c := range test.calls {
				if err = spec.Set(node, c.option, c.args); err != nil {
					break
				}
			}
			switch {
			case test.err != "" && (err == nil || !strings.Contains(err.Error(), test.err)):
				t.Errorf("error %v; want %q", err, test.err)
			case test.err == "" && (err != nil || !reflect.DeepEqual(node, test.want)):
				t.Errorf("%+v, error %v; want %+v", node, err, test.want)
			}
		})
	}
}

func TestTextForLanguages(t *testing.T) {
	text := nodes.Text{"en": "Hello", "de": "Hallo", "de-CH": "Grüezi", "pt_BR": "Olá"}
	for wishes, want := range map[string]string{
		"": "Hello", "de": "Hallo", "de-AT": "Hallo", "de-CH": "Grüezi", "DE-ch-1996": "Grüezi", "pt-BR": "Olá",
		"xx fr de": "Hallo", "xx": "Hello", "en-GB": "Hello", "* -": "Hello",
	} {
		if got := text.For(strings.Fields(wishes)); got != want {
			t.Errorf("%q: %q; want %q", wishes, got, want)
		}
	}
	if got := (nodes.Text{"fr": "Salut", "de": "Hallo"}).For([]string{"it"}); got != "Hallo" {
		t.Errorf("without English: %q", got)
	}
	if got := nodes.Text(nil).For([]string{"it"}); got != "" {
		t.Errorf("without any: %q", got)
	}
}
