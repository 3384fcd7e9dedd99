package file

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/amgate/amgate/identity"
)

func TestParseDefaults(t *testing.T) {
	for name, text := range map[string]string{
		"users.yaml": "users:\n  - username: bob\n    attributes:\n      mail: bob@example.com\n",
		"users.json": "{\n\t\"users\": [\n\t\t{\"username\": \"bob\", \"attributes\": {\"mail\": \"bob@example.com\"}}\n\t]\n}\n",
	} {
		p, err := parse(name, []byte(text))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		want := identity.User{ID: "bob", Username: "bob", Active: true, Attributes: map[string][]string{"mail": {"bob@example.com"}}}
		if diff := cmp.Diff(want, p.byID["bob"].user); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if p.byID["bob"].user.HasPassword {
			t.Errorf("%s: a user without a password has one", name)
		}
	}
}

func TestParseAccepts(t *testing.T) {
	for name, text := range map[string]string{
		"nobody":                 "users: []",
		"empty password":         "users:\n- {username: a, password: ''}",
		"null password":          "users:\n- username: a\n  password:\n",
		"comment and marker":     "# people\n---\nusers: []\n...\n",
		"JSON with CRLF":         "{\r\n\"users\": [\r\n]}\r\n",
		"JSON with escapes":      `{"users": [{"username": "\ud83d\ude00\/"}]}`,
		"JSON null password":     `{"users": [{"username": "a", "password": null}]}`,
		"JSON of PHP (\\/)":      `{"users": [{"username": "a", "password": "` + strings.ReplaceAll(cheap("x"), "/", `\/`) + `"}]}`,
		"name of another, as id": "users:\n- {username: a, id: b}\n- {username: b, id: a}",
	} {
		if _, err := parse("users", []byte(text)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestParseRefusesWithLine(t *testing.T) {
	good := cheap("changeit")
	for name, tc := range map[string]struct{ text, want string }{
		"empty":                  {"", `f:1: the file is empty; a realm without people has "users: []"`},
		"only a comment":         {"# nobody\n", `f:1: the file is empty; a realm without people has "users: []"`},
		"not UTF-8":              {"users:\n- username: \"\xff\"", "f:2: the file is not UTF-8 from here on"},
		"UTF-16":                 {"\xff\xfeu\x00", "f:1: the file is not UTF-8 from here on"},
		"a list":                 {"- username: a", "f:1: the file is a list, it must have members"},
		"a text":                 {"users", "f:1: the file is a text, it must have members"},
		"no users":               {"# x\n{}", `f:2: there is no member "users"; a realm without people has "users: []"`},
		"users not a list":       {"users:\n  bob: {}", "f:2: users: is an object, it must be a list of users"},
		"users null":             {"users:\n", "f:1: users: is empty, it must be a list of users"},
		"unknown at the top":     {"users: []\ngroups: []", `f:2: unknown member "groups"; known are users`},
		"user not an object":     {"users:\n- bob", "f:2: user 1: a user is a text, it must have members"},
		"no username":            {"users:\n- username: a\n- id: b", "f:3: user 2: there is no username"},
		"unknown member":         {"users:\n- username: bob\n  pasword: x", `f:3: user "bob": unknown member "pasword"; known are active, attributes, id, password, roles, username`},
		"member twice":           {"users:\n- username: bob\n  active: true\n  active: false", `f:4: user "bob": the member "active" is there twice`},
		"users twice":            {"users: []\nusers: []", `f:2: the member "users" is there twice`},
		"number as id":           {"users:\n- username: bob\n  id: 4711", `f:3: user "bob": id: is a number, it must be a text; put it in quotes`},
		"date as name":           {"users:\n- username: 2020-01-01", `f:2: user "2020-01-01": username: is a date, it must be a text; put it in quotes`},
		"empty name":             {"users:\n- username: ''", "f:2: user 1: username: is empty"},
		"invisible name":         {"users:\n- username: \"\\u200b\"", `f:2: user "\u200b": username: is empty`},
		"control in the name":    {"users:\n- username: \"a\\r\\nX: y\"", `f:2: user "a\r\nX: y": username: holds a control character`},
		"empty id":               {"users:\n- username: bob\n  id: ''", `f:3: user "bob": id: is empty`},
		"same id":                {"users:\n- username: a\n- username: b\n  id: a", `f:3: user "a": the user of line 2 has the same id`},
		"same name":              {"users:\n- {username: bob, id: x}\n- {username: 'BOB ', id: y}", `f:3: user "BOB ": the user of line 2 has the same username`},
		"roles a text":           {"users:\n- username: bob\n  roles: admin", `f:3: user "bob": roles: is a text, it must be a list of texts`},
		"roles null":             {"users:\n- username: bob\n  roles:\n", `f:3: user "bob": roles: is empty, it must be a list of texts`},
		"role with a comma":      {"users:\n- username: bob\n  roles:\n  - ok\n  - a,admin", `f:5: user "bob": roles: "a,admin" holds a comma`},
		"role twice":             {"users:\n- username: bob\n  roles: [a, a]", `f:3: user "bob": roles: "a" is there twice`},
		"role a number":          {"users:\n- username: bob\n  roles: [7]", `f:3: user "bob": roles: is a number, it must be a text; put it in quotes`},
		"active a text":          {"users:\n- username: bob\n  active: yes", `f:3: user "bob": active: is a text, it must be true or false`},
		"active a quoted flag":   {"users:\n- username: bob\n  active: 'false'", `f:3: user "bob": active: is a text, it must be true or false`},
		"attributes a list":      {"users:\n- username: bob\n  attributes: []", `f:3: user "bob": attributes: is a list, it must have members, each a text or a list of texts`},
		"attribute a number":     {"users:\n- username: bob\n  attributes:\n    phone: 0049", `f:4: user "bob": attributes: phone: is a number, it must be a text; put it in quotes`},
		"attribute nested":       {"users:\n- username: bob\n  attributes:\n    mail: [[a]]", `f:4: user "bob": attributes: mail: is a list, it must be a text; put it in quotes`},
		"attribute twice":        {"users:\n- username: bob\n  attributes:\n    mail: a\n    mail: b", `f:5: user "bob": attributes: the attribute "mail" is there twice`},
		"plain password":         {"users:\n- username: bob\n  password: changeit", `f:3: user "bob": password: not a password hash that can be used: it begins neither with $argon2id$ nor with $2a$, $2b$ or $2y$ (amgate hash-password makes one)`},
		"number as password":     {"users:\n- username: bob\n  password: 12345678", `f:3: user "bob": password: is a number, it must be a text; put it in quotes`},
		"dear hash":              {"users:\n- username: bob\n  password: " + strings.Replace(good, "m=8", "m=4194304", 1), `f:3: user "bob": password: not a password hash that can be used: m=4194304 is outside of 8 to 262144 (amgate hash-password makes one)`},
		"alias":                  {"users:\n- &a\n  username: bob\n- *a", "f:4: user 2: a user is an alias, which is not allowed, it must have members"},
		"merge":                  {"users:\n- &a {username: bob}\n- <<: *a", "f:3: user 2: unknown member \"<<\"; known are active, attributes, id, password, roles, username\nf:3: user 2: there is no username"},
		"password with an alias": {"users:\n- username: bob\n  password: *Hifalutin", "f:3: a value that begins with * must be put in quotes; aliases are not allowed"},
		"custom type":            {"users:\n- username: !secret bob", `f:2: user "bob": username: is of an unknown type, it must be a text; put it in quotes`},
		"two documents":          {"users: []\n---\nusers: []", "f:2: a second document begins; only one is read"},
		"broken YAML":            {"users:\n- username: bob\n   roles: []", "f:3: not YAML: mapping values are not allowed in this context"},
		"broken JSON":            {"{\"users\": [\n{\"username\" \"bob\"}]}", "f:2: not JSON: invalid character '\"' after object key"},
		"JSON ends early":        {"{\"users\": [\n{\"username\": \"bob\"}\n", "f:3: not JSON: the file ends too early"},
		"JSON comma too many":    {"{\"users\": [\n{\"username\": \"bob\"},\n]}", "f:3: not JSON: invalid character ']' looking for beginning of value"},
		"JSON and more":          {"{\"users\": []}\n{}", "f:2: not JSON: something follows the closing brace"},
		"JSON member twice":      {"{\"users\": [\n{\"username\": \"bob\",\n\"username\": \"bob\"}]}", `f:3: user "bob": the member "username" is there twice`},
		"JSON number":            {"{\"users\": [\n{\"username\": 7}]}", `f:2: user "7": username: is a number, it must be a text; put it in quotes`},
		"JSON deep":              {`{"users": ` + strings.Repeat("[\n", 1_000_000), "f:31: not JSON: nested too deeply"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := parse("/etc/am/f", []byte(tc.text))
			if err == nil {
				t.Fatal("accepted")
			}
			if err.Error() != tc.want {
				t.Errorf("\n got %v\nwant %s", err, tc.want)
			}
		})
	}
}

func TestParseTellsOfManyMistakesButNotOfAll(t *testing.T) {
	_, err := parse("f", []byte("users:\n"+strings.Repeat("- bob\n", 100)))
	lines := strings.Split(err.Error(), "\n")
	if len(lines) != maxProblems+1 || lines[maxProblems] != "f: and 90 more" {
		t.Errorf("%d lines, the last is %q", len(lines), lines[len(lines)-1])
	}
}

// The log of a refused file goes where many can read it. Whatever is wrong
// with a user, the text must not repeat a password or its hash. SECURITY 55.
func TestErrorsNeverRepeatAPassword(t *testing.T) {
	hash := cheap("changeit")
	secret := hash[len(hash)-20:]
	for _, password := range []string{
		hash + "x", " " + hash, "'" + hash, "\"" + hash, "[" + hash + "]", "{" + hash + ": 1}", "!!int " + hash, "!x " + hash,
		"*" + secret, "&a *" + secret, "%" + hash, "@" + hash, "`" + hash, "|\n    " + hash + "\n   x", "? " + hash, hash + ": " + hash,
	} {
		for _, text := range []string{
			"users:\n- username: bob\n  password: " + password,
			"{\"users\": [{\"username\": \"bob\",\n\"password\": " + password + "}]}",
			"{\"users\": [{\"username\": \"bob\",\n\"password\": \"" + password + "\"\"}]}",
			"users:\n- username: bob\n  " + password + ": 1\n",
		} {
			_, err := parse("f", []byte(text))
			if err != nil && strings.Contains(err.Error(), secret) {
				t.Errorf("%s\nmakes the error\n%v", text, err)
			}
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("users:\n- &a {username: bob, password: '$2b$04$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW'}\n- *a\n"))
	f.Add([]byte(`{"users": [{"id": "1", "username": "bob", "roles": ["a"], "active": false, "attributes": {"mail": ["x"]}}]}`))
	f.Add([]byte("users: [{username: a, attributes: {<<: {x: [y]}}}]"))
	f.Add([]byte("? - : \n - *x\n--- !!binary |\n..."))
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := parse("f", text)
		if err != nil {
			for line := range strings.SplitSeq(err.Error(), "\n") {
				if !strings.HasPrefix(line, "f:") {
					t.Errorf("a line of the error names no file: %q", line)
				}
			}
			return
		}
		if len(p.byID) != len(p.byName) {
			t.Errorf("%d ids, %d names", len(p.byID), len(p.byName))
		}
		for id, one := range p.byID {
			if id == "" || one.user.ID != id || p.byName[identity.Canonical(one.user.Username)] != one {
				t.Errorf("user %+v is not found under its id and its name", one.user)
			}
		}
	})
}
