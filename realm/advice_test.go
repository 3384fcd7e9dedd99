package realm

import (
	"errors"
	"reflect"
	"strings"
	"testing"
)

// written is an advice as policies write it.
func written(pairs ...string) string {
	var b strings.Builder
	b.WriteString("<Advices>")
	for i := 0; i < len(pairs); i += 2 {
		b.WriteString(`<AttributeValuePair><Attribute name="` + pairs[i] + `"/><Value>` + pairs[i+1] + `</Value></AttributeValuePair>`)
	}
	return b.String() + "</Advices>"
}

func TestParseAdvice(t *testing.T) {
	for text, want := range map[string]advice{
		written(adviceLevel, "10"):                          {level: 10},
		written(adviceLevel, "/alpha:10", adviceLevel, "3"): {level: 10},
		written(adviceService, "Login"):                     {services: []string{"Login"}},
		written(adviceTree, "/alpha:Login"):                 {services: []string{"/alpha:Login"}},
		written(adviceService, "A", adviceTree, "B"):        {services: []string{"A", "B"}},
		written(adviceRealm, "/alpha", adviceLevel, "1"):    {realms: []string{"/alpha"}, level: 1},
		written("TransactionConditionAdvice", "4711"):       {unmet: true},
		written("AuthSchemeConditionAdvice", "LDAP"):        {unmet: true},
		written(adviceService, "A&amp;B"):                   {services: []string{"A&B"}},
		"\n<Advices>\n\t<AttributeValuePair>\n<Attribute name='" + adviceService + "'></Attribute>\n<Value> A </Value><Value>B</Value>\n" +
			"</AttributeValuePair>\n</Advices>\n": {services: []string{"A", "B"}},
	} {
		if got, err := parseAdvice(text); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, %v; want %+v", text, got, err, want)
		}
	}
}

func TestMalformedAdviceIsRefused(t *testing.T) {
	good := written(adviceService, "Login")
	for _, text := range []string{
		"", " ", "Login", "<Advices/>", "<Advices></Advices>", good + good, good + "x", "x" + good,
		written(adviceLevel, "ten"), written(adviceLevel, ""), written("", "Login"),
		`<?xml version="1.0"?>` + good,
		`<!DOCTYPE Advices [<!ENTITY e "Login">]>` + written(adviceService, "&e;"),
		written(adviceService, "&e;"),
		written(adviceService, "<Value>Login</Value>"),
		"<!-- -->" + good,
		strings.Replace(good, "<Advices>", `<Advices xmlns="urn:x">`, 1),
		strings.Replace(good, "<Value>", `<Value type="x">`, 1),
		strings.Replace(good, `name=`, `id="x" name=`, 1),
		strings.Replace(good, `name=`, `id=`, 1),
		strings.Replace(good, `<Value>`, `text<Value>`, 1),
		strings.Replace(good, `<Value>Login</Value>`, ``, 1),
		strings.Replace(good, `<Attribute name="`+adviceService+`"/>`, ``, 1),
		strings.TrimSuffix(good, "</Advices>"),
		"<Advices>" + strings.Repeat("<Advices>", 1000),
		written(adviceService, strings.Repeat("a", maxAdvice)),
	} {
		if got, err := parseAdvice(text); !errors.Is(err, ErrAdvice) {
			t.Errorf("%.80q: %+v, %v", text, got, err)
		}
	}
}

// FuzzAdvice: whatever is accepted says the same when it is written plainly.
func FuzzAdvice(f *testing.F) {
	f.Add(written(adviceLevel, "10"))
	f.Add(written(adviceService, "A", adviceTree, "/alpha:B", adviceRealm, "/alpha"))
	f.Add(written("TransactionConditionAdvice", "4711"))
	f.Add(`<!DOCTYPE Advices [<!ENTITY e "x">]>` + written(adviceService, "&e;"))
	f.Add("<Advices><AttributeValuePair><Attribute name=\"a\"/><Value>\n1 </Value><Value/></AttributeValuePair></Advices>")
	f.Fuzz(func(t *testing.T, text string) {
		a, err := parseAdvice(text)
		if err != nil {
			if !errors.Is(err, ErrAdvice) || !reflect.DeepEqual(a, advice{}) {
				t.Fatalf("%+v, %v", a, err)
			}
			return
		}
		if len(text) > maxAdvice || len(a.services)+len(a.realms) > len(text) {
			t.Fatalf("%d bytes give %+v", len(text), a)
		}
		var plain strings.Builder
		plain.WriteString("<Advices>")
		for name, values := range map[string][]string{adviceService: a.services, adviceRealm: a.realms} {
			for _, v := range values {
				plain.WriteString(`<AttributeValuePair><Attribute name="` + name + `"/><Value>` + escapeXML(v) + `</Value></AttributeValuePair>`)
			}
		}
		plain.WriteString("</Advices>")
		if plain.Len() > maxAdvice || len(a.services)+len(a.realms) == 0 {
			return
		}
		again, err := parseAdvice(plain.String())
		again.level, again.unmet = a.level, a.unmet
		if err != nil || !reflect.DeepEqual(again, a) {
			t.Fatalf("%q gives %+v, and written plainly %+v, %v", text, a, again, err)
		}
	})
}
