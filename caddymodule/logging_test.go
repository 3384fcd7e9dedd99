package caddymodule

import (
	"strings"
	"testing"
)

// TestScrubRemovesEverySecret holds the log format to the places where AM's
// clients put secrets, each as Caddy writes it into its lines. Once a token
// whose asterisks were percent-encoded stayed in, and what follows a bracket
// in a password.
func TestScrubRemovesEverySecret(t *testing.T) {
	const (
		head  = "qqTQv5H8bdr6y68XtQMcKuBK-T4."
		token = head + "*AAJTSQACMDEAAlNLABw5aHFYenBCUy80AAJTMQAA*"
		jwt   = "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJvdGsiOiJzZWNyZXQifQ.sig-secret_sig"
	)
	const carried = "*AAJTSQACMDEABHR5cGUAA0pXVAACUzEAAAACS0kACDl5TlJ5Sjhj*" + jwt
	encoded := strings.ReplaceAll(token, "*", "%2A")
	for name, line := range map[string]string{
		"token in a path":          `"uri":"/am/json/sessions/` + token + `?_action=validate"`,
		"encoded token in a path":  `"uri":"/am/json/sessions/` + encoded + `?_action=validate"`,
		"token in lower case %2a":  `"uri":"/am/json/sessions/` + strings.ReplaceAll(token, "*", "%2a") + `"`,
		"token in a query":         `"uri":"/am/json/sessions?_action=validate\u0026tokenId=` + encoded + `"`,
		"token in a header":        `"Iplanetdirectorypro":["` + token + `"]`,
		"session in a header":      `"Iplanetdirectorypro":["` + carried + `"]`,
		"session in a query":       `"uri":"/am/json/sessions?tokenId=` + strings.ReplaceAll(carried, "*", "%2A") + `"`,
		"session in an error":      `"msg":"no ` + carried + ` here"`,
		"token in a Bearer header": `"X-Forwarded-Auth":["Bearer ` + token + `"]`,
		"authId":                   `"msg":"step ` + jwt + ` failed"`,
		"password":                 `"X-Openam-Password":["secret-password"]`,
		"password with a bracket":  `"X-Openam-Password":["a] secret-password","b] secret-password"],"Next":["x"]`,
		"password with a quote":    `"X-Openam-Password":["a\"] secret-password"],"Next":["x"]`,
		"answer in a query":        `"uri":"/am/XUI/?IDToken1=x\u0026IDToken2=secret-password"`,
		"key to explanations":      `"X-Am-Explain":["amx1.secret-journey_key"]`,
		"pass of a request":        `"X-Am-Pass":["1795656000000,192.0.2.1,true,secret-journey"]`,
		"journey's node":           `"X-Am-Affinity":["AQIDBAUGBwgJ.secret-journey","secret-journey"]`,
		"journey of a link's form": `"uri":"/am/XUI/?realm=/\u0026amlbcookie=secret-journey"`,
		"suspended journey":        `"uri":"/am/XUI/?suspendedId=secret-journey&realm=/"`,
	} {
		clean := scrub(line)
		for _, secret := range []string{head, "AAJTSQ", "sig-secret", "eyJvdGsi", "secret-password", "secret-journey"} {
			if strings.Contains(clean, secret) {
				t.Errorf("%s: %s", name, clean)
			}
		}
		if !strings.Contains(clean, "REDACTED") {
			t.Errorf("%s: nothing tells that something was removed: %s", name, clean)
		}
	}
	const plain = `{"uri":"/am/json/realms/root/authenticate?authIndexValue=Login","headers":{"Accept":["*/*"]}}`
	if got := scrub(plain); got != plain {
		t.Errorf("a line without secrets became %s", got)
	}
}
