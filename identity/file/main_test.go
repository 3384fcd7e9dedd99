package file

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"
	"go.yaml.in/yaml/v3"
	"golang.org/x/crypto/argon2"

	"github.com/amgate/amgate/identity"
	"github.com/amgate/amgate/identity/identitytest"
	"github.com/amgate/amgate/identity/password"
	"github.com/amgate/amgate/logtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestConformance(t *testing.T) {
	for name, marshal := range map[string]func(any) ([]byte, error){"users.json": json.Marshal, "users.yaml": yaml.Marshal} {
		t.Run(name, func(t *testing.T) {
			identitytest.Run(t, func(t *testing.T, people []identitytest.Person) identity.Store {
				text, err := marshal(document(people))
				if err != nil {
					t.Fatal(err)
				}
				s, _ := openText(t, name, string(text))
				return s
			})
		})
	}
}

// document is the file that holds these people.
func document(people []identitytest.Person) any {
	var users []any
	for _, p := range people {
		user := map[string]any{
			"id": p.ID, "username": p.Username, "roles": p.Roles, "active": p.Active, "attributes": p.Attributes,
		}
		if p.Password != "" {
			user["password"] = cheap(p.Password)
		}
		users = append(users, user)
	}
	return map[string]any{"users": users}
}

// cheap is a hash that takes microseconds.
func cheap(pw string) string { return hashed(pw, 8, 1) }

func hashed(pw string, memory, time uint32) string {
	salt := []byte("sixteen bytes...")
	enc := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=19$m=%d,t=%d,p=1$%s$%s", memory, time,
		enc.EncodeToString(salt), enc.EncodeToString(argon2.IDKey([]byte(pw), salt, time, memory, 1, 32)))
}

// openText opens a store over a file of this name and text, and returns its
// path and log.
func openText(t testing.TB, name, text string) (*Store, *logtest.Log) {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	write(t, path, text)
	return open(t, path)
}

func open(t testing.TB, path string) (*Store, *logtest.Log) {
	t.Helper()
	var log logtest.Log
	s, err := Open(Config{
		Path:   path,
		Gate:   password.NewGate(0, 1000),
		Logger: log.Logger(),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s, &log
}

func write(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
