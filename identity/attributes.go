package identity

import (
	"slices"
	"strings"
)

// Names of attributes that stand for a field of User, as IDM has them.
const (
	AttributeID       = "_id"
	AttributeUserName = "userName"
	AttributeMail     = "mail"
	AttributePassword = "password"
	AttributeStatus   = "accountStatus"
)

// Values are the values of an attribute, by the name that IDM or AM's LDAP
// schema has for it; "preferences/marketing" is the member marketing of the
// attribute preferences, and a slash in front does not count. A password has
// no value that anybody may see, see Has. The result must not be changed.
func (u *User) Values(attribute string) []string {
	attribute = strings.TrimPrefix(attribute, "/")
	switch attribute {
	case AttributeID:
		return []string{u.ID}
	case AttributeUserName, "uid":
		return []string{u.Username}
	case AttributeStatus:
		return []string{u.status("active", "inactive")}
	case "inetUserStatus", "inetuserstatus":
		return []string{u.status("Active", "Inactive")}
	case "roles", "effectiveRoles":
		return u.Roles
	case AttributePassword, "userPassword":
		return nil
	}
	return u.Attributes[attribute]
}

func (u *User) status(active, inactive string) string {
	if u.Active {
		return active
	}
	return inactive
}

// Has reports whether an attribute, or a member of it, has a value that is not
// empty.
func (u *User) Has(attribute string) bool {
	attribute = strings.TrimPrefix(attribute, "/")
	if attribute == AttributePassword || attribute == "userPassword" {
		return u.HasPassword
	}
	if slices.ContainsFunc(u.Values(attribute), isThere) {
		return true
	}
	for name, values := range u.Attributes {
		if strings.HasPrefix(name, attribute+"/") && slices.ContainsFunc(values, isThere) {
			return true
		}
	}
	return false
}

func isThere(value string) bool { return value != "" }

// Matches reports whether one of an attribute's values is value: in the form
// of Canonical, apart from the id, which has no other spellings. Nothing
// matches a value whose form is empty.
func (u *User) Matches(attribute, value string) bool {
	if strings.TrimPrefix(attribute, "/") == AttributeID {
		return value != "" && u.ID == value
	}
	form := Canonical(value)
	return form != "" && slices.ContainsFunc(u.Values(attribute), func(v string) bool { return Canonical(v) == form })
}

// secretNames are in the names of attributes with whose values one could sign
// in.
var secretNames = []string{"password", "secret", "kbainfo", "deviceprofile", "token"}

// IsSecret reports whether an attribute, by its name, has what no profile
// shows: with its values one could sign in.
func IsSecret(attribute string) bool {
	attribute = strings.ToLower(attribute)
	return slices.ContainsFunc(secretNames, func(part string) bool { return strings.Contains(attribute, part) })
}
