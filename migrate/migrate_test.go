package migrate_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/amgate/amgate/journey"
	"github.com/amgate/amgate/journey/nodes"
	"github.com/amgate/amgate/journey/treefile"
	"github.com/amgate/amgate/migrate"
)

// sample is a journey with everything that a Caddyfile can say of one.
func sample() *journey.Tree {
	return &journey.Tree{
		Name: "Sign in", Description: `Staff "only"`, Entry: "0a1b",
		Timeout: 10 * time.Minute, MaxTime: 48 * time.Hour, IdleTime: 90 * time.Second, MustRun: true,
		Nodes: map[string]*journey.Placed{
			"0a1b": {
				ID: "0a1b", Type: "PageNode", Name: "Page Node",
				Node: &nodes.Page{Header: nodes.Text{"en": "Sign in", "de": "Anmelden"}, Children: []nodes.Child{
					{ID: "c1", Type: "UsernameCollectorNode", Name: "Success", Node: &nodes.Username{}},
					{ID: "c2", Type: "PasswordCollectorNode", Name: "Page node!", Node: &nodes.Password{}},
				}},
				Next: map[string]string{"outcome": "2"},
			},
			"2": {
				ID: "2", Type: "DataStoreDecisionNode", Name: "Timeout", Node: &nodes.DataStore{},
				Next: map[string]string{"true": "4", "false": "3"},
			},
			"3": {
				ID: "3", Type: "RetryLimitDecisionNode", Name: "…", Node: &nodes.RetryLimit{Limit: 5},
				Next: map[string]string{"Retry": "0a1b", "Reject": journey.Failure},
			},
			"4": {
				ID: "4", Type: "ChoiceCollectorNode", Name: "",
				Node: &nodes.Choice{Choices: []string{"Go on", `a "b"`}, Default: "Go on"},
				Next: map[string]string{"Go on": journey.Success, `a "b"`: journey.Success},
			},
		},
	}
}

const sampleCaddyfile = `journey "Sign in" {
	description ` + "`Staff \"only\"`" + `
	timeout 10m
	max_time 2d
	idle_timeout 1m30s
	must_run
	node page_node page {
		header de Anmelden
		header "Sign in"
		node success_2 username
		node page_node_2 password
	}
	node timeout_2 data_store
	node choice choice {
		choices "Go on" ` + "`a \"b\"`" + `
		default_choice "Go on"
	}
	node retry_limit retry_limit {
		limit 5
		increment_user_attribute_on_failure off
	}

	page_node -> timeout_2
	timeout_2 true -> choice
	timeout_2 false -> retry_limit
	choice -> success
	retry_limit Retry -> page_node
	retry_limit Reject -> failure
}
`

func TestJourney(t *testing.T) {
	var b bytes.Buffer
	if err := migrate.Journey(&b, sample()); err != nil {
		t.Fatal(err)
	}
	if b.String() != sampleCaddyfile {
		t.Errorf("got\n%s\nwant\n%s", b.String(), sampleCaddyfile)
	}
	if formatted := string(caddyfile.Format(b.Bytes())); formatted != b.String() {
		t.Errorf("it is not in caddy fmt form; that would be\n%s", formatted)
	}
}

// TestJourneyThatCannotBeWritten: nothing is written rather than something else.
func TestJourneyThatCannotBeWritten(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*journey.Tree)
		want   string
	}{
		"a variable":          {func(t *journey.Tree) { t.Description = "{$HOME}" }, "description: a Caddyfile cannot express this text"},
		"all kinds of quotes": {func(t *journey.Tree) { t.Description = "`\"" }, "cannot express this text"},
		"an unknown type":     {func(t *journey.Tree) { t.Nodes["2"].Type = "MagicNode" }, "node timeout_2: amgate has no node of the type MagicNode"},
		"no nodes":            {func(t *journey.Tree) { t.Entry = journey.Failure }, "has no nodes"},
	} {
		tree := sample()
		c.change(tree)
		var b bytes.Buffer
		if err := migrate.Journey(&b, tree); err == nil || !strings.Contains(err.Error(), c.want) || b.Len() > 0 {
			t.Errorf("%s: error %v, written %q", name, err, b.String())
		}
	}
}

// TestAM: what is written as an export is read as the same journey.
func TestAM(t *testing.T) {
	var b bytes.Buffer
	if err := migrate.AM(&b, []*journey.Tree{sample(), nodes.Login()}); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "x.json")
	if err := os.WriteFile(file, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	set, err := treefile.Load([]string{file}, nodes.Types{})
	if err != nil {
		t.Fatal(err)
	}
	if len(set.Journeys) != 2 {
		t.Fatalf("%d journeys", len(set.Journeys))
	}
	for i, want := range []*journey.Tree{nodes.Login(), sample()} {
		got := set.Journeys[i]
		if len(got.Problems)+len(got.Warnings) > 0 {
			t.Errorf("%v %v\n%s", got.Problems, got.Warnings, b.String())
		}
		want.IdleTime = want.IdleTime.Truncate(time.Minute) // AM counts minutes
		if form(t, got.Tree) != form(t, want) {
			t.Errorf("got\n%s\nwant\n%s", form(t, got.Tree), form(t, want))
		}
	}
}

// form is what a journey does, whatever its nodes are called.
func form(t *testing.T, tree *journey.Tree) string {
	t.Helper()
	order := []string{tree.Entry}
	place := map[string]int{tree.Entry: 0}
	var b strings.Builder
	fmt.Fprintln(&b, tree.Name, tree.Description, tree.Timeout, tree.MaxTime, tree.IdleTime, tree.Disabled, tree.InnerOnly, tree.NoSession, tree.MustRun)
	for i := 0; i < len(order); i++ {
		p := tree.Nodes[order[i]]
		if p == nil {
			fmt.Fprintln(&b, i, order[i])
			continue
		}
		spec, _ := nodes.Lookup(p.Type)
		lines, _ := spec.Written(p.Node)
		fmt.Fprintln(&b, i, spec.Type, lines)
		if parent, ok := p.Node.(journey.Parent); ok {
			for _, c := range parent.Parts() {
				child, _ := nodes.Lookup(c.Type)
				lines, _ := child.Written(c.Node)
				fmt.Fprintln(&b, "  on it", child.Type, lines)
			}
		}
		for _, outcome := range p.Node.Outcomes() {
			next := p.Next[outcome]
			if _, seen := place[next]; !seen {
				place[next] = len(order)
				order = append(order, next)
			}
			fmt.Fprintln(&b, "  ", outcome, place[next])
		}
	}
	return b.String()
}

// am are the settings of a fresh AM, changed: a path and a JSON value in turn.
func am(t *testing.T, changes ...string) []byte {
	t.Helper()
	s := map[string]map[string]json.RawMessage{}
	if err := json.Unmarshal([]byte(`{
		"accountlockout": {"loginFailureLockoutMode": false, "storeInvalidAttemptsInDataStore": true, "lockoutDuration": 0,
			"lockoutDurationMultiplier": 1, "lockoutWarnUserCount": 0, "loginFailureCount": 5, "loginFailureDuration": 300},
		"core": {"adminAuthModule": "ldapService", "orgConfig": "ldapService"},
		"general": {"statelessSessionsEnabled": false, "locale": "en_US", "twoFactorRequired": false,
			"identityType": ["agent", "user"], "defaultAuthLevel": 0, "userStatusCallbackPlugins": []},
		"postauthprocess": {"loginSuccessUrl": ["/am/console"], "loginFailureUrl": [], "loginPostProcessClass": []},
		"security": {"sharedSecret": null, "addClearSiteDataHeader": true, "moduleBasedAuthEnabled": true},
		"trees": {"authenticationSessionsStateManagement": "JWT", "authenticationSessionsMaxDuration": 5,
			"suspendedAuthenticationTimeout": 1440, "authenticationSessionsWhitelist": true, "authenticationTreeCookieHttpOnly": true},
		"userprofile": {"dynamicProfileCreation": "false", "defaultRole": [], "aliasAttributeName": ["uid"]},
		"_type": {"_id": "EMPTY"}
	}`), &s); err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(changes); i += 2 {
		group, member, _ := strings.Cut(changes[i], ".")
		if changes[i+1] == "" {
			delete(s[group], member)
		} else {
			s[group][member] = json.RawMessage(changes[i+1])
		}
	}
	data, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestRealm(t *testing.T) {
	const begin = "realm /alpha {\n\t# Name the realm's people, for example: identities file users.yaml\n"
	const end = `	# This journey must be among the realm's: load it, for example: journeys /etc/am/journeys/*.json
	default_journey ldapService
	# not converted: postauthprocess.loginSuccessUrl: "/am/console"; amgate has no such page
`
	for name, c := range map[string]struct {
		changes []string
		want    []string
	}{
		"a fresh AM": {nil, []string{begin + `	journey_sessions client
	authenticated_sessions server
	journey_timeout 5m
	suspend_timeout 1d
` + end + "}\n"}},
		"an upgraded AM":      {[]string{"trees.authenticationSessionsStateManagement", ""}, []string{"# The settings name no scheme; like those of an upgraded AM they mean In-Memory.\n\tjourney_sessions in_memory\n"}},
		"no scheme at all":    {[]string{"trees.authenticationSessionsStateManagement", "null"}, []string{"journey_sessions in_memory\n"}},
		"in the CTS":          {[]string{"trees.authenticationSessionsStateManagement", `"CTS"`}, []string{"\tjourney_sessions server\n"}},
		"in memory":           {[]string{"trees.authenticationSessionsStateManagement", `"In-Memory"`}, []string{"\n\tjourney_sessions in_memory\n"}},
		"no allowlisting":     {[]string{"trees.authenticationSessionsWhitelist", "false"}, []string{"# As in AM, a step can be answered more than once. That is a risk: leave the next line out if your clients can do without.\n\tallowlisting off\n"}},
		"lockout":             {[]string{"accountlockout.loginFailureLockoutMode", "true"}, []string{"\tlockout 5 5h forever\n"}},
		"lockout for a while": {[]string{"accountlockout.loginFailureLockoutMode", "true", "accountlockout.lockoutDuration", "15", "accountlockout.lockoutDurationMultiplier", "2"}, []string{"\tlockout 5 5h 15m\n", "# not converted: accountlockout.lockoutDurationMultiplier: 2\n"}},
		"URLs":                {[]string{"postauthprocess.loginSuccessUrl", `["https://a.example/?x=1", "/b"]`, "postauthprocess.loginFailureUrl", `["html|/c", "/d"]`}, []string{"\tsuccess_url https://a.example/?x=1\n", `not converted: postauthprocess.loginSuccessUrl: "/b"; amgate has one`, `not converted: postauthprocess.loginFailureUrl: "html|/c"`, "\tfailure_url /d\n"}},
		"client sessions":     {[]string{"general.statelessSessionsEnabled", "true"}, []string{"\tauthenticated_sessions client\n"}},
		"something unknown":   {[]string{"general.new", `{"a": "b\n}\n{$HOME}"}`, "core.adminAuthModule", `"Admin"`}, []string{`# not converted: general.new: {"a":"b\n}\n{ $HOME}"}`, `# not converted: core.adminAuthModule: "Admin"; administrators sign in like everybody`}},
		"a secret":            {[]string{"security.sharedSecret", `"c2VjcmV0IG9mIHRoZSByZWFsbQ=="`, "security.newPassword", `"hush"`}, []string{"# not converted: security.sharedSecret; amgate makes one", "# not converted: security.newPassword\n"}},
		"a placeholder":       {[]string{"trees.authenticationSessionsMaxDuration", `{"$int": "&{max}"}`, "security.sharedSecret", `{"$string": "&{secret}"}`}, []string{"# not converted: trees.authenticationSessionsMaxDuration: its value cannot be read here; write the option by hand\n", "# not converted: security.sharedSecret;"}},
	} {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			if err := migrate.Realm(&b, "/alpha", am(t, c.changes...)); err != nil {
				t.Fatal(err)
			}
			for _, want := range c.want {
				if !strings.Contains(b.String(), want) {
					t.Errorf("got\n%s\nwant\n%s", b.String(), want)
				}
			}
			if strings.Contains(b.String(), "c2Vj") || strings.Contains(b.String(), "hush") {
				t.Errorf("a secret got out:\n%s", b.String())
			}
			if formatted := string(caddyfile.Format(b.Bytes())); formatted != b.String() {
				t.Errorf("it is not in caddy fmt form; that would be\n%s", formatted)
			}
		})
	}
}

func TestRealmFromFrodo(t *testing.T) {
	var plain, frodo bytes.Buffer
	export := fmt.Appendf(nil, `{"meta": {"exportTool": "frodo"}, "authentication": %s}`, am(t))
	for out, data := range map[*bytes.Buffer][]byte{&plain: am(t), &frodo: export} {
		if err := migrate.Realm(out, "/", data); err != nil {
			t.Fatal(err)
		}
	}
	if plain.String() != frodo.String() || !strings.HasPrefix(plain.String(), "realm / {\n\tjourney_sessions client\n") {
		t.Errorf("%s\n%s", plain.String(), frodo.String())
	}
	for data, want := range map[string]string{
		"":                      "these are no settings: unexpected end",
		"[]":                    "these are no settings",
		`{"trees": 1}`:          `these are no authentication settings of a realm; they have the groups "core"`,
		`{"authentication": 1}`: `"authentication" must be an object`,
		`{"trees": {"authenticationSessionsStateManagement": "X"}}`: `there is no scheme "X"; AM has JWT, CTS and In-Memory`,
	} {
		if err := migrate.Realm(new(bytes.Buffer), "/", []byte(data)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", data, err)
		}
	}
}

// TestRecordedSettings converts the settings of every AM that was recorded.
func TestRecordedSettings(t *testing.T) {
	data, err := os.ReadFile("../../shared/recordings/settings.jsonl")
	if err != nil {
		t.Skip("the recordings, ../shared/recordings beside this repository, are not here")
	}
	seen := 0
	for line := range bytes.Lines(data) {
		var recorded struct {
			Request  struct{ Method, Path string }
			Response struct {
				Status int
				Body   json.RawMessage
			}
		}
		if err := json.Unmarshal(line, &recorded); err != nil {
			t.Fatal(err)
		}
		if recorded.Response.Status != 200 || recorded.Request.Method != "GET" || !strings.HasSuffix(recorded.Request.Path, "/realm-config/authentication") {
			continue
		}
		seen++
		var b bytes.Buffer
		if err := migrate.Realm(&b, "/alpha", recorded.Response.Body); err != nil {
			t.Errorf("%v\n%s", err, recorded.Response.Body)
		}
		if !strings.Contains(b.String(), "journey_sessions ") {
			t.Error(b.String())
		}
	}
	if seen < 3 {
		t.Errorf("only %d settings were found", seen)
	}
}

// FuzzRealm: no file makes more of the block than comments and known options.
func FuzzRealm(f *testing.F) {
	f.Add([]byte(`{"trees": {"authenticationSessionsStateManagement": "CTS"}, "core": {"orgConfig": "a b"}}`))
	f.Add([]byte(`{"authentication": {"general": {"x": "\n}\n{$A}` + "`" + `\""}}}`))
	f.Add([]byte(`{"core": {"orgConfig": "}\n"}, "postauthprocess": {"loginSuccessUrl": ["#", "a\nb", ""]}}`))
	options := []string{
		"journey_sessions", "authenticated_sessions", "allowlisting", "journey_timeout", "suspend_timeout", "lockout",
		"default_journey", "success_url", "failure_url",
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var b bytes.Buffer
		if migrate.Realm(&b, "/alpha", data) != nil {
			return
		}
		tokens, err := caddyfile.Tokenize(b.Bytes(), "Caddyfile")
		if err != nil {
			t.Fatalf("%v\n%s", err, b.String())
		}
		d := caddyfile.NewDispenser(tokens)
		d.Next()
		d.NextArg()
		for d.NextBlock(0) {
			known := false
			for _, o := range options {
				known = known || d.Val() == o
			}
			if !known {
				t.Fatalf("there is the option %q in\n%s", d.Val(), b.String())
			}
			d.RemainingArgs()
		}
		if d.Next() {
			t.Fatalf("something follows the block:\n%s", b.String())
		}
	})
}
