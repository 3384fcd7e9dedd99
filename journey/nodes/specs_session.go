package nodes

import "github.com/amgate/amgate/journey"

// differentCookie is how amgate's persistent cookies differ from AM's.
const differentCookie = "The cookie names the user by id and is sealed by the realm's secret, as a JWE; the signing key, if there is one, is " +
	"part of what it is sealed for. It is the host's alone (AM sets it for every cookie domain), and SameSite=Lax. " +
	"AM's own persistent cookies are not known here. Where the realm's people tell when they change, as those of a file do, " +
	"a cookie is no longer good once its user's password has changed, or the user is gone or not active; nor is one that was set " +
	"before cookies said which password it was, so its user signs in once more. In AM it stays good. " +
	"A logout takes the cookies away that its request carries; AM does so by Clear-Site-Data."

// mailsToAccounts reports whether the link of an Email Suspend node only ever
// goes to the address of an account, and so says who follows it.
func mailsToAccounts(node journey.Node) bool {
	n, ok := node.(*EmailSuspend)
	return ok && n.Lookup
}

// sessionSpecs are the nodes about the session, mail, one-time passwords,
// persistent cookies and what the reply says.
func sessionSpecs() []Spec {
	return []Spec{
		{
			Name: "email_suspend", Type: "EmailSuspendNode", Title: "Email Suspend Node",
			Doc: "Mails a link and suspends the journey until somebody follows it. Without a user or an address the client sees " +
				"the same, and there is no mail.",
			Differences: "With lookup, whoever follows the link is identified as the user whom it was mailed to; " +
				"in AM any user name that was collected counts at success. Without lookup, a journey that has identified a user gets a link " +
				"only if the address that was collected is the account's own, and a link that was mailed elsewhere ends it with an error: " +
				"in AM whoever types another address than the user's gets a link that signs them in as that user.",
			Callbacks: []string{"SuspendedTextOutputCallback"},
			New:       newEmailSuspend,
			Proves:    []string{outcomeOnly},
			Vouches:   mailsToAccounts,
			Depends:   "with `lookup` only",
		},
		{
			Name: "email_template", Type: "EmailTemplateNode", Title: "Email Template Node",
			Doc: "Mails what a template makes to the journey's user: EMAIL_SENT once the mail server has taken it, " +
				"EMAIL_NOT_SENT if there is no user, no address, or the mail is refused.",
			Differences: "AM does not wait for the mail server, and so does not know that a mail is refused.",
			New:         newEmailTemplate,
			Proves:      []string{},
		},
		{
			Name: "one_time_password", Type: "OneTimePasswordCollectorDecisionNode", Title: "OTP Collector Decision",
			Doc: "Asks for the one-time password: true if it is right and young enough. It is then gone.",
			Differences: "The user to whom the one-time password was mailed is identified; one that was mailed to anybody else " +
				"than the journey's user, such as to an address that was typed before there was one, is never right. Wrong answers count for the lockout of the user, " +
				"with those at other one-time passwords and in other journeys, and a right password does not make up for them. " +
				"Besides, after ten wrong answers nothing is right until a new one is generated; " +
				"AM leaves both to a Retry Limit node alone. With allowlisting off, a client that carries its journey can begin to count anew.",
			Callbacks: []string{"PasswordCallback"},
			New:       newOTPDecision,
			Proves:    []string{outcomeTrue},
		},
		{
			Name: "one_time_password_generator", Type: "OneTimePasswordGeneratorNode", Title: "HOTP Generator",
			Doc: "Makes a one-time password (HOTP, RFC 4226, with a random secret) for the nodes that send and ask for it. It replaces an older one.",
			New: newOTPGenerator,
		},
		{
			Name: "one_time_password_smtp_sender", Type: "OneTimePasswordSmtpSenderNode", Title: "OTP Email Sender",
			Doc: "Mails the one-time password to the journey's user, or to the collected address while there is none. " +
				"Without an address the journey ends with an error.",
			Differences: "The mail server is the realm's (smtp): hostName, hostPort, username, password, passwordPurpose, " +
				"fromEmailAddress, sslOption and smsGatewayImplementationClass are read, so that exports load, and have no effect. " +
				"A user of the realm gets the mail at the address of the account, never at one that the client has typed.",
			New: newOTPMailSender,
		},
		{
			Name: "persistent_cookie", Type: "PersistentCookieDecisionNode", Title: "Persistent Cookie Decision",
			Doc: "Knows a user by the cookie that set_persistent_cookie has set, with the same name and key: true if it is of " +
				"this realm, not over, and of a user who may sign in and has the same password since. After success its idle time begins anew.",
			Differences: differentCookie,
			New:         newPersistentCookie,
			Proves:      []string{outcomeTrue},
		},
		{
			Name: "register_logout_webhook", Type: "RegisterLogoutWebhookNode", Title: "Register Logout Webhook",
			Doc: "Makes a webhook of the realm be called when the session ends.",
			New: func() journey.Node { return new(RegisterLogoutWebhook) },
		},
		{
			Name: "remove_session_properties", Type: "RemoveSessionPropertiesNode", Title: "Remove Session Properties",
			Doc: "Drops properties that earlier nodes set for the session.",
			New: func() journey.Node { return new(RemoveSessionProperties) },
		},
		{
			Name: "session_data", Type: "SessionDataNode", Title: "Get Session Data",
			Doc: "Copies a property of the session that the client has already into the journey's state.",
			New: func() journey.Node { return new(SessionData) },
		},
		{
			Name: "set_error_details", Type: "SetErrorDetailsNode", Title: "Set Error Details",
			Doc: "Says what the client is told if the journey ends with an error.",
			New: func() journey.Node { return new(SetErrorDetails) },
		},
		{
			Name: "set_failure_details", Type: "SetFailureDetailsNode", Title: "Set Failure Details",
			Doc: "Says what the client is told if the journey fails.",
			New: func() journey.Node { return new(SetFailureDetails) },
		},
		{
			Name: "set_failure_url", Type: "SetFailureUrlNode", Title: "Failure URL",
			Doc: "Says where the client goes after failure, unless its gotoOnFail says otherwise.",
			New: func() journey.Node { return new(SetFailureURL) },
		},
		{
			Name: "set_persistent_cookie", Type: "SetPersistentCookieNode", Title: "Set Persistent Cookie",
			Doc:         "Gives the client a cookie, once the journey has succeeded, by which persistent_cookie knows the user again.",
			Differences: differentCookie,
			New:         newSetPersistentCookie,
		},
		{
			Name: "set_session_properties", Type: "SetSessionPropertiesNode", Title: "Set Session Properties",
			Doc: "Sets properties of the session, and how long it lives. Of several such nodes the last one counts.",
			Differences: "A property that the server itself sets, such as UserId or AuthLevel, is refused when the journey is loaded. " +
				"Those that begin with am.protected. can be set.",
			New: func() journey.Node { return new(SetSessionProperties) },
		},
		{
			Name: "set_success_details", Type: "SetSuccessDetailsNode", Title: "Set Success Details",
			Doc: "Adds members to the reply that reports success.",
			New: func() journey.Node { return new(SetSuccessDetails) },
		},
		{
			Name: "update_journey_timeout", Type: "UpdateJourneyTimeoutNode", Title: "Update Journey Timeout",
			Doc: "Changes how long the whole journey may take.",
			New: func() journey.Node { return new(UpdateJourneyTimeout) },
		},
	}
}
