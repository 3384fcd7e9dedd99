package web

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/amgate/amgate/journey/callback"
	"github.com/amgate/amgate/realm"
)

var refreshTo = regexp.MustCompile(`<noscript><meta http-equiv="refresh" content="8; url=([^"]*)"></noscript>`)

// refresh is what a browser without script opens when its time has come.
func (s *shown) refresh(tb testing.TB) string {
	tb.Helper()
	found := refreshTo.FindStringSubmatch(s.body)
	if found == nil {
		tb.Fatalf("the page does not come back by itself:\n%s", s.body)
	}
	return site + strings.ReplaceAll(found[1], "&amp;", "&")
}

func waiting(n *questioner) {
	n.first = listOf(callback.PollingWait{WaitTime: 8 * time.Second, Message: "Waiting"})
	n.then = n.first
}

// TestPollingWithoutScript: a browser that runs no script comes back by itself,
// as often as it must, and answers nothing.
func TestPollingWithoutScript(t *testing.T) {
	n := &questioner{}
	waiting(n)
	b := open(t, questioning(n)).browser(t)
	page := b.get(loginAt + "&service=Ask&goto=/app")
	for range 3 {
		target := page.refresh(t)
		if !strings.Contains(target, "goto=%2Fapp") || strings.Contains(target, "eyJ") {
			t.Errorf("it comes back to %s", target)
		}
		page = b.get(target)
		page.want(t, http.StatusOK, "Sign in")
		if got := <-n.got; len(got) != 1 {
			t.Errorf("%d answers", len(got))
		}
	}
	if line := page.header.Values("Set-Cookie"); !slices.ContainsFunc(line, func(l string) bool {
		return strings.HasPrefix(l, realm.WaitCookie+"=") && strings.Contains(l, "Path=/am/XUI/; Max-Age=68; HttpOnly; SameSite=Strict")
	}) {
		t.Errorf("cookies %q", line)
	}
}

// TestNobodyElseEndsAWait: what waits is answered by the browser that it was
// given to and by no other, and a wait that was answered is over.
func TestNobodyElseEndsAWait(t *testing.T) {
	n := &questioner{}
	waiting(n)
	w := open(t, questioning(n))
	b := w.browser(t)
	page := b.get(loginAt + "&service=Ask")
	target, planted := page.refresh(t), b.cookie(realm.WaitCookie)

	other := w.browser(t)
	other.get(loginAt)
	for name, value := range map[string]string{
		"another's": planted, "a changed one": planted[:len(planted)-1], "none": "", "nonsense": "a~b", "half of one": "~~",
	} {
		header := []string{}
		if value != "" {
			header = []string{"Cookie", realm.WaitCookie + "=" + value}
		}
		if got := other.get(target, header...); got.status != http.StatusSeeOther || strings.Contains(got.header.Get("Location"), waitParam+"=") {
			t.Errorf("%s: %d to %q", name, got.status, got.header.Get("Location"))
		}
	}
	select {
	case <-n.got:
		t.Error("the wait was answered")
	default:
	}
}

// TestLongWaitHasAButton: a step that does not fit into a cookie can still be
// sent on by hand.
func TestLongWaitHasAButton(t *testing.T) {
	n := &questioner{}
	n.first = listOf(callback.PollingWait{WaitTime: 8 * time.Second, Message: strings.Repeat("Waiting ", 1000)})
	n.then = n.first
	b := open(t, questioning(n)).browser(t)
	page := b.get(loginAt + "&service=Ask")
	if refreshTo.MatchString(page.body) || b.cookie(realm.WaitCookie) != "" {
		t.Error("the page is to come back without its step")
	}
	page.submit().want(t, http.StatusOK, "Sign in")
}
