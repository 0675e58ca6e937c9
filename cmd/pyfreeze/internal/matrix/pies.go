package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"

	"pyfreeze/cmd/pyfreeze/internal/staticpie"
)

// pies are static PIEs, which no package has: made here of the static libraries that pyenv's interpreters came with, and of Debian's source.
type pies struct {
	dir  string
	made []interpreter
}

func staticPIEs(of []interpreter) (p pies, err error) {
	if p.dir, err = os.MkdirTemp("", "matrix-pie-"); err != nil {
		return p, err
	}
	for _, in := range of {
		version, ok := strings.CutPrefix(in.name, "pyenv ")
		if !ok {
			continue
		}
		pie := interpreter{name: "static PIE " + version, path: filepath.Join(p.dir, version, "bin", "python"+version), why: in.why}
		if pie.why == "" {
			if err := staticpie.FromLibrary(context.Background(), in.path, pie.path); err != nil {
				pie.why = err.Error()
			}
		}
		p.made = append(p.made, pie)
	}
	debian := interpreter{name: "static PIE of Debian's source"}
	if debian.path, err = staticpie.FromSource(context.Background()); err != nil {
		debian.why = err.Error()
	}
	p.made = append(p.made, debian)
	return p, nil
}

func (p *pies) remove() { _ = os.RemoveAll(p.dir) }
