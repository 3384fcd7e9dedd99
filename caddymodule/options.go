package caddymodule

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/amgate/amgate/journey/nodes"
)

// option is one word that may stand in a block of the Caddyfile. The same
// tables drive the parser, its error messages and the reference in the
// documentation.
type option[T any] struct {
	name string
	// args shows the arguments, "<duration>" or "<origin...>".
	args string
	// def is what holds without the option, for the reference.
	def string
	doc string
	// many allows the option more than once in a block.
	many bool
	// set reads the arguments, and a block if there is one, from d, which
	// stands on the option's name.
	set func(d *caddyfile.Dispenser, target T) error
}

// parseBlock reads the block that follows, which may contain only the
// options listed, each once unless it may stand more often.
func parseBlock[T any](d *caddyfile.Dispenser, where string, options []option[T], target T) error {
	seen := make(map[string]bool)
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		if err := parseOption(d, where, options, target, seen); err != nil {
			return err
		}
	}
	return nil
}

func parseOption[T any](d *caddyfile.Dispenser, where string, options []option[T], target T, seen map[string]bool) error {
	name := d.Val()
	i := slices.IndexFunc(options, func(o option[T]) bool { return o.name == name })
	if i < 0 {
		return d.Errf("%s: there is no option %q; the options are: %s", where, name, names(options))
	}
	if seen[name] && !options[i].many {
		return d.Errf("%s: %s is already specified", where, name)
	}
	seen[name] = true
	return options[i].set(d, target)
}

func names[T any](options []option[T]) string {
	list := make([]string, len(options))
	for i, o := range options {
		list[i] = o.name
	}
	return strings.Join(list, ", ")
}

// The setters below make the set functions of options with common arguments.

// text takes one argument.
func text[T any](field func(T) *string) func(*caddyfile.Dispenser, T) error {
	return func(d *caddyfile.Dispenser, target T) error {
		if !d.AllArgs(field(target)) {
			return d.ArgErr()
		}
		return nil
	}
}

// list takes one or more arguments, and adds to those of earlier lines.
func list[T any](field func(T) *[]string) func(*caddyfile.Dispenser, T) error {
	return func(d *caddyfile.Dispenser, target T) error {
		args := d.RemainingArgs()
		if len(args) == 0 {
			return d.ArgErr()
		}
		*field(target) = append(*field(target), args...)
		return nil
	}
}

// texts takes a text, optionally after its language.
func texts[T any](field func(T) *nodes.Text) func(*caddyfile.Dispenser, T) error {
	return func(d *caddyfile.Dispenser, target T) error {
		if err := field(target).Add(d.RemainingArgs()); err != nil {
			return d.WrapErr(err)
		}
		return nil
	}
}

// duration takes a positive duration such as 30m or 1d.
func duration[T any](field func(T) *caddy.Duration) func(*caddyfile.Dispenser, T) error {
	return func(d *caddyfile.Dispenser, target T) (err error) {
		name := d.Val()
		if !d.NextArg() {
			return d.ArgErr()
		}
		if *field(target), err = positive(d, name); err != nil {
			return err
		}
		if d.NextArg() {
			return d.ArgErr()
		}
		return nil
	}
}

// positive reads the current token, a duration, for the option of this name.
func positive(d *caddyfile.Dispenser, name string) (caddy.Duration, error) {
	value, err := caddy.ParseDuration(d.Val())
	if err != nil || value < time.Millisecond {
		return 0, d.Errf("%s: %q is not a positive duration; write for example 90s, 30m or 2h", name, d.Val())
	}
	return caddy.Duration(value), nil
}

// onOff takes one argument, on or off.
func onOff(d *caddyfile.Dispenser) (on bool, err error) {
	name := d.Val()
	var arg string
	switch {
	case !d.AllArgs(&arg):
		return false, d.ArgErr()
	case arg != "on" && arg != "off":
		return false, d.Errf("%s: %q is neither on nor off", name, arg)
	}
	return arg == "on", nil
}

// flag takes no argument.
func flag[T any](field func(T) *bool) func(*caddyfile.Dispenser, T) error {
	return func(d *caddyfile.Dispenser, target T) error {
		if d.NextArg() {
			return d.ArgErr()
		}
		*field(target) = true
		return nil
	}
}

// mebibytes reads a size such as 256MiB.
func mebibytes(d *caddyfile.Dispenser, arg string) (int, error) {
	digits, ok := strings.CutSuffix(arg, "MiB")
	n, err := strconv.Atoi(digits)
	if !ok || err != nil || n < 1 || n > 1<<20 {
		return 0, d.Errf("%q is not a size; write for example 256MiB", arg)
	}
	return n, nil
}
