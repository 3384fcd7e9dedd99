package caddymodule

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/amgate/amgate/realm"
)

// TestSigningKeyFiles: what is in the files decides, and so does who may read
// them. Each error names the file.
func TestSigningKeyFiles(t *testing.T) {
	dir := t.TempDir()
	copied := func(name string, mode os.FileMode) string {
		text, err := os.ReadFile(filepath.Join("../token/testdata/keys", name))
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(dir, mode.String()+name)
		if err := os.WriteFile(file, text, mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(file, mode); err != nil { // whatever the umask
			t.Fatal(err)
		}
		return file
	}
	t.Setenv("AM_TEST_KEY", copied("es256.pem", 0o600))
	for name, tc := range map[string]struct {
		algorithm string
		files     []string
		want      string
	}{
		"an EC key":              {"ES256", []string{copied("es256.pem", 0o600)}, ""},
		"readable by its group":  {"ES256", []string{copied("es256.pem", 0o640)}, ""},
		"by a placeholder":       {"ES256", []string{"{env.AM_TEST_KEY}"}, ""},
		"an older public one":    {"ES256", []string{copied("es256.pem", 0o600), copied("es256-public.pem", 0o644)}, ""},
		"readable by everybody":  {"ES256", []string{copied("es256.pem", 0o604)}, "everybody on this machine has access to it; take that away: chmod o-rwx"},
		"writable by everybody":  {"EdDSA", []string{copied("eddsa.pem", 0o602)}, "everybody on this machine has access to it"},
		"of another curve":       {"ES256", []string{copied("es384.pem", 0o600)}, "it is an EC key on P-384"},
		"of another type":        {"RS256", []string{copied("eddsa.pem", 0o600)}, "it is an Ed25519 key"},
		"too small":              {"RS256", []string{copied("rsa-1024.pem", 0o600)}, "an RSA key of 1024 bits"},
		"public":                 {"ES256", []string{copied("es256-public.pem", 0o600)}, "which cannot sign"},
		"absent":                 {"ES256", []string{filepath.Join(dir, "nowhere.pem")}, "nowhere.pem: no such file"},
		"a folder":               {"ES256", []string{dir}, "is a directory"},
		"of no algorithm of it":  {"HS256", []string{copied("es256.pem", 0o600)}, "the algorithm here is HS256"},
		"of an unknown variable": {"ES256", []string{"{env.AM_TEST_NO_KEY}"}, "key"},
	} {
		r := Realm{ClientSessions: &ClientSessions{Algorithms: []string{tc.algorithm}, Keys: tc.files}}
		err := r.clientSessions(&realm.Settings{AuthenticatedSessions: realm.SessionsClient})
		switch {
		case tc.want == "" && err != nil, tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)):
			t.Errorf("%s: %v, want %q", name, err, tc.want)
		}
	}
	r := Realm{ClientSessions: new(ClientSessions)}
	if err := r.clientSessions(&realm.Settings{AuthenticatedSessions: realm.SessionsServer}); err == nil {
		t.Error("sessions in the store are signed")
	}
}
