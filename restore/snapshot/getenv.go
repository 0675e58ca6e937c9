package snapshot

import (
	"context"
	"slices"
	"strings"

	"pyfreeze/procmem"
	"pyfreeze/restore/prefix"
	"pyfreeze/symbols"
	"pyfreeze/tracer"
)

// getenvs are the functions of libc that look for a variable; they are one piece of code
// (secure_getenv of stdlib/secure-getenv.c calls getenv).
var getenvs = []string{"getenv", "secure_getenv", "__secure_getenv"}

// AsksInC says whether the stopped command has loaded a library, beside the interpreter and libc,
// that looks for variables of the environment by libc. Those that it cannot read count as such.
func (c *Command) AsksInC() (bool, error) {
	mods, err := c.modules()
	defer symbols.CloseModules(mods)
	if err != nil {
		return false, err
	}
	for i := range mods {
		f := mods[i].File
		if f == nil || f.Path == c.in.Module.File.Path || f.Path == c.in.Exe || isLibc(f.Soname()) {
			continue
		}
		asks := false
		err := f.Undefined(func(name string) bool {
			asks = slices.Contains(getenvs, name)
			return !asks
		})
		if asks || err != nil {
			return true, nil
		}
	}
	return false, nil
}

// VariablesInC runs the command to a spot as ToSpot does, and adds to the reads the variables that
// code in C looked for on the way. The command is good for nothing else then, and must be killed.
// What it may read of its arguments is not seen. Precondition and errors are those of ToSpot.
func (c *Command) VariablesInC(ctx context.Context, spot *Spot, reads *prefix.Reads) error {
	s := &spotSeeker{spot: spot, instead: true}
	if err := s.listenTo(c); err != nil || s.getenv == 0 {
		return err
	}
	s.inC = reads
	_, err := c.toSpot(ctx, s)
	return err
}

// listenTo finds libc's getenv in a command, where it has one that can be found.
func (s *spotSeeker) listenTo(c *Command) error {
	mods, err := c.modules()
	defer symbols.CloseModules(mods)
	if err != nil {
		return err
	}
	for i := range mods {
		if f := mods[i].File; f != nil && isLibc(f.Soname()) {
			if sym, ok := f.Dynsym("getenv"); ok {
				s.getenv, s.inC = mods[i].Bias+sym.Addr, prefix.NewReads()
			}
			return nil
		}
	}
	return nil
}

// listens says whether getenv is watched.
func (s *spotSeeker) listens() bool { return slices.Contains(s.roles[:], roleGetenv) }

// listen has a watch for getenv, from when a library that calls it is mapped. Where all others are
// taken it takes that of PyEval_EvalCode, once the code of the spot is known: only a module that is
// executed a second time has another; or the second of the interpreter's ends.
func (s *spotSeeker) listen() error {
	if s.getenv == 0 || s.listens() {
		return nil
	}
	for _, n := range []int{watchNames, watchSpot} {
		if s.roles[n] == roleNone {
			return s.set(n, roleGetenv, s.getenv, tracer.WatchExecute)
		}
	}
	s.maps = true // to be told of each
	if asks, err := s.c.AsksInC(); err != nil || !asks {
		return err
	}
	n := watchNames
	if s.spot.End() {
		n = watchSpot
	}
	s.deaf, s.maps = true, false
	return s.set(n, roleGetenv, s.getenv, tracer.WatchExecute)
}

func (c *Command) modules() ([]symbols.Module, error) {
	maps, err := procmem.ReadMaps(c.p.PID())
	if err != nil {
		return nil, err
	}
	return symbols.ModulesIn(maps, c.live)
}

func isLibc(soname string) bool {
	return strings.HasPrefix(soname, "libc.so") || strings.HasPrefix(soname, "ld-")
}

// asked notes the variable that code in C is about to look for: not one that a thaw reads again, or
// that is a guard in any case.
func (s *spotSeeker) asked() error {
	regs, err := s.c.p.Regs(s.c.p.PID())
	if err != nil {
		return err
	}
	const longest = 256
	name, _ := procmem.CString(s.mem, procmem.Addr(firstArgument(&regs)), longest)
	if len(name) >= longest || !isVariable(name) || name == "TZ" || strings.HasPrefix(name, "PYTHON") {
		return nil
	}
	_, who := s.who()
	s.inC.Env[name] = true
	s.inC.By(name, who)
	return nil
}
