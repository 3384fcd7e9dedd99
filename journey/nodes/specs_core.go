package nodes

import "github.com/amgate/amgate/journey"

// coreSpecs are the nodes of a login with name and password.
func coreSpecs() []Spec {
	return []Spec{
		{
			Name: "data_store", Type: "DataStoreDecisionNode", Title: "Data Store Decision",
			Doc:    "Checks the collected user name and password against the realm's people.",
			New:    func() journey.Node { return new(DataStore) },
			Proves: []string{outcomeTrue},
		},
		{
			Name: "message", Type: "MessageNode", Title: "Message Node",
			Doc:       "Shows a text with two buttons; the first leads to true, the second to false.",
			Callbacks: []string{"TextOutputCallback", "ConfirmationCallback"},
			New:       func() journey.Node { return new(Message) },
			Proves:    []string{},
		},
		{
			Name: "page", Type: "PageNode", Title: "Page Node",
			Doc:         "Shows what its nodes ask as one step. Its outcomes are those of its last node.",
			Differences: "A node that changes the authentication level cannot be on a page: in AM it counts each time the page is shown.",
			New:         func() journey.Node { return new(Page) },
		},
		{
			Name: "password", Type: "PasswordCollectorNode", Title: "Password Collector",
			Doc:       "Asks for the password.",
			Callbacks: []string{"PasswordCallback"},
			New:       func() journey.Node { return new(Password) },
		},
		{
			Name: "retry_limit", Type: "RetryLimitDecisionNode", Title: "Retry Limit Decision",
			Doc:         "Lets the journey pass until the limit is reached: Retry, then Reject. It cannot be on a page.",
			Differences: "With increment_user_attribute_on_failure the count is kept in the store, not in an attribute of the user.",
			New:         newRetryLimit,
			Proves:      []string{},
			Limited:     []string{outcomeRetry},
		},
		{
			Name: "set_success_url", Type: "SetSuccessUrlNode", Title: "Success URL",
			Doc: "Says where the client goes after success, unless its goto says otherwise.",
			New: func() journey.Node { return new(SetSuccessURL) },
		},
		{
			Name: "username", Type: "UsernameCollectorNode", Title: "Username Collector",
			Doc:       "Asks for the user name.",
			Callbacks: []string{"NameCallback"},
			New:       func() journey.Node { return new(Username) },
		},
		{
			Name: "zero_page_login", Type: "ZeroPageLoginNode", Title: "Zero Page Login Collector",
			Doc:    "Takes user name and password from request headers: true if one of them is there, else false.",
			New:    newZeroPageLogin,
			Proves: []string{},
		},
	}
}
