package journey

// Parent is a Node that is made of others, as a page is. Adapters fill it with
// Add.
type Parent interface {
	Node
	// Add gives the parent a child, or the child of that id its node.
	Add(child Child) error
	// Parts are the children in their order. The result must not be changed.
	Parts() []Child
}

// Child is a node that is part of another. Its JSON is AM's, which has the node
// itself elsewhere.
type Child struct {
	ID   string `json:"_id"`
	Type string `json:"nodeType"`
	Name string `json:"displayName"`
	Node Node   `json:"-"`
}
