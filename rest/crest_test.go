package rest

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// _fields picks members of whatever Common REST answers with, as AM does: in
// the order in which they are named, deep ones under their own name, _id and
// _rev always.
func TestFields(t *testing.T) {
	s := staffed(t)
	carol := s.signIn(t, "/alpha", "carol")
	query := "/alpha/sessions?_queryFilter=" + url.QueryEscape(`username eq "carol"`) + "&"
	const profile = `{"_id":"id-carol","_rev":"-1","realm":"/alpha","username":"carol"`
	for _, tt := range []struct{ method, url, fields, want string }{
		{"GET", "/serverinfo/*?", "cookieName", `"cookieName":"iPlanetDirectoryPro"}`},
		{"GET", "/serverinfo/*?", "zeroPageLogin/enabled,/zeroPageLogin/allowedWithoutReferer", `"enabled":false,"allowedWithoutReferer":true}`},
		{"GET", "/serverinfo/*?", "protectedUserAttributes/1,protectedUserAttributes/2,protectedUserAttributes/x", `"1":"mail"}`},
		{"GET", "/serverinfo/*?", "realm/x,nothing/y,cookieName,cookieName", `"cookieName":"iPlanetDirectoryPro"}`},
		{"GET", "/alpha/users/carol?", "username,realm", `{"_id":"id-carol","_rev":"-1","username":"carol","realm":"/alpha"}`},
		{"GET", "/alpha/users/carol?", "mail", `{"_id":"id-carol","_rev":"-1","mail":["carol@example.com"]}`},
		{"GET", "/alpha/users/carol?", "kbaInfo,oathDeviceProfiles", `{"_id":"id-carol","_rev":"-1"}`},
		{"GET", "/alpha/users/carol?", "", profile + `,"inetUserStatus":["Active"],"mail":["carol@example.com"],"uid":["carol"],"universalid":["id=id-carol,ou=user,o=alpha,ou=services,ou=am-config"]}`},
		{"GET", query, "username", `{"result":[{"username":"carol"}],"resultCount":1,"pagedResultsCookie":null,"totalPagedResultsPolicy":"NONE","totalPagedResults":-1,"remainingPagedResults":-1}`},
		{"GET", query, "realm,username", `{"result":[{"realm":"/alpha","username":"carol"}],"resultCount":1,"pagedResultsCookie":null,"totalPagedResultsPolicy":"NONE","totalPagedResults":-1,"remainingPagedResults":-1}`},
		{"POST", "/sessions?_action=validate&", "uid,valid", `{"uid":"carol","valid":true}`},
		{"POST", "/sessions?_action=getSessionInfo&", "properties/AMCtxId2,realm", `{"realm":"/alpha"}`},
		{"GET", "/alpha/users/dave?", "code", crest(403, "Forbidden", "Forbidden")}, // errors are whole
		{"GET", "/alpha/users/carol?", strings.Repeat("a,", 100) + "a", crest(400, "Bad Request", "The parameter '_fields' may name 100 fields at most")},
	} {
		res := s.do(t, tt.method, "/am/json"+tt.url+"_fields="+url.QueryEscape(tt.fields), "", cookieName, carol)
		if got := res.Body.String(); got != tt.want && (tt.want[0] == '{' || !strings.HasPrefix(got, `{"_id":"*","_rev":"`) || !strings.HasSuffix(got, `",`+tt.want)) {
			t.Errorf("%s%s: %d %s\nwant %s", tt.url, tt.fields, res.Code, got, tt.want)
		}
	}
}

// FuzzFields: whatever is asked for, the reply is an object with members of
// the whole one, _id and _rev in front.
func FuzzFields(f *testing.F) {
	const whole = `{"_id":"x","_rev":"-1","a":{"b":[{"c":1},2],"":3},"a/b":{"~":4},"d":null}`
	for _, seed := range []string{"a", "a/b/0/c", "/a/b", "a/", "a~1b/~0", "d,a,_id", "a/b/-1", "a/b/99999999999999999999", ",", "%", "\x00"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		fields, err := parseFields([]string{text})
		if err != nil || fields == nil {
			return
		}
		some, err := pick([]byte(whole), fields)
		if err != nil {
			t.Fatal(err)
		}
		if names := members(t, some); len(names) < 2 || len(names) > 2+len(fields) || names[0] != "_id" || names[1] != "_rev" {
			t.Errorf("%q picks %s", text, some)
		}
	})
}

// _prettyPrint changes the layout and nothing else, of errors too. It is
// Common REST's, which authenticate is not.
func TestPrettyPrint(t *testing.T) {
	s := staffed(t)
	carol := s.signIn(t, "/alpha", "carol")
	for _, tt := range []struct {
		method, url string
		pretty      bool
	}{
		{"GET", "/serverinfo/*?", true},
		{"GET", "/alpha/users/carol?", true},
		{"GET", "/alpha/users/carol?_fields=mail&", true},
		{"GET", "/alpha/sessions?_queryFilter=" + url.QueryEscape(`username eq "carol"`) + "&", true},
		{"POST", "/sessions?_action=validate&", true},
		{"GET", "/alpha/users/dave?", true},
		{"GET", "/nothing?", true},
		{"POST", "/alpha/authenticate?authIndexType=x&authIndexValue=y&", false},
	} {
		plain := s.do(t, tt.method, "/am/json"+tt.url, "", cookieName, carol)
		same := s.do(t, tt.method, "/am/json"+tt.url+"_prettyPrint=false", "", cookieName, carol)
		pretty := s.do(t, tt.method, "/am/json"+tt.url+"_prettyPrint=true", "", cookieName, carol)
		if plain.Body.String() != same.Body.String() || bytes.Contains(plain.Body.Bytes(), []byte("\n")) {
			t.Errorf("%s: without it %s, with false %s", tt.url, plain.Body, same.Body)
		}
		var a, b any
		if json.Unmarshal(plain.Body.Bytes(), &a) != nil || json.Unmarshal(pretty.Body.Bytes(), &b) != nil || !reflect.DeepEqual(a, b) {
			t.Errorf("%s: %s is not %s", tt.url, pretty.Body, plain.Body)
		}
		if got := bytes.HasPrefix(pretty.Body.Bytes(), []byte("{\n  \"")); got != tt.pretty || pretty.Code != plain.Code {
			t.Errorf("%s: %s", tt.url, pretty.Body)
		}
	}
}

// The parameters of a query choose among a user's sessions; here five, begun
// a minute apart.
func TestSelection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := staffed(t)
		var begun []string
		for range 5 {
			s.signIn(t, "/alpha", "carol")
			begun = append(begun, time.Now().UTC().Format("2006-01-02T15:04:05.000Z"))
			time.Sleep(time.Minute)
		}
		admin := s.signIn(t, "/", "rita")
		type body struct {
			Result []struct{ LatestAccessTime string }
			Count  int     `json:"resultCount"`
			Cookie *string `json:"pagedResultsCookie"`
			Policy string  `json:"totalPagedResultsPolicy"`
			Total  int     `json:"totalPagedResults"`
			Left   int     `json:"remainingPagedResults"`
		}
		ask := func(more string) (b body, times []string) {
			t.Helper()
			res := s.do(t, "GET", "/am/json/alpha/sessions?_queryFilter="+url.QueryEscape(`username eq "carol"`)+more, "", cookieName, admin)
			if res.Code != http.StatusOK {
				t.Fatalf("%s: %d %s", more, res.Code, res.Body)
			}
			decode(t, res, &b)
			for _, one := range b.Result {
				times = append(times, one.LatestAccessTime)
			}
			return b, times
		}
		backwards := slices.Clone(begun)
		slices.Reverse(backwards)
		for more, want := range map[string][]string{
			"&_sortKeys=latestAccessTime":                                       begun,
			"&_sortKeys=%2BlatestAccessTime":                                    begun,
			"&_sortKeys=+latestAccessTime":                                      begun,
			"&_sortKeys=/latestAccessTime":                                      begun,
			"&_sortKeys=-latestAccessTime":                                      backwards,
			"&_sortKeys=realm,-maxSessionExpirationTime":                        backwards,
			"&_sortKeys=realm&_sortKeys=-maxIdleExpirationTime":                 backwards,
			"&_sortKeys=latestAccessTime&_pageSize=2":                           begun[:2],
			"&_sortKeys=latestAccessTime&_pageSize=2&_pagedResultsOffset=2":     begun[2:4],
			"&_sortKeys=-latestAccessTime&_pageSize=200&_pagedResultsOffset=4":  backwards[4:],
			"&_sortKeys=latestAccessTime&_pagedResultsOffset=5":                 nil,
			"&_sortKeys=latestAccessTime&_pageSize=2&_pagedResultsOffset=10000": nil,
		} {
			b, times := ask(more)
			if !slices.Equal(times, want) || b.Count != len(want) || b.Cookie != nil || b.Policy != "NONE" || b.Total != -1 {
				t.Errorf("%s: %+v, want %q", more, b, want)
			}
		}
		for more, want := range map[string]int{
			"&_pagedResultsOffset=1": 0, "&_pagedResultsOffset=1&_pageSize=3": 1, "&_sortKeys=realm&_pageSize=1": 4, "&_pageSize=2": -1, "": -1,
		} {
			if b, _ := ask(more); b.Left != want {
				t.Errorf("%s: %d remain, want %d", more, b.Left, want)
			}
		}
		for policy, want := range map[string]int{"EXACT": 5, "exact": 5, "ESTIMATE": 5, "NONE": -1, "": -1} {
			cookie := ""
			for pages := range 3 {
				b, _ := ask("&_pageSize=2&_totalPagedResultsPolicy=" + policy + "&_pagedResultsCookie=" + url.QueryEscape(cookie))
				if b.Total != want || b.Policy != map[bool]string{true: "EXACT", false: "NONE"}[want >= 0] {
					t.Errorf("%s, page %d: %+v, want %d", policy, pages, b, want)
				}
				if b.Cookie != nil {
					cookie = *b.Cookie
				}
			}
			if b, _ := ask("&_pageSize=0&_totalPagedResultsPolicy=" + policy); b.Total != want || b.Count != 5 {
				t.Errorf("%s, all at once: %+v", policy, b)
			}
		}
	})
}

// TestSecondValueIsRefused. The attack: what is in front of us judges the
// first of two values of a parameter, and we do what the second one says.
func TestSecondValueIsRefused(t *testing.T) {
	s := staffed(t)
	carol := s.signIn(t, "/alpha", "carol")
	for query, name := range map[string]string{
		"_action=validate&_action=logout": "_action", "_action=logout&_action=logout": "_action", "_action=logout&tokenId=x&tokenId=" + carol: "tokenId",
	} {
		res := s.do(t, "POST", "/am/json/alpha/sessions?"+query, "", cookieName, carol)
		if want := crest(400, "Bad Request", "Multiple values provided for the single-valued request parameter '"+name+"'"); res.Body.String() != want {
			t.Errorf("%s: %d %s", query, res.Code, res.Body)
		}
	}
	if !s.Lives(t, carol) {
		t.Error("the session has ended")
	}
}
