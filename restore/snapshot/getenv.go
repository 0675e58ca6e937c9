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
	mods, err := c.modules()
	defer symbols.CloseModules(mods)
	if err != nil {
		return err
	}
	for i := range mods {
		if f := mods[i].File; f != nil && isLibc(f.Soname()) {
			sym, ok := f.Dynsym("getenv")
			if !ok {
				return nil
			}
			at := mods[i].Bias + sym.Addr
			_, err := c.toSpot(ctx, &spotSeeker{spot: spot, getenv: at, asks: reads})
			return err
		}
	}
	return nil
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
	name, _ := procmem.CString(s.c.live, procmem.Addr(firstArgument(&regs)), longest)
	if len(name) >= longest || !isVariable(name) || name == "TZ" || strings.HasPrefix(name, "PYTHON") {
		return nil
	}
	_, who := s.who()
	s.asks.Env[name] = true
	s.asks.By(name, who)
	return nil
}

// watchVariables watches libc's getenv, or the arguments where that is not to be watched.
func (s *spotSeeker) watchVariables() error {
	if s.getenv != 0 {
		return s.c.p.SetWatch(watchArgv, s.getenv, tracer.WatchExecute)
	}
	return s.c.p.SetWatch(watchArgv, s.argv, tracer.WatchAccess)
}
