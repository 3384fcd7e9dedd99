package web

import (
	"net/url"

	"github.com/amgate/amgate/realm"
)

// suspendedField carries what the link of a suspended journey does.
const suspendedField = "suspendedId"

// showLink is the page of a link that was sent to somebody. It only asks:
// programs that look at mails open links, too, and a link works once.
func (p *Pages) showLink(v *visit, status int, id string) reply {
	m, to := messageFor("resume"), p.loginURL(v)
	if _, text := realm.PartLink(id); text != "" { // so that an edge knows where to send the form
		to += "&" + realm.AffinityCookie + "=" + url.QueryEscape(text)
	}
	m.Form = &action{
		URL: to, Button: say("continue"), Primary: true,
		Hidden: []hidden{{suspendedField, id}, {sealField, v.seal(purposeResume, id)}},
	}
	return show(status, m)
}

// resume goes on with the journey of a link.
func (p *Pages) resume(v *visit, id string) (reply, error) {
	if err := p.checkForm(v, purposeResume, id); err != nil {
		return reply{}, err
	}
	req := p.request(v)
	req.SuspendedID = id
	answer, err := v.realm.Authenticate(v.Context(), req)
	if line, ok := lineOf(err); ok && line.again {
		p.logFault(v, line, err)
		rep := p.showLink(v, line.status, id)
		rep.message.Text, rep.message.Tone = say(line.what+".notice"), toneError
		addRetryAfter(rep.header, line.status)
		return rep, nil
	}
	if err != nil {
		return reply{}, err
	}
	return p.present(v, answer, "")
}
