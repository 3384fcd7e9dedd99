package integration

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/amgate/amgate/store/storetest/etcdproc"
	"github.com/amgate/amgate/token"
)

// TestSecureCluster does what docs/how-to/cluster.md says about TLS and users,
// with the commands and the configuration of the page: who is signed in goes on
// while the members restart one after the other, and after all of them did.
func TestSecureCluster(t *testing.T) {
	t.Parallel()
	dir := newDir(t)
	authority := etcdproc.NewAuthority(t)
	etcd := etcdproc.Start(t, etcdproc.Options{Members: 3, Authority: authority})
	copyFile(t, authority.File, filepath.Join(dir, "etcd-ca.pem"))
	for _, name := range []string{"admin", "amgate"} {
		cert := authority.Issue(t, name, time.Hour)
		copyFile(t, cert.File, filepath.Join(dir, name+".pem"))
		copyFile(t, cert.Key, filepath.Join(dir, name+"-key.pem"))
	}
	for _, file := range []string{"etcd-password", "root-password"} {
		writeFile(t, filepath.Join(dir, file), remember("a password of etcd", token.GenerateSecret().Base64())+"\n")
	}
	must(t, os.MkdirAll(filepath.Join(dir, "bin"), 0o700))
	must(t, os.Symlink(etcdproc.Etcdctl(t), filepath.Join(dir, "bin", "etcdctl")))

	_, page, _ := strings.Cut(readFile(t, "docs/how-to/cluster.md"), "\n## TLS and users\n")
	for i, name := range []string{"https://etcd-1:2379", "https://etcd-2:2379", "https://etcd-3:2379"} {
		page = strings.ReplaceAll(page, name, etcd.Endpoints()[i])
	}
	commands, config, _ := strings.Cut(page, "**The gateway.**")
	follow(t, "```sh\nexport PATH=$PWD/bin:$PATH\n```\n"+commands, dir)

	store := fence.FindStringSubmatch(config)
	if store == nil || store[1] != "caddy" {
		t.Fatal("the page has no section about TLS and users that ends with a configuration")
	}
	bjensen := newUser("bjensen")
	writeUsers(t, dir, bjensen)
	site := "http://localhost:" + freePort(t)
	p := start(t, spec{
		dir: dir, url: site,
		am: store[2] + `
		signing_key ` + token.GenerateSecret().Base64() + `
		cache 16MiB {
			freshness 1s
		}
		realm /alpha {
			identities file users.json
		}`,
		sites: site + " {\n\timport logged\n\tam_server /am/*\n\tam_auth {\n\t\trealm /alpha\n\t}\n\trespond \"Hello {http.auth.user.id}\"\n}\n",
	})
	c := p.client("/alpha")
	c.login(bjensen)
	answers := func(when string, want int) {
		t.Helper()
		eventually(t, 30*time.Second, func() error {
			switch r := c.get(site + "/"); r.status {
			case want:
				return nil
			case http.StatusOK, http.StatusServiceUnavailable:
				return fmt.Errorf("%s: %s", when, r)
			default:
				t.Fatalf("%s: %s", when, r)
				return nil
			}
		})
	}
	answers("at first", http.StatusOK)
	for i := range 3 {
		etcd.Stop(i)
		answers("without a member", http.StatusOK)
		etcd.Start(i)
	}
	for i := range 3 {
		etcd.Stop(i)
	}
	answers("in an outage", http.StatusServiceUnavailable)
	for i := range 3 {
		etcd.Start(i)
	}
	answers("after an outage", http.StatusOK)
	p.client("/alpha").login(bjensen)

	log, err := os.ReadFile(p.logPath())
	must(t, err)
	if strings.Contains(string(log), "remedy") {
		t.Errorf("something is said to be amiss:\n%s", p.logTail())
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	content, err := os.ReadFile(from)
	must(t, err)
	writeFile(t, to, string(content))
}
