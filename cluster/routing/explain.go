package routing

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/amgate/amgate/cluster"
	"github.com/amgate/amgate/journey"
	"github.com/amgate/amgate/journey/affinity"
)

// What the header cluster.ExplainHeader of a reply says is a list of structured
// fields (RFC 9651, section 3.1): an item for each process that the request
// went through, in the order in which it did, with parameters.
//
//	edge;name="edge-1";node="am-2";address="am-2:8080";why=pin;tries=1,
//	node;name="am-1";why=passed-on, node;name="am-2";why=owner-hop

// The reasons of a node.
const (
	// whyHere: the request reached the node and was answered there.
	whyHere Why = "here"
	// whyPassed: the journey is another node's, which answered.
	whyPassed Why = "passed-on"
	// whyOwner: another node passed the request on, because the journey is here.
	whyOwner Why = "owner-hop"
	// whyUnreached: the node that the journey is on accepts no connection.
	whyUnreached Why = "owner-not-reached"
	// whySilent: the node that the journey is on did not answer.
	whySilent Why = "owner-silent"
	// whyHandedOver and whyTakenOver: the journey was another node's until now,
	// which has left it to others, or was lost.
	whyHandedOver Why = "handed-over"
	whyTakenOver  Why = "taken-over"
)

// whyFound is why a node goes on with a journey that was another's.
var whyFound = map[journey.Found]Why{journey.FoundHandedOver: whyHandedOver, journey.FoundTakenOver: whyTakenOver}

// Explain is what an edge of that name says of where it sent a request.
func (d *Decision) Explain(edge string) string {
	e, c := explanation("edge").text("name", edge), d.chosen
	if c.table == nil {
		return string(e.why("no-node-available"))
	}
	if m := c.table.members[c.i]; m.Name != "" {
		e = e.text("node", m.Name)
	}
	return string(e.text("address", c.table.address(c.i)).why(c.why).number("tries", c.times))
}

// Locate is the address of the node that the next step of a journey goes to, and
// why; "" if there is no node.
func Locate(a affinity.Affinity, t *Table) (address string, why Why) {
	d := &Decision{Affinity: a}
	offer := d.Offer(t)
	switch {
	case len(offer) == 0:
		return "", ""
	case d.pinned:
		return offer[0], WhyPin
	}
	return offer[0], WhyHash
}

// explanation is an item of the header.
type explanation string

func (e explanation) why(value Why) explanation {
	return e + explanation(";why="+string(value))
}

func (e explanation) number(name string, value int) explanation {
	return e + explanation(";"+name+"="+strconv.Itoa(value))
}

// text adds a string: what is not ASCII is not shown, as the form has it.
func (e explanation) text(name, value string) explanation {
	shown := strings.Map(func(c rune) rune {
		if c < ' ' || c > '~' {
			return '?'
		}
		return c
	}, value)
	return e + explanation(";"+name+`="`+strings.NewReplacer(`"`, `\"`, `\`, `\\`).Replace(shown)+`"`)
}

// prepend puts an item before what a reply's header says already.
func prepend(h http.Header, item string) {
	h[cluster.ExplainHeader] = []string{strings.Join(append([]string{item}, h[cluster.ExplainHeader]...), ", ")}
}

// Explainer is a reply that says where its request was sent.
type Explainer struct {
	http.ResponseWriter
	// Item is what this process has to say; asked for when the reply begins.
	Item func() string

	begun bool
}

// Unwrap lets http.ResponseController reach the reply.
func (e *Explainer) Unwrap() http.ResponseWriter { return e.ResponseWriter }

// WriteHeader implements http.ResponseWriter.
func (e *Explainer) WriteHeader(status int) {
	if status >= http.StatusOK {
		e.Begin()
	}
	e.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (e *Explainer) Write(b []byte) (int, error) {
	e.Begin()
	return e.ResponseWriter.Write(b)
}

// Begin adds the header, if it was not added before.
func (e *Explainer) Begin() {
	if !e.begun {
		e.begun = true
		prepend(e.Header(), e.Item())
	}
}
