package nodes

import "github.com/amgate/amgate/journey"

// Login is the journey of realms that do not write their own: credentials in
// headers if they were sent, else a page that asks for name and password,
// three times at most. The caller may change it.
func Login() *journey.Tree {
	page := &Page{Header: Text{"en": "Sign in", "de": "Anmelden"}, Children: []Child{
		{ID: "username", Type: "UsernameCollectorNode", Name: "username", Node: new(Username)},
		{ID: "password", Type: "PasswordCollectorNode", Name: "password", Node: new(Password)},
	}}
	return &journey.Tree{Name: "Login", Entry: "zero", Nodes: map[string]*journey.Placed{
		"zero": {
			ID: "zero", Type: "ZeroPageLoginNode", Node: newZeroPageLogin(),
			Next: map[string]string{outcomeTrue: "check", outcomeFalse: "page"},
		},
		"page": {ID: "page", Type: "PageNode", Node: page, Next: map[string]string{outcomeOnly: "check"}},
		"check": {
			ID: "check", Type: "DataStoreDecisionNode", Node: new(DataStore),
			Next: map[string]string{outcomeTrue: journey.Success, outcomeFalse: "again"},
		},
		"again": {
			// AM's limit counts what comes after the first try.
			ID: "again", Type: "RetryLimitDecisionNode", Node: &RetryLimit{Limit: 2},
			Next: map[string]string{"Retry": "page", "Reject": journey.Failure},
		},
	}}
}
