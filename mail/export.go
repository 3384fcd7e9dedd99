package mail

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"
)

// idmPrefix begins the ids of IDM's e-mail templates.
const idmPrefix = "emailTemplate/"

// idmTemplate is an e-mail template of IDM 7 and later.
type idmTemplate struct {
	Enabled       *bool             `json:"enabled"`
	From          string            `json:"from"`
	DefaultLocale string            `json:"defaultLocale"`
	Subject       map[string]string `json:"subject"`
	// Message is what is sent, HTML unless MIMEType says otherwise. HTML is
	// what the editor of Ping's cloud made the message from, or, beside a
	// message of plain text, its other form.
	Message  map[string]string `json:"message"`
	HTML     map[string]string `json:"html"`
	MIMEType string            `json:"mimeType"`
}

// export is the part of an export that holds templates: of a journey or all
// journeys ("emailTemplates"), of templates ("emailTemplate"), or of IDM's
// configuration ("idm"), as frodo writes them.
type export struct {
	Templates map[string]idmTemplate     `json:"emailTemplates"`
	Template  map[string]idmTemplate     `json:"emailTemplate"`
	IDM       map[string]json.RawMessage `json:"idm"`
	Trees     map[string]struct {
		Templates map[string]idmTemplate `json:"emailTemplates"`
	} `json:"trees"`
}

// ReadTemplates reads the e-mail templates of an export of AM or IDM, by name
// without "emailTemplate/". Those that are switched off are left out; an
// export without templates has none. It may also be one template, as IDM keeps
// it, with its "_id".
func ReadTemplates(data []byte) (map[string]Template, error) {
	var e export
	if err := json.Unmarshal(data, &e); err != nil {
		return nil, fmt.Errorf("mail: the file is not an export with e-mail templates: %w", err)
	}
	found := maps.Clone(e.Templates)
	if found == nil {
		found = make(map[string]idmTemplate)
	}
	maps.Copy(found, e.Template)
	for _, tree := range e.Trees {
		maps.Copy(found, tree.Templates)
	}
	for id, raw := range e.IDM {
		if !strings.HasPrefix(id, idmPrefix) {
			continue
		}
		if err := add(found, id, raw); err != nil {
			return nil, err
		}
	}
	var one struct {
		ID string `json:"_id"`
	}
	if err := json.Unmarshal(data, &one); err == nil && strings.HasPrefix(one.ID, idmPrefix) {
		if err := add(found, one.ID, data); err != nil {
			return nil, err
		}
	}
	return convert(found), nil
}

func add(to map[string]idmTemplate, id string, raw []byte) error {
	var t idmTemplate
	if err := json.Unmarshal(raw, &t); err != nil {
		return fmt.Errorf("mail: %s: %w", id, err)
	}
	to[id] = t
	return nil
}

func convert(found map[string]idmTemplate) map[string]Template {
	templates := make(map[string]Template, len(found))
	for id, t := range found {
		if t.Enabled == nil || *t.Enabled {
			templates[strings.TrimPrefix(id, idmPrefix)] = t.template()
		}
	}
	return templates
}

func (t idmTemplate) template() Template {
	out := Template{From: t.From, DefaultLanguage: t.DefaultLocale, Subject: t.Subject, HTML: t.HTML}
	if mime, _, _ := strings.Cut(strings.ToLower(t.MIMEType), ";"); strings.TrimSpace(mime) == "text/plain" {
		out.Text = t.Message
		return out
	}
	if len(t.Message) > 0 {
		out.HTML = t.Message
	}
	return out
}
