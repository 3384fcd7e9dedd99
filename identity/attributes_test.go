package identity_test

import (
	"slices"
	"testing"

	"github.com/amgate/amgate/identity"
)

func TestAttributesOfAUser(t *testing.T) {
	u := &identity.User{
		ID: "4711", Username: "bjensen", Active: true, HasPassword: true, Roles: []string{"staff"},
		Attributes: map[string][]string{
			"mail": {"a@example.com", "b@example.com"}, "preferences/marketing": {"true"}, "description": {""},
			"password": {"a mistake in the store"}, "_id": {"another mistake"},
		},
	}
	for attribute, want := range map[string]struct {
		values []string
		has    bool
	}{
		"_id":                    {[]string{"4711"}, true},
		"userName":               {[]string{"bjensen"}, true},
		"/userName":              {[]string{"bjensen"}, true},
		"uid":                    {[]string{"bjensen"}, true},
		"username":               {nil, false},
		"accountStatus":          {[]string{"active"}, true},
		"inetUserStatus":         {[]string{"Active"}, true},
		"roles":                  {[]string{"staff"}, true},
		"password":               {nil, true},
		"userPassword":           {nil, true},
		"mail":                   {[]string{"a@example.com", "b@example.com"}, true},
		"preferences":            {nil, true},
		"preferences/marketing":  {[]string{"true"}, true},
		"/preferences/marketing": {[]string{"true"}, true},
		"pref":                   {nil, false},
		"description":            {[]string{""}, false},
		"":                       {nil, false},
	} {
		if got := u.Values(attribute); !slices.Equal(got, want.values) || u.Has(attribute) != want.has {
			t.Errorf("%q: values %q, there %v; want %q, %v", attribute, got, u.Has(attribute), want.values, want.has)
		}
	}
	nobody := &identity.User{ID: "x", Username: "x"}
	if nobody.Has("password") || !slices.Equal(nobody.Values("accountStatus"), []string{"inactive"}) {
		t.Errorf("%+v: %v, %q", nobody, nobody.Has("password"), nobody.Values("accountStatus"))
	}
}
