package integration

import (
	"crypto/rand"
	"encoding/json"
	"path/filepath"
	"sync"
	"testing"

	"golang.org/x/crypto/bcrypt"
)

// user is a person with a password that was made for this run.
type user struct {
	name, password string
	// id is the user's id; "" for the name.
	id         string
	roles      []string
	attributes map[string]string
}

// newUser makes a user with a password that nothing else contains, so that it
// is a leak wherever a log has it.
func newUser(name string, roles ...string) user {
	return user{name: name, password: remember("a password", rand.Text()), roles: roles}
}

// writeUsers writes the file users.json into a folder, where a Caddyfile says
// "identities file users.json". The hashes are as cheap as can be: what they
// cost is measured elsewhere.
func writeUsers(t testing.TB, dir string, users ...user) {
	t.Helper()
	type entry struct {
		ID         string            `json:"id,omitempty"`
		Username   string            `json:"username"`
		Password   string            `json:"password"`
		Roles      []string          `json:"roles,omitempty"`
		Attributes map[string]string `json:"attributes,omitempty"`
	}
	var file struct {
		Users []entry `json:"users"`
	}
	for _, u := range users {
		file.Users = append(file.Users, entry{u.id, u.name, hashOf(t, u), u.roles, u.attributes})
	}
	b, err := json.MarshalIndent(file, "", "  ")
	must(t, err)
	writeFile(t, filepath.Join(dir, "users.json"), string(b))
}

// hashes are the hashes of users' passwords: all gateways of a test have the
// same file, and another hash is another password.
var hashes sync.Map

func hashOf(t testing.TB, u user) string {
	t.Helper()
	hash, err := bcrypt.GenerateFromPassword([]byte(u.password), bcrypt.MinCost)
	must(t, err)
	first, _ := hashes.LoadOrStore(u.name+"\x00"+u.password, string(hash))
	return first.(string)
}
