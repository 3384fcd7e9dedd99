package nodes

import (
	"context"
	"strings"
	"unicode"

	"github.com/amgate/amgate/journey"
	"github.com/amgate/amgate/journey/callback"
)

// KbaCreate asks for security questions with their answers. They are kept among
// the object attributes, in the transient state: the answers reach nobody but a
// node that declares to read them.
type KbaCreate struct {
	Message    Text `json:"message" option:"message" doc:"The prompt, optionally after a language: message de \"Frage\"." default:"Select a security question"`
	OwnAllowed bool `json:"allowUserDefinedQuestions" option:"allow_user_defined_questions" doc:"Let people write questions of their own."`
}

var (
	_ journey.Node     = (*KbaCreate)(nil)
	_ journey.Requirer = (*KbaCreate)(nil)
)

const (
	attributeKBA = "kbaInfo"
	// kbaMinimum is how many questions a person defines; IDM's
	// minimumAnswersToDefine by default.
	kbaMinimum = 2
)

func newKbaCreate() journey.Node { return &KbaCreate{OwnAllowed: true} }

// Process implements journey.Node.
func (n *KbaCreate) Process(_ context.Context, in *journey.Input) (journey.Action, error) {
	offered := in.Services.Questions
	languages := in.Client.Languages
	if infos, ok := n.infos(in.Answers, offered, languages); ok {
		in.State.PutTransientMember(infos, journey.KeyObjectAttributes, attributeKBA)
		return journey.Goto(outcomeOnly), nil
	}
	question := callback.KbaCreate{
		Prompt:              n.Message.or(languages, "Select a security question"),
		PredefinedQuestions: make([]string, len(offered)), AllowUserDefinedQuestions: n.OwnAllowed,
	}
	for i, q := range offered {
		question.PredefinedQuestions[i] = Text(q.Text).For(languages)
	}
	callbacks := make([]callback.Callback, n.count(offered))
	for i := range callbacks {
		callbacks[i] = question
	}
	return journey.Ask(callbacks...), nil
}

// count is how many questions are asked for: no more than there are.
func (n *KbaCreate) count(offered []journey.Question) int {
	if n.OwnAllowed {
		return kbaMinimum
	}
	return min(kbaMinimum, len(offered))
}

// infos are the questions and answers as IDM keeps them; ok is false if one of
// them is missing, or a question is there twice.
func (n *KbaCreate) infos(answers []callback.Callback, offered []journey.Question, languages []string) (infos []any, ok bool) {
	seen := make(map[string]bool)
	for _, a := range answers {
		given, ok := a.(callback.KbaCreate)
		form := letters(given.Question)
		answer := strings.TrimSpace(string(given.Answer))
		if !ok || answer == "" || form == "" || seen[form] {
			return nil, false
		}
		seen[form] = true
		info := map[string]any{"customQuestion": strings.TrimSpace(given.Question), "answer": answer}
		for _, q := range offered {
			if Text(q.Text).For(languages) == given.Question {
				info = map[string]any{"questionId": q.ID, "answer": answer}
			}
		}
		if _, own := info["customQuestion"]; own && !n.OwnAllowed {
			return nil, false
		}
		infos = append(infos, info)
	}
	return infos, len(infos) > 0 && len(infos) >= n.count(offered)
}

// letters is what tells one question from another, as in AM: its letters and
// digits, in any case.
func letters(question string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, question)
}

// Outcomes implements journey.Node.
func (*KbaCreate) Outcomes() []string { return []string{outcomeOnly} }

// Needs implements journey.Requirer: somebody must say the questions.
func (n *KbaCreate) Needs() []journey.Need {
	if n.OwnAllowed {
		return nil
	}
	return []journey.Need{{Kind: journey.NeedKBA}}
}
