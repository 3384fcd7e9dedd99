package nodes

import "strings"

// attributeKind is what the values of an attribute are.
type attributeKind uint8

const (
	attributeString attributeKind = iota
	attributeNumber
	attributeBoolean
)

// prompts are IDM's titles of the attributes of its managed users.
var prompts = map[string]string{
	"userName":              "Username",
	"givenName":             "First Name",
	"sn":                    "Last Name",
	"cn":                    "Common Name",
	"displayName":           "Display Name",
	"mail":                  "Email Address",
	"description":           "Description",
	"accountStatus":         "Status",
	"telephoneNumber":       "Telephone Number",
	"postalAddress":         "Address 1",
	"city":                  "City",
	"postalCode":            "Postal Code",
	"country":               "Country",
	"stateProvince":         "State/Province",
	"profileImage":          "Profile Image",
	"age":                   "Age",
	"preferences/updates":   "Send me news and updates",
	"preferences/marketing": "Send me special offers and services",
}

// promptOf is the prompt for an attribute: IDM's title, else its name.
func promptOf(attribute string) string {
	if prompt, ok := prompts[attribute]; ok {
		return prompt
	}
	return attribute
}

// kindOfAttribute is what an attribute's values are in IDM's managed users. A
// text is what everything else is.
func kindOfAttribute(attribute string) attributeKind {
	switch {
	case strings.HasPrefix(attribute, "preferences/"):
		return attributeBoolean
	case attribute == "age", strings.HasPrefix(attribute, "frIndexedInteger"), strings.HasPrefix(attribute, "frUnindexedInteger"):
		return attributeNumber
	}
	return attributeString
}
