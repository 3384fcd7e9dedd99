package realm

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// maxAdvice bounds a composite advice, bytes. It travels in a query.
const maxAdvice = 8 << 10

// The names of the conditions whose advice is understood (AM 8.1,
// "Authenticate endpoint parameters").
const (
	adviceLevel   = "AuthLevelConditionAdvice"
	adviceService = "AuthenticateToServiceConditionAdvice"
	adviceTree    = "AuthenticateToTreeConditionAdvice"
	adviceRealm   = "AuthenticateToRealmConditionAdvice"
)

// advice is what a policy wants of a login.
type advice struct {
	// level is the authentication level that is needed, 0 for none. Of several
	// the highest counts.
	level int
	// services are journeys, one of which is enough; each is "name" or
	// "realm:name".
	services []string
	// realms are those that the login must be in.
	realms []string
	// unmet says that the advice has a condition that no login can meet here.
	unmet bool
}

// parseAdvice reads a composite advice:
//
//	<Advices>
//		<AttributeValuePair>
//			<Attribute name="…"/>
//			<Value>…</Value>
//		</AttributeValuePair>
//	</Advices>
//
// It is strict: whatever else is in it, a declaration or an entity of its own
// for example, is an error. Errors wrap ErrAdvice.
func parseAdvice(text string) (advice, error) {
	if len(text) > maxAdvice {
		return advice{}, fmt.Errorf("%w: it is longer than %d bytes", ErrAdvice, maxAdvice)
	}
	p := adviceParser{}
	for dec := xml.NewDecoder(strings.NewReader(text)); ; {
		tok, err := dec.Token()
		if errors.Is(err, io.EOF) && p.complete {
			return p.advice, nil
		}
		if err == nil {
			err = p.take(tok)
		}
		if err != nil {
			return advice{}, fmt.Errorf("%w: %w", ErrAdvice, err)
		}
	}
}

// adviceParser puts an advice together from the tokens of its XML.
type adviceParser struct {
	advice   advice
	complete bool
	pairs    int
	open     []string // the elements that are open
	name     string   // of the pair that is open
	values   []string
	text     strings.Builder
}

var errAdviceForm = errors.New("it does not have the form <Advices><AttributeValuePair><Attribute name=\"…\"/><Value>…</Value></AttributeValuePair></Advices>")

func (p *adviceParser) take(tok xml.Token) error {
	switch t := tok.(type) {
	case xml.StartElement:
		return p.begin(t)
	case xml.EndElement:
		return p.end(t.Name.Local)
	case xml.CharData:
		if p.at() == "Value" {
			p.text.Write(t)
			return nil
		}
		if strings.TrimSpace(string(t)) == "" {
			return nil
		}
	}
	return errAdviceForm
}

// at is the innermost element that is open.
func (p *adviceParser) at() string {
	if len(p.open) == 0 {
		return ""
	}
	return p.open[len(p.open)-1]
}

// within says what may stand in which element.
var within = map[string][]string{
	"": {"Advices"}, "Advices": {"AttributeValuePair"}, "AttributeValuePair": {"Attribute", "Value"},
}

func (p *adviceParser) begin(e xml.StartElement) error {
	attributes := 0
	if e.Name.Local == "Attribute" {
		attributes = 1
	}
	switch {
	case e.Name.Space != "" || !slices.Contains(within[p.at()], e.Name.Local),
		len(e.Attr) != attributes, p.complete:
		return errAdviceForm
	case attributes == 1:
		if e.Attr[0].Name != (xml.Name{Local: "name"}) || e.Attr[0].Value == "" || p.name != "" {
			return errAdviceForm
		}
		p.name = e.Attr[0].Value
	}
	p.open = append(p.open, e.Name.Local)
	return nil
}

func (p *adviceParser) end(element string) error {
	p.open = p.open[:len(p.open)-1] // the decoder has checked that they match
	switch element {
	case "Value":
		p.values = append(p.values, strings.TrimSpace(p.text.String()))
		p.text.Reset()
	case "AttributeValuePair":
		if p.name == "" || len(p.values) == 0 {
			return errAdviceForm
		}
		err := p.advice.add(p.name, p.values)
		p.name, p.values, p.pairs = "", nil, p.pairs+1
		return err
	case "Advices":
		if p.complete = p.pairs > 0; !p.complete {
			return errAdviceForm
		}
	}
	return nil
}

// add takes one condition's advice over. A condition that is not understood,
// AM's transactions among them, is one that no login meets: to ignore it would
// be to ask for less than the policy does.
func (a *advice) add(name string, values []string) error {
	switch name {
	case adviceLevel:
		for _, v := range values {
			level, err := strconv.Atoi(v[strings.LastIndexByte(v, ':')+1:])
			if err != nil {
				return fmt.Errorf("the level %.20q is no number", v)
			}
			a.level = max(a.level, level)
		}
	case adviceService, adviceTree:
		a.services = append(a.services, values...)
	case adviceRealm:
		a.realms = append(a.realms, values...)
	default:
		a.unmet = true
	}
	return nil
}

// follow is the login that an advice asks for: the realm's default journey, or
// those of its journeys that the advice names.
func (r *Realm) follow(text string) (wish, error) {
	a, err := parseAdvice(text)
	if err != nil {
		return wish{}, err
	}
	for _, path := range a.realms {
		a.unmet = a.unmet || !r.isCalled(path)
	}
	w := wish{level: a.level}
	for _, service := range a.services {
		name := service
		if i := strings.LastIndexByte(service, ':'); i >= 0 {
			if !r.isCalled(service[:i]) {
				continue
			}
			name = service[i+1:]
		}
		if tree, ok := r.startable(name); ok && !slices.Contains(w.trees, tree) {
			w.trees = append(w.trees, tree)
		}
	}
	w.named = len(w.trees) > 0
	if tree, ok := r.startable(r.DefaultJourney); ok && len(a.services) == 0 {
		w.trees = append(w.trees, tree)
	}
	if a.unmet || len(w.trees) == 0 {
		return wish{}, ErrNoConfiguration
	}
	return w, nil
}

// isCalled reports whether a realm's path or alias is this realm's.
func (r *Realm) isCalled(name string) bool {
	found, ok := r.set.Named(name, "")
	return ok && found == r
}
