package cluster

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/amgate/amgate/journey/affinity"
	"github.com/amgate/amgate/store"
)

// Prefix is that of the nodes' records.
const Prefix store.Key = "n/"

// Node is what the directory tells of an AM node.
type Node struct {
	// Name is for people. Address is the host:port that the node advertises,
	// by which edges and other nodes reach it; it tells nodes apart.
	Name    string `json:"name"`
	Address string `json:"address"`
	// Secure says that https is spoken there.
	Secure  bool   `json:"secure,omitempty"`
	Version string `json:"version,omitempty"`
	// Journeys is how many journeys the node had in memory when it last wrote.
	Journeys int `json:"journeys"`
	// Draining says that the node takes no new journeys.
	Draining bool `json:"draining,omitempty"`
}

// URL is that of a node, without a path.
func (n Node) URL() string {
	if n.Secure {
		return "https://" + n.Address
	}
	return "http://" + n.Address
}

// written is a node as its record has it.
type written struct {
	Node
	// Left says that the node has ended.
	Left bool `json:"left,omitempty"`
}

// format is the first byte of a record's value.
const format = 1

func (w written) encode() []byte {
	text, _ := json.Marshal(w) // never fails for texts, numbers and flags
	return append([]byte{format}, text...)
}

func decode(plain []byte) (w written, err error) {
	if len(plain) == 0 || plain[0] != format {
		return written{}, errors.New("the record is of a version that this one does not know")
	}
	if err := json.Unmarshal(plain[1:], &w); err != nil {
		return written{}, fmt.Errorf("the record is not as nodes write it: %w", err)
	}
	if w.Address == "" {
		return written{}, errors.New("the record names no address")
	}
	return w, nil
}

// keyOf is the key of the record of the node with a pin.
func keyOf(p affinity.Pin) store.Key { return Prefix + store.Key(hex.EncodeToString(p[:])) }
