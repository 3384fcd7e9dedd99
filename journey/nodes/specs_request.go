package nodes

import "github.com/amgate/amgate/journey"

// requestSpecs are the nodes about the request, the state and the flow of a
// journey.
func requestSpecs() []Spec {
	return []Spec{
		{
			Name: "auth_level", Type: "AuthLevelDecisionNode", Title: "Auth Level Decision",
			Doc:    "Decides whether the journey has reached an authentication level: true if it has, else false.",
			New:    func() journey.Node { return new(AuthLevel) },
			Proves: []string{}, // earlier nodes prove what the level stands for
		},
		{
			Name: "choice", Type: "ChoiceCollectorNode", Title: "Choice Collector",
			Doc: "Asks to pick one of several texts, each of which is an outcome. If the journey must reach an " +
				"authentication level, choices that cannot lead there are left out; one that is left alone is taken without asking.",
			Callbacks: []string{"ChoiceCallback"},
			New:       func() journey.Node { return new(Choice) },
			Proves:    []string{},
		},
		{
			Name: "cookie_presence", Type: "CookiePresenceDecisionNode", Title: "Cookie Presence Decision Node",
			Doc:         "Decides whether the client sent a cookie of a name, whatever its value. Anybody can send one.",
			Differences: "amgate's own cookies are never seen: for them the outcome is false.",
			New:         func() journey.Node { return new(CookiePresence) },
			Proves:      []string{},
		},
		{
			Name: "debug", Type: "DebugNode", Title: "Debug Node",
			Doc: "Shows the journey's state to whoever walks it. What is transient or secure is not shown, nor anything " +
				"that is named a password, a secret or an answer. It is for journeys in the making.",
			Differences: "AM sends scripts that open a window of their own and go on by themselves, and shows secrets. " +
				"amgate sends no scripts: the state is a text, and the client goes on. Nothing is logged.",
			Callbacks: []string{"TextOutputCallback"},
			New:       newDebug,
		},
		{
			Name: "device_profile", Type: "DeviceProfileCollectorNode", Title: "Device Profile Collector",
			Doc: "Asks the client's program to describe its device. A description that is too large, no JSON object or without " +
				"an identifier ends the journey.",
			Callbacks: []string{"DeviceProfileCallback"},
			New:       newDeviceProfile,
		},
		{
			Name: "flow_control", Type: "FlowControlNode", Title: "Flow Control",
			Doc:         "Sends some journeys one way and the others another, by chance.",
			Differences: "The display names of the outcomes have no effect.",
			New:         newFlowControl,
			Proves:      []string{},
		},
		{
			Name: "inner_tree", Type: "InnerTreeEvaluatorNode", Title: "Inner Tree Evaluator",
			Doc: "Runs another journey of the realm at its place: true if that succeeds, false if it fails. " +
				"It cannot be on a page.",
			New:    func() journey.Node { return new(InnerTree) },
			Proves: []string{journey.InnerTrue}, // as far as the inner journey does
		},
		{
			Name: "metadata", Type: "MetadataNode", Title: "State metadata",
			Doc: "Tells the client's program values of the state, beside what the other nodes of its page ask. " +
				"Values that are transient or secure are left out.",
			Differences: "On its own, outside a page, it is a step that the client answers; AM never leaves such a node.",
			Callbacks:   []string{"MetadataCallback"},
			New:         func() journey.Node { return new(Metadata) },
		},
		{
			Name: "meter", Type: "MeterNode", Title: "Meter",
			Doc: "Counts, under a name, how often journeys come by.",
			New: func() journey.Node { return new(Meter) },
		},
		{
			Name: "modify_auth_level", Type: "ModifyAuthLevelNode", Title: "Modify Auth Level",
			Doc:         "Adds to the authentication level of the journey.",
			Differences: "It cannot be on a page, where it would count each time the page is shown.",
			New:         func() journey.Node { return new(ModifyAuthLevel) },
		},
		{
			Name: "polling_wait", Type: "PollingWaitNode", Title: "Polling Wait Node",
			Doc:       "Lets the client wait. An answer that comes too early is asked again, and does not make the wait any longer.",
			Callbacks: []string{"PollingWaitCallback", "ConfirmationCallback"},
			New:       newPollingWait,
			Proves:    []string{},
		},
		{
			Name: "query_parameter", Type: "QueryParameterNode", Title: "Query Parameter Node",
			Doc: "Copies parameters of the request's query into the state, each as a list of its values: an empty one if the " +
				"client did not send it.",
			Differences: "AM decodes percent signs twice, amgate once. Keys of the state that belong to the journey " +
				"(`realm`, `authLevel`, `targetAuthLevel`, `pageNodeCallbacks`) are refused.",
			New: func() journey.Node { return new(QueryParameter) },
		},
		{
			Name: "request_header", Type: "RequestHeaderNode", Title: "Request Header Node",
			Doc: "Copies headers of the request into the state, each as a list of its values: an empty one if the client did not " +
				"send it.",
			Differences: "Nodes do not see `Cookie`, `Authorization`, `Proxy-Authorization` and the headers that carry SSO tokens. " +
				"Keys of the state that belong to the journey (`realm`, `authLevel`, `targetAuthLevel`, `pageNodeCallbacks`) are refused.",
			New: func() journey.Node { return new(RequestHeader) },
		},
		{
			Name: "set_custom_cookie", Type: "SetCustomCookieNode", Title: "Set Custom Cookie",
			Doc:         "Sets a cookie with the reply to this step, whatever becomes of the journey.",
			Differences: "A cookie of amgate's own, and one that a browser would not take, is refused when the journey is loaded.",
			New:         newSetCustomCookie,
		},
		{
			Name: "set_state", Type: "SetStateNode", Title: "Set State",
			Doc: "Puts texts into the state, in the place of what was there.",
			Differences: "Keys of the state that belong to the journey (`realm`, `authLevel`, `targetAuthLevel`, " +
				"`pageNodeCallbacks`) are refused.",
			New: func() journey.Node { return new(SetState) },
		},
		{
			Name: "timer_start", Type: "TimerStartNode", Title: "Timer Start",
			Doc: "Keeps the time in the state, for timer_stop.",
			New: newTimerStart,
		},
		{
			Name: "timer_stop", Type: "TimerStopNode", Title: "Timer Stop",
			Doc: "Reports the time since timer_start under a name. Without a timer_start before it does nothing.",
			New: newTimerStop,
		},
	}
}
