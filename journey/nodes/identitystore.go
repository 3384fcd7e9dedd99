package nodes

import (
	"context"
	"errors"

	"github.com/amgate/amgate/identity"
	"github.com/amgate/amgate/journey"
)

// IdentityStore checks the collected user name and password against the
// realm's people. AM's properties about changes of the password and the form of
// the user name may be anything and have no effect.
type IdentityStore struct {
	MinimumPasswordLength any `json:"minimumPasswordLength,omitempty"`
	UniversalID           any `json:"useUniversalIdForUsername,omitempty"`
	MixedCase             any `json:"mixedCaseForPasswordChangeMessages,omitempty"`
}

// LDAP checks the collected user name and password against the realm's people.
// AM's properties of a connection may be anything and have no effect.
type LDAP struct {
	PrimaryServers         any     `json:"primaryServers,omitempty"`
	SecondaryServers       any     `json:"secondaryServers,omitempty"`
	SearchBase             any     `json:"accountSearchBaseDn,omitempty"`
	AdminDN                any     `json:"adminDn,omitempty"`
	AdminPassword          dropped `json:"adminPassword,omitzero"`
	ProfileAttribute       any     `json:"userProfileAttribute,omitempty"`
	SearchFilterAttributes any     `json:"searchFilterAttributes,omitempty"`
	SearchFilter           any     `json:"userSearchFilter,omitempty"`
	SearchScope            any     `json:"searchScope,omitempty"`
	ConnectionMode         any     `json:"ldapConnectionMode,omitempty"`
	MTLS                   any     `json:"mtlsEnabled,omitempty"`
	MTLSSecret             any     `json:"mtlsSecretLabel,omitempty"`
	ReturnDN               any     `json:"returnUserDn,omitempty"`
	CreationAttributes     any     `json:"userCreationAttrs,omitempty"`
	MinimumPasswordLength  any     `json:"minimumPasswordLength,omitempty"`
	Behera                 any     `json:"beheraEnabled,omitempty"`
	TrustAll               any     `json:"trustAllServerCertificates,omitempty"`
	HeartbeatInterval      any     `json:"heartbeatInterval,omitempty"`
	HeartbeatUnit          any     `json:"heartbeatTimeUnit,omitempty"`
	OperationsTimeout      any     `json:"ldapOperationsTimeout,omitempty"`
	MixedCase              any     `json:"mixedCaseForPasswordChangeMessages,omitempty"`
	Affinity               any     `json:"affinityLevel,omitempty"`
}

// dropped is a secret among properties that have no effect: it is not even
// kept. The others are as JSON decodes them.
type dropped struct{}

// UnmarshalJSON takes anything.
func (*dropped) UnmarshalJSON([]byte) error { return nil }

var (
	_ journey.Node     = (*IdentityStore)(nil)
	_ journey.Declarer = (*IdentityStore)(nil)
	_ journey.Node     = (*LDAP)(nil)
	_ journey.Declarer = (*LDAP)(nil)
)

func newIdentityStore() journey.Node {
	return &IdentityStore{MinimumPasswordLength: 8.0, UniversalID: false, MixedCase: false}
}

func newLDAP() journey.Node {
	return &LDAP{
		SearchScope: "SUBTREE", ConnectionMode: "LDAP", MTLS: false, ReturnDN: true, MinimumPasswordLength: 8.0,
		Behera: true, TrustAll: false, HeartbeatInterval: 10.0, HeartbeatUnit: "SECONDS", OperationsTimeout: 0.0,
		MixedCase: false, Affinity: "NONE",
	}
}

// The outcomes of IdentityStore and LDAP. The last two belong to changes of the
// password, which nobody is asked for yet.
const (
	credentialsTrue      = "TRUE"
	credentialsFalse     = "FALSE"
	credentialsLocked    = "LOCKED"
	credentialsCancelled = "CANCELLED"
	credentialsExpired   = "EXPIRED"
)

// Process implements journey.Node.
func (*IdentityStore) Process(ctx context.Context, in *journey.Input) (journey.Action, error) {
	return checkAccount(ctx, in, "DataStore")
}

// Process implements journey.Node.
func (*LDAP) Process(ctx context.Context, in *journey.Input) (journey.Action, error) {
	return checkAccount(ctx, in, "LDAP")
}

// checkAccount checks the collected credentials, and that the account may sign
// in.
func checkAccount(ctx context.Context, in *journey.Input, authType string) (journey.Action, error) {
	user, err := authenticate(ctx, in, in.Users)
	switch {
	case errors.Is(err, identity.ErrLocked):
		return journey.Goto(credentialsLocked), nil
	case refused(err):
		return journey.Goto(credentialsFalse), nil
	case err != nil:
		return journey.Action{}, err
	case !user.Active:
		in.State.PutShared(journey.KeyLockoutMessage, journey.MessageLockedOut)
		return journey.Goto(credentialsLocked), nil
	}
	return journey.Goto(credentialsTrue).WithSubject(user).WithAuthType(authType), nil
}

func credentialsOutcomes() []string {
	return []string{credentialsTrue, credentialsFalse, credentialsLocked, credentialsCancelled, credentialsExpired}
}

// Outcomes implements journey.Node.
func (*IdentityStore) Outcomes() []string { return credentialsOutcomes() }

// Outcomes implements journey.Node.
func (*LDAP) Outcomes() []string { return credentialsOutcomes() }

// Reads implements journey.Declarer.
func (*IdentityStore) Reads() []string { return credentials }

// Reads implements journey.Declarer.
func (*LDAP) Reads() []string { return credentials }

// Writes implements journey.Declarer.
func (*IdentityStore) Writes() []string { return []string{journey.KeyLockoutMessage} }

// Writes implements journey.Declarer.
func (*LDAP) Writes() []string { return []string{journey.KeyLockoutMessage} }
