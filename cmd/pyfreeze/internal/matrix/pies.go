package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"pyfreeze/cmd/pyfreeze/internal/pythons"
	"pyfreeze/cmd/pyfreeze/internal/staticpie"
)

// pies are static PIEs, which no package has: made here of the static libraries that pyenv's interpreters came with, and of Debian's source.
type pies struct {
	dir  string
	made []pythons.Interpreter
}

func staticPIEs(of []pythons.Interpreter) (p pies, err error) {
	if p.dir, err = os.MkdirTemp("", "matrix-pie-"); err != nil {
		return p, err
	}
	for _, in := range of {
		version, ok := strings.CutPrefix(in.Name, "pyenv ")
		if !ok {
			continue
		}
		pie := pythons.Interpreter{Name: "static PIE " + version, Path: filepath.Join(p.dir, version, "bin", "python"+version), Absent: in.Absent}
		if pie.Absent == "" {
			if err := staticpie.FromLibrary(context.Background(), in.Path, pie.Path); err != nil {
				pie.Absent = err.Error()
			}
		}
		p.made = append(p.made, pie)
	}
	debian := pythons.Interpreter{Name: "static PIE of Debian's source"}
	if debian.Path, err = staticpie.FromSource(context.Background()); err != nil {
		debian.Absent = err.Error()
	}
	p.made = append(p.made, debian)
	return p, nil
}

func (p *pies) remove() {
	for _, in := range p.made {
		_ = unix.Unmount(in.Path, unix.MNT_DETACH) // where hide has put another in its place
	}
	_ = os.RemoveAll(p.dir)
}
