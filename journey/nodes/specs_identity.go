package nodes

import (
	"slices"

	"github.com/amgate/amgate/journey"
)

// identitySpecs are the nodes about who the user is and what is known of them.
func identitySpecs() []Spec {
	return slices.Concat(credentialSpecs(), accountSpecs(), attributeSpecs(), profileSpecs())
}

// passwordChange is what is missing of two decisions about credentials.
const passwordChange = "CANCELLED and EXPIRED are never chosen, since nobody is asked to change a password yet."

// credentialSpecs are the nodes that ask for credentials, or check them.
func credentialSpecs() []Spec {
	return []Spec{
		{
			Name: "agent_data_store", Type: "AgentDataStoreDecisionNode", Title: "Agent Data Store Decision",
			Doc: "Checks the collected name and password against the realm's agents, which are no people.",
			Differences: "The session's user is called agent: and the agent's name, so that no app takes an agent for a person. " +
				"A journey must not ask anything after it.",
			New:    func() journey.Node { return new(AgentDataStore) },
			Proves: []string{outcomeTrue},
		},
		{
			Name: "identity_store", Type: "IdentityStoreDecisionNode", Title: "Identity Store Decision",
			Doc: "Checks the collected user name and password against the realm's people: TRUE, FALSE, or LOCKED for an " +
				"account that is locked out or not active.",
			Differences: passwordChange + " AM's properties are read and have no effect.",
			New:         newIdentityStore,
			Proves:      []string{credentialsTrue},
		},
		{
			Name: "ldap", Type: "LdapDecisionNode", Title: "LDAP Decision",
			Doc: "Checks the collected user name and password: TRUE, FALSE, or LOCKED for an account that is locked out or not active.",
			Differences: "It checks against the realm's people. The properties of a connection to a directory are read, so " +
				"that journeys load, and have no effect yet. " + passwordChange,
			New:    newLDAP,
			Proves: []string{credentialsTrue},
		},
		{
			Name: "platform_password", Type: "ValidatedPasswordNode", Title: "Platform Password",
			Doc: "Asks for the password, and keeps it also among the object attributes. It can check whether the password may be a new one.",
			Differences: "The rules are those of IDM without further configuration: eight characters with a capital letter " +
				"and a digit, and none of the collected names in it.",
			Callbacks: []string{"PasswordCallback", "ValidatedCreatePasswordCallback"},
			New:       newPlatformPassword,
		},
		{
			Name: "platform_username", Type: "ValidatedUsernameNode", Title: "Platform Username",
			Doc:         "Asks for the user name, and keeps it also among the object attributes. It can check whether the name may be a new user's.",
			Differences: "The rules are those of IDM without further configuration: nobody has the name, and there is no slash in it. An empty name is asked again.",
			Callbacks:   []string{"NameCallback", "ValidatedCreateUsernameCallback"},
			New:         newPlatformUsername,
		},
	}
}

// accountSpecs are the nodes about an account's state and counters.
func accountSpecs() []Spec {
	return []Spec{
		{
			Name: "account_active", Type: "AccountActiveDecisionNode", Title: "Account Active Decision",
			Doc:         "Decides whether the user's account may sign in.",
			Differences: "Somebody whom the realm does not know counts as active, so that the outcome does not tell who is known; AM ends the journey.",
			New:         func() journey.Node { return new(AccountActive) },
			Proves:      []string{},
		},
		{
			Name: "account_lockout", Type: "AccountLockoutNode", Title: "Account Lockout",
			Doc:         "Switches the account of the user whose name was collected off, or on again.",
			Differences: "For somebody whom the realm does not know it does nothing; AM ends the journey, which tells who is known.",
			New:         newAccountLockout,
		},
		{
			Name: "increment_login_count", Type: "IncrementLoginCountNode", Title: "Increment Login Count",
			Doc:         "Adds one to the user's count of logins. It cannot be on a page.",
			Differences: "The count is kept in the CTS, not with the user.",
			New:         newIncrementLoginCount,
		},
		{
			Name: "login_count", Type: "LoginCountDecisionNode", Title: "Login Count Decision",
			Doc:         "Decides by the user's count of logins: true at an amount, or every so many, else false.",
			Differences: "Somebody whom the realm does not know is false; AM ends the journey.",
			New:         newLoginCount,
			Proves:      []string{},
		},
	}
}

// attributeSpecs are the nodes that look at a user's attributes.
func attributeSpecs() []Spec {
	const unknown = "Somebody whom the realm does not know is false; AM ends the journey."
	return []Spec{
		{
			Name: "attribute_present", Type: "AttributePresentDecisionNode", Title: "Attribute Present Decision",
			Doc:    "Decides whether the user has an attribute. The attribute password is there if the user can sign in with one.",
			New:    newAttributePresent,
			Proves: []string{},
		},
		{
			Name: "attribute_value", Type: "AttributeValueDecisionNode", Title: "Attribute Value Decision",
			Doc:         "Decides whether an attribute of the user has a value, or is there.",
			Differences: unknown,
			New:         newAttributeValue,
			Proves:      []string{},
		},
		{
			Name: "identify_existing_user", Type: "IdentifyExistingUserNode", Title: "Identify Existing User",
			Doc: "Finds the only user who has the collected value of an attribute, and makes the journey this user's. That " +
				"proves nothing about the client: check credentials, or send a mail, before success.",
			New:    newIdentifyExistingUser,
			Proves: []string{},
			Names:  true,
		},
		{
			Name: "query_filter", Type: "QueryFilterDecisionNode", Title: "Query Filter Decision",
			Doc:         "Decides whether a query filter is true of the user.",
			Differences: unknown + " The values of attributes are texts, and are compared as the filter writes what it compares them with.",
			New:         newQueryFilter,
			Proves:      []string{},
		},
		{
			Name: "terms_and_conditions", Type: "TermsAndConditionsDecisionNode", Title: "Terms and Conditions Decision",
			Doc: "Decides whether the user has accepted the terms that are in force, by the attribute termsAccepted/termsVersion. " +
				"Without any terms it is true.",
			Differences: unknown,
			New:         newTerms,
			Proves:      []string{},
		},
	}
}

// profileSpecs are the nodes that collect what is to be known of a user.
func profileSpecs() []Spec {
	return []Spec{
		{
			Name: "accept_terms_and_conditions", Type: "AcceptTermsAndConditionsNode", Title: "Accept Terms and Conditions",
			Doc:         "Shows the realm's terms and conditions until they are accepted.",
			Differences: "If other terms came into force while the client read, those are shown.",
			Callbacks:   []string{"TermsAndConditionsCallback"},
			New:         func() journey.Node { return new(AcceptTerms) },
		},
		{
			Name: "attribute_collector", Type: "AttributeCollectorNode", Title: "Attribute Collector",
			Doc: "Asks for attributes of the user: texts, numbers, or true and false.",
			Differences: "What an attribute is, and its prompt, come from IDM's managed users as they are without further " +
				"configuration; an attribute that they do not have is a text. A required text must not be empty. A question " +
				"begins with an attribute of the user only if the journey has identified one, not if a name was only typed: " +
				"identityAttribute has no effect.",
			Callbacks: []string{"StringAttributeInputCallback", "NumberAttributeInputCallback", "BooleanAttributeInputCallback"},
			New:       newAttributeCollector,
		},
		{
			Name: "kba_create", Type: "KbaCreateNode", Title: "KBA Definition",
			Doc:         "Asks for two security questions with their answers.",
			Differences: "An answer must not be empty.",
			Callbacks:   []string{"KbaCreateCallback"},
			New:         newKbaCreate,
		},
	}
}
