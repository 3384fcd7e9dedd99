package mailtest

import (
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Message is a mail as its recipient reads it.
type Message struct {
	Header mail.Header
	// Subject, Text and HTML are decoded; a part that is not there is "".
	Subject, Text, HTML string
}

// Messages are the mails that were delivered to an address so far, in no
// certain order.
func (s *Server) Messages(to string) []Message {
	s.tb.Helper()
	paths, err := filepath.Glob(filepath.Join(s.path("mail"), "new", "*"))
	if err != nil {
		s.tb.Fatalf("mailtest: %v", err)
	}
	var found []Message
	for _, path := range paths {
		m, err := readMessage(path)
		if err != nil {
			s.tb.Fatalf("mailtest: a mail that cannot be read: %v", err)
		}
		if m.Header.Get("Envelope-To") == to {
			found = append(found, m)
		}
	}
	return found
}

// Await returns the mails to an address when there are n of them, at least.
func (s *Server) Await(to string, n int) []Message {
	s.tb.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if found := s.Messages(to); len(found) >= n {
			return found
		}
	}
	s.tb.Fatalf("mailtest: after %v there are %d mails to %s, want %d", patience, len(s.Messages(to)), to, n)
	return nil
}

func readMessage(path string) (Message, error) {
	f, err := os.Open(path)
	if err != nil {
		return Message{}, err
	}
	defer f.Close()
	raw, err := mail.ReadMessage(f)
	if err != nil {
		return Message{}, err
	}
	m := Message{Header: raw.Header}
	if m.Subject, err = new(mime.WordDecoder).DecodeHeader(raw.Header.Get("Subject")); err != nil {
		return Message{}, err
	}
	return m, m.read(raw.Header.Get, raw.Body)
}

// read takes a part, or the parts that it is made of.
func (m *Message) read(header func(string) string, body io.Reader) error {
	kind, params, err := mime.ParseMediaType(header("Content-Type"))
	if err != nil {
		return err
	}
	if kind == "multipart/alternative" {
		for parts := multipart.NewReader(body, params["boundary"]); ; {
			part, err := parts.NextRawPart()
			if err == io.EOF {
				return nil
			}
			if err != nil {
				return err
			}
			if err := m.read(part.Header.Get, part); err != nil {
				return err
			}
		}
	}
	if encoding := header("Content-Transfer-Encoding"); encoding != "quoted-printable" {
		return fmt.Errorf("a part in the encoding %q", encoding)
	}
	b, err := io.ReadAll(quotedprintable.NewReader(body))
	content := strings.ReplaceAll(string(b), "\r\n", "\n")
	switch kind {
	case "text/plain":
		m.Text = content
	case "text/html":
		m.HTML = content
	default:
		return fmt.Errorf("a part of the type %s", kind)
	}
	return err
}
