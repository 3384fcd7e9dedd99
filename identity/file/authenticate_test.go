package file

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/amgate/amgate/identity"
	"github.com/amgate/amgate/identity/password"
)

// mixed is a file whose users have every kind of password.
func mixed() string {
	return "users:\n" +
		"- {username: known, password: '" + cheap("changeit") + "'}\n" +
		"- {username: inactive, active: false, password: '" + cheap("changeit") + "'}\n" +
		"- {username: nopassword}\n"
}

// What happened, again and again: an answer that took 5 ms instead of 200
// told that the user does not exist (SECURITY 55). So every attempt computes
// one hash, no more and no fewer, and of the same cost.
func TestEveryAttemptComputesExactlyOneHashOfOneCost(t *testing.T) {
	s, _ := openText(t, "users.yaml", mixed())
	var computed []password.Profile
	s.verify = func(d password.Digest, pw string) bool {
		computed = append(computed, d.Profile())
		return d.Verify(pw)
	}
	for _, name := range []string{"known", "inactive", "nopassword", "unknown", "", "\xff", strings.Repeat("x", 1<<16)} {
		for _, pw := range []string{"changeit", "wrong", "", strings.Repeat("x", 1<<16)} {
			computed = nil
			_, err := s.Authenticate(t.Context(), name, pw)
			if len(computed) != 1 {
				t.Fatalf("%.10q, %.10q: %d hashes (error %v)", name, pw, len(computed), err)
			}
			if want := s.people.Load().byName["known"].digest.Profile(); computed[0] != want {
				t.Errorf("%.10q, %.10q: a hash of %v, known users have %v", name, pw, computed[0], want)
			}
		}
	}
}

// Whoever has no password stays out even if a decoy should match.
func TestDecoyLetsNobodyIn(t *testing.T) {
	s, _ := openText(t, "users.yaml", mixed())
	s.verify = func(password.Digest, string) bool { return true }
	for _, name := range []string{"nopassword", "unknown", ""} {
		if u, err := s.Authenticate(t.Context(), name, "x"); !errors.Is(err, identity.ErrCredentials) {
			t.Errorf("%q: %v, %v; want ErrCredentials", name, u, err)
		}
	}
}

// Where hashes of several costs are in the file, unknown names must have the
// costs of known ones in the same shares, each name always its own: otherwise
// one cost would betray who exists. SECURITY 55.
func TestUnknownNamesHaveTheCostsOfKnownOnes(t *testing.T) {
	var text strings.Builder
	text.WriteString("users:\n")
	costs := map[string]int{hashed("x", 8, 1): 30, hashed("x", 16, 1): 60, "$2b$04$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW": 10}
	user := 0
	want := make(map[password.Profile]int)
	for hash, n := range costs {
		d, err := password.Parse(hash)
		if err != nil {
			t.Fatal(err)
		}
		want[d.Profile()] = n
		for range n {
			user++
			fmt.Fprintf(&text, "- {username: user%d, password: '%s'}\n", user, hash)
		}
	}
	p, err := parse("f", []byte(text.String()))
	if err != nil {
		t.Fatal(err)
	}
	const names = 10_000
	got := make(map[password.Profile]int)
	before := make(map[string]password.Profile)
	for i := range names {
		name := fmt.Sprintf("nobody%d", i)
		before[name] = p.decoy(name).Profile()
		got[before[name]]++
	}
	for profile, share := range want {
		if n := got[profile] * 100 / names; n < share-3 || n > share+3 {
			t.Errorf("%v: %d %% of the unknown names, %d %% of the known ones", profile, n, share)
		}
	}

	// After a change of the file nearly all names keep their cost.
	fmt.Fprintf(&text, "- {username: new, password: '%s'}\n", hashed("x", 8, 1))
	p, err = parse("f", []byte(text.String()))
	if err != nil {
		t.Fatal(err)
	}
	moved := 0
	for name, profile := range before {
		if p.decoy(name).Profile() != profile {
			moved++
		}
	}
	if moved > names*3/100 {
		t.Errorf("one user more moved %d of %d names to another cost", moved, names)
	}
}

// The same as a clock sees it: the attempts of all kinds in turn, so that
// what else the machine does meets all alike, and their medians compared.
// Without a hash for unknown users theirs would be a hundredth of the others;
// the bound is generous because the machine is shared. SECURITY 55.
func TestKnownAndUnknownUsersTakeTheSameTime(t *testing.T) {
	hash := hashed("changeit", 4096, 1)
	s, _ := openText(t, "users.yaml", strings.ReplaceAll(mixed(), cheap("changeit"), hash))
	const rounds = 41
	kinds := []string{"known", "inactive", "nopassword", "unknown"}
	took := make(map[string][]time.Duration)
	for round := range rounds {
		rand.Shuffle(len(kinds), func(i, j int) { kinds[i], kinds[j] = kinds[j], kinds[i] })
		for _, kind := range kinds {
			name := kind
			if kind == "unknown" {
				name = fmt.Sprintf("unknown%d", round)
			}
			begin := time.Now()
			if _, err := s.Authenticate(t.Context(), name, "wrong"); !errors.Is(err, identity.ErrCredentials) {
				t.Fatal(err)
			}
			took[kind] = append(took[kind], time.Since(begin))
		}
	}
	known := median(took["known"])
	for kind, all := range took {
		if ratio := float64(median(all)) / float64(known); ratio < 0.5 || ratio > 2 {
			t.Errorf("%s: median %v, for a known user %v", kind, median(all), known)
		}
	}
}

func median(all []time.Duration) time.Duration {
	slices.Sort(all)
	return all[len(all)/2]
}

// A flood of sign-ins must not heap up. The gate's refusal gets through, for
// unknown users too, and no hash is computed.
func TestAuthenticateIsBusyWhenTheGateIs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "users.yaml")
	write(t, path, mixed())
	gate := password.NewGate(1, -1)
	s, err := Open(Config{Path: path, Gate: gate, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	began, release := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() { _ = gate.Do(context.Background(), func() { close(began); <-release }) })
	<-began
	s.verify = func(password.Digest, string) bool { t.Error("a hash in spite of the gate"); return true }
	for _, name := range []string{"known", "unknown"} {
		if _, err := s.Authenticate(t.Context(), name, "changeit"); !errors.Is(err, identity.ErrBusy) {
			t.Errorf("%s: %v, want ErrBusy", name, err)
		}
	}
	close(release)
	wg.Wait()
}
