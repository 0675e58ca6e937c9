package main

import (
	"embed"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/txtar"
)

// programs are those of PyPI, each described by a text: lines of a key and a value, then files. A
// key that may come several times makes a list. Files below after/, plugin/ and upgrade/ are those
// of the fields of these names.
//
//go:embed programs/*.txtar
var programs embed.FS

// described reads all of them.
func described() (out []program, err error) {
	entries, err := programs.ReadDir("programs")
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		text, err := programs.ReadFile(path.Join("programs", e.Name()))
		if err != nil {
			return nil, err
		}
		p, err := describe(strings.TrimSuffix(e.Name(), ".txtar"), text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", e.Name(), err)
		}
		out = append(out, *p)
	}
	return out, nil
}

// usual varies in all programs from run to run.
var usual = []*regexp.Regexp{seconds, isoTime, hexAddress, randomNames}

// describe reads one.
func describe(name string, text []byte) (*program, error) {
	a := txtar.Parse(text)
	p := &program{name: name, files: map[string]string{}, after: map[string]string{}, plugin: map[string]string{},
		upgrade: map[string]string{}, varies: slices.Clone(usual)}
	for line := range strings.Lines(string(a.Comment)) {
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		key, value, ok := strings.Cut(line, ":")
		if !ok {
			return nil, fmt.Errorf("no key: %q", line)
		}
		if err := p.set(key, strings.TrimSpace(value)); err != nil {
			return nil, fmt.Errorf("%q: %w", line, err)
		}
	}
	for _, f := range a.Files {
		in := p.files
		dir, rest, _ := strings.Cut(f.Name, "/")
		switch dir {
		case "after":
			in = p.after
		case "plugin":
			in = p.plugin
		case "upgrade":
			in = p.upgrade
		default:
			rest = f.Name
		}
		in[rest] = string(f.Data)
	}
	return p, p.check()
}

// set takes one line.
func (p *program) set(key, value string) error {
	switch key {
	case "venv":
		p.venv = value
	case "wheel":
		p.wheel = value
	case "stands":
		p.stands = value
	case "command":
		p.command = value
	case "warm":
		p.warm = value
	case "in place":
		p.inPlace = value == "yes"
	case "no terminal":
		p.noTerminal = value
	case "refused":
		p.refused = value
	case "env":
		p.env = append(p.env, value)
	case "prepare":
		p.prepare = append(p.prepare, value)
	case "case":
		p.cases = append(p.cases, value)
	case "after":
		p.afterCases = append(p.afterCases, value)
	case "plugin":
		p.pluginCases = append(p.pluginCases, value)
	case "cache":
		p.caches = append(p.caches, value)
	case "varies":
		r, err := regexp.Compile(value)
		if err != nil {
			return err
		}
		p.varies = append(p.varies, r)
	default:
		return fmt.Errorf("no such key")
	}
	return nil
}

// check says what a description lacks.
func (p *program) check() error {
	switch {
	case p.venv == "" || p.wheel == "" || p.command == "" || p.stands == "":
		return fmt.Errorf("venv, wheel, command and stands are needed")
	case len(p.cases) < 4:
		return fmt.Errorf("only %d cases", len(p.cases))
	case slices.Contains(p.cases, p.warm):
		return fmt.Errorf("the case %q is the warm-up", p.warm)
	case (len(p.after) > 0) != (len(p.afterCases) > 0):
		return fmt.Errorf("files after the freeze go with cases after it")
	case (len(p.plugin) > 0) != (len(p.pluginCases) > 0):
		return fmt.Errorf("a plugin goes with cases of it")
	}
	return nil
}
