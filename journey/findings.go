package journey

import (
	"maps"
	"slices"
	"time"
)

// Findings are what the nodes of a journey found out for its end. They are
// part of the Snapshot.
type Findings struct {
	// Properties, AuthTypes, MaxTime and IdleTime are for the session. The
	// times are 0 where no node set them.
	Properties map[string]string `json:"properties,omitempty"`
	AuthTypes  []string          `json:"authTypes,omitempty"`
	MaxTime    time.Duration     `json:"maxTime,omitempty"`
	IdleTime   time.Duration     `json:"idleTime,omitempty"`
	// Webhooks are called when the session ends.
	Webhooks []string `json:"webhooks,omitempty"`
	// Hooks are the ids of the nodes to be called at success.
	Hooks []string `json:"hooks,omitempty"`
	// SuccessDetails are further members of the reply that reports success,
	// SuccessProperties those that are copies of session properties.
	SuccessDetails    map[string]any    `json:"successDetails,omitempty"`
	SuccessProperties map[string]string `json:"successProperties,omitempty"`
	// FailureMessage and FailureDetails are for the reply that reports
	// failure, ErrorMessage and ErrorDetails for a journey that ends with an
	// error.
	FailureMessage string         `json:"failureMessage,omitempty"`
	FailureDetails map[string]any `json:"failureDetails,omitempty"`
	ErrorMessage   string         `json:"errorMessage,omitempty"`
	ErrorDetails   map[string]any `json:"errorDetails,omitempty"`
}

// clone is a copy that shares nothing that add writes to.
func (f *Findings) clone() Findings {
	c := *f
	c.Properties = maps.Clone(f.Properties)
	c.AuthTypes = slices.Clone(f.AuthTypes)
	c.Webhooks = slices.Clone(f.Webhooks)
	c.Hooks = slices.Clone(f.Hooks)
	c.SuccessDetails = maps.Clone(f.SuccessDetails)
	c.SuccessProperties = maps.Clone(f.SuccessProperties)
	c.FailureDetails = maps.Clone(f.FailureDetails)
	c.ErrorDetails = maps.Clone(f.ErrorDetails)
	return c
}

// add takes over what was found out later. No list names anything twice.
func (f *Findings) add(later Findings) {
	merge(&f.Properties, later.Properties)
	f.AuthTypes = union(f.AuthTypes, later.AuthTypes)
	if later.MaxTime > 0 {
		f.MaxTime = later.MaxTime
	}
	if later.IdleTime > 0 {
		f.IdleTime = later.IdleTime
	}
	f.Webhooks = union(f.Webhooks, later.Webhooks)
	f.Hooks = union(f.Hooks, later.Hooks)
	merge(&f.SuccessDetails, later.SuccessDetails)
	merge(&f.SuccessProperties, later.SuccessProperties)
	merge(&f.FailureDetails, later.FailureDetails)
	merge(&f.ErrorDetails, later.ErrorDetails)
	if later.FailureMessage != "" {
		f.FailureMessage = later.FailureMessage
	}
	if later.ErrorMessage != "" {
		f.ErrorMessage = later.ErrorMessage
	}
}

// merge writes the entries of more into *m, and makes it if need be.
func merge[V any](m *map[string]V, more map[string]V) {
	if *m == nil && len(more) > 0 {
		*m = make(map[string]V, len(more))
	}
	maps.Copy(*m, more)
}

// union appends to list what it does not have yet.
func union(list, more []string) []string {
	for _, s := range more {
		if !slices.Contains(list, s) {
			list = append(list, s)
		}
	}
	return list
}
