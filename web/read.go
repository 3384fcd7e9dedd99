package web

import (
	"errors"
	"net/http"
)

// maxForm bounds a posted form. It carries its question along, of which terms
// and conditions can be long.
const maxForm = 256 << 10

// readForm reads the body into r.PostForm. A body of another type than a
// form's leaves it empty, and so without a seal.
func readForm(w http.ResponseWriter, r *http.Request) error {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	err := r.ParseForm()
	switch _, tooLarge := errors.AsType[*http.MaxBytesError](err); {
	case tooLarge:
		return refusal{status: http.StatusRequestEntityTooLarge, what: "tooLarge"}
	case err != nil:
		return refusal{status: http.StatusBadRequest, what: "badQuery"}
	}
	return nil
}
