package restore

import (
	"debug/elf"
	"fmt"
	"path/filepath"
	"strings"

	"pyfreeze/procmem"
	"pyfreeze/symbols"
)

// A program may be started through the loader: "/lib64/ld-linux-x86-64.so.2 /usr/bin/python3 SCRIPT". The kernel starts ld.so then, which
// loads the interpreter like a library. What comes of it is the same process, but for what the kernel calls it; the thaw starts the interpreter itself.

// loaderRuns says whether ld.so is what the kernel started.
func loaderRuns(pid int) bool {
	f, err := symbols.Open(fmt.Sprintf("/proc/%d/exe", pid))
	if err != nil {
		return false
	}
	defer f.Close()
	return f.Interp == "" && isLoaderName(f.Soname())
}

// withoutLoader is the command line without the loader. Its options change what is loaded, and there is none that does so without it.
func (c commandLine) withoutLoader() (commandLine, error) {
	if len(c.argv) < 2 || strings.HasPrefix(c.argv[1], "-") {
		return c, refused("an interpreter that was started through the loader "+c.argv[0]+" with options", "start it without them, with LD_LIBRARY_PATH or LD_PRELOAD")
	}
	return commandLine{argv: c.argv[1:], comm: truncated(filepath.Base(c.argv[1]))}, nil
}

// entryThroughLoader gives the entry point of the program that ld.so, which has not run yet, is to start. Only that of a program
// whose place is fixed is known before.
func (s *started) entryThroughLoader() (procmem.Addr, error) {
	line, err := s.o.readCommandLine()
	if err != nil {
		return 0, err
	}
	f, err := symbols.Open(line.argv[0]) // ld.so does not look on PATH either
	if err != nil {
		return 0, err
	}
	defer f.Close()
	if f.Type != elf.ET_EXEC {
		return 0, refused("a position-independent program that is started through the loader", "start it without, or attach to it when it runs")
	}
	return f.Entry, nil
}
