package password

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/crypto/argon2"
)

// Bounds of what Parse accepts. Whoever can write a hash decides what its
// check costs, so the dearest one allowed takes about a second and 256 MiB.
const (
	maxMemory     = 256 << 10 // KiB
	maxFilled     = 1 << 20   // KiB written in all passes
	maxTime       = 64
	maxThreads    = 16
	minSalt       = 8 // bytes, RFC 9106 §3.1
	maxSalt       = 64
	minKey        = 16 // bytes
	maxKey        = 64
	minBcryptCost = 4
	maxBcryptCost = 14
	bcryptLen     = 60
)

// bcryptAlphabet is bcrypt's own order of base64.
const bcryptAlphabet = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

// phc is the base64 of PHC strings: no padding, one spelling for each value.
var phc = base64.RawStdEncoding.Strict()

// Parse reads an argon2id hash in PHC form ($argon2id$v=19$m=…,t=…,p=…$salt$key)
// or a bcrypt one in crypt form ($2a$, $2b$, $2y$). It is strict: one spelling
// for each hash, and bounds on what checking it may cost. Errors wrap
// ErrFormat, say what is wrong, and never hold a part of the text but its
// cost parameters.
func Parse(encoded string) (Digest, error) {
	switch {
	case strings.HasPrefix(encoded, "$argon2id$"):
		return parseArgon2id(encoded)
	case strings.HasPrefix(encoded, "$2a$"), strings.HasPrefix(encoded, "$2b$"), strings.HasPrefix(encoded, "$2y$"):
		return parseBcrypt(encoded)
	case strings.HasPrefix(encoded, "$argon2"):
		return Digest{}, wrong("of the argon2 family only argon2id is accepted")
	}
	return Digest{}, wrong("it begins neither with $argon2id$ nor with $2a$, $2b$ or $2y$")
}

func parseArgon2id(encoded string) (Digest, error) {
	fields := strings.Split(encoded, "$")
	if len(fields) != 6 {
		return Digest{}, wrong("an argon2id hash is $argon2id$v=19$m=…,t=…,p=…$salt$key")
	}
	if fields[2] != "v="+strconv.Itoa(argon2.Version) {
		return Digest{}, wrong("only version 19 of argon2id is accepted (v=19)")
	}
	d, err := parseCost(fields[3])
	if err != nil {
		return Digest{}, err
	}
	if d.salt, err = parseBytes("salt", fields[4], minSalt, maxSalt); err != nil {
		return Digest{}, err
	}
	if d.key, err = parseBytes("key", fields[5], minKey, maxKey); err != nil {
		return Digest{}, err
	}
	d.profile.saltLen, d.profile.keyLen = len(d.salt), len(d.key)
	return d, nil
}

// parseCost reads "m=…,t=…,p=…", in this order.
func parseCost(text string) (Digest, error) {
	params := strings.Split(text, ",")
	if len(params) != 3 {
		return Digest{}, wrong("the cost of an argon2id hash is m=…,t=…,p=…")
	}
	time, err := parseNumber(params[1], "t", 1, maxTime)
	if err != nil {
		return Digest{}, err
	}
	threads, err := parseNumber(params[2], "p", 1, maxThreads)
	if err != nil {
		return Digest{}, err
	}
	// RFC 9106 §3.1: at least 8 KiB for each thread.
	memory, err := parseNumber(params[0], "m", 8*threads, min(maxMemory, maxFilled/time))
	if err != nil {
		return Digest{}, err
	}
	return Digest{profile: Profile{memory: memory, time: time, threads: uint8(threads)}}, nil
}

func parseNumber(text, name string, least, most uint32) (uint32, error) {
	digits, ok := strings.CutPrefix(text, name+"=")
	n, err := strconv.ParseUint(digits, 10, 32)
	if !ok || err != nil || strconv.FormatUint(n, 10) != digits {
		return 0, wrong("%s=<number> is missing where it belongs", name)
	}
	if n < uint64(least) || n > uint64(most) {
		return 0, wrong("%s=%d is outside of %d to %d", name, n, least, most)
	}
	return uint32(n), nil
}

func parseBytes(name, text string, least, most int) ([]byte, error) {
	// Line ends are the one thing that the decoder would overlook.
	if strings.ContainsAny(text, "\r\n") {
		return nil, wrong("the %s is not base64 without padding", name)
	}
	if n := phc.DecodedLen(len(text)); n < least || n > most {
		return nil, wrong("the %s has %d bytes; %d to %d are accepted", name, n, least, most)
	}
	b, err := phc.DecodeString(text)
	if err != nil { // not wrapped: it would tell at which byte
		return nil, wrong("the %s is not base64 without padding", name)
	}
	return b, nil
}

func parseBcrypt(encoded string) (Digest, error) {
	if len(encoded) != bcryptLen || encoded[6] != '$' {
		return Digest{}, wrong("a bcrypt hash is $2b$, two digits of cost, $, and 53 characters: %d in all", bcryptLen)
	}
	cost, err := strconv.Atoi(encoded[4:6])
	if err != nil || cost < minBcryptCost || cost > maxBcryptCost {
		return Digest{}, wrong("the cost of a bcrypt hash is %02d to %d", minBcryptCost, maxBcryptCost)
	}
	if fmt.Sprintf("%02d", cost) != encoded[4:6] || strings.Trim(encoded[7:], bcryptAlphabet) != "" {
		return Digest{}, wrong("the bcrypt hash holds a character that does not belong there")
	}
	return Digest{profile: Profile{bcrypt: cost}, crypt: []byte(encoded)}, nil
}

func wrong(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrFormat, fmt.Sprintf(format, args...))
}
