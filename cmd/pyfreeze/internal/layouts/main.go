// Command layouts writes symbols/layouts: the C types of every interpreter that it finds with debug information, for those that have none.
//
//	layouts -o symbols/layouts             all
//	layouts -o symbols/layouts -only 3.15  those whose name has this word
//
// Builds that are in the files and not on this machine stay as they are.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"pyfreeze/cmd/pyfreeze/internal/pythons"
	"pyfreeze/symbols"
)

func main() {
	out := flag.String("o", "symbols/layouts", "`directory` of the files")
	trees := flag.String("trees", "/var/cache/pyfreeze-test/trees", "`directory` for trees of other Debians; empty: none")
	scripts := flag.String("scripts", "testdata/python", "`directory` of the programs that are looked at")
	only := flag.String("only", "", "take the interpreters only whose name contains this `word`")
	collect := flag.String("collect", "", "write the layouts of this `interpreter` to the standard output, and nothing else")
	origin := flag.String("origin", "", "whose build that is")
	flag.Parse()
	var err error
	if *collect != "" {
		err = collectOne(*collect, *origin, *scripts)
	} else {
		err = run(*out, *trees, *scripts, *only)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "layouts:", err)
		os.Exit(1)
	}
}

func run(out, trees, scripts, only string) error {
	all := pythons.Here()
	if trees != "" {
		more, undo := pythons.InTrees(trees, only)
		defer undo()
		all = append(all, more...)
	}
	texts := map[string][]string{} // by minor version
	for _, in := range all {
		if !strings.Contains(in.Name, only) {
			continue
		}
		if in.Absent != "" {
			fmt.Fprintf(os.Stderr, "%s: %s\n", in.Name, in.Absent)
			continue
		}
		fmt.Fprintf(os.Stderr, "%s ...\n", in.Name)
		minor, text, err := inTree(in, scripts)
		if err != nil {
			return fmt.Errorf("%s: %w", in.Name, err)
		}
		texts[minor] = append(texts[minor], text)
	}
	for minor, list := range texts {
		path := filepath.Join(out, minor+".txt")
		old, err := os.ReadFile(path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		text, err := symbols.MergeLayouts(append([]string{string(old)}, list...)...)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// inTree runs this program again where the interpreter is.
func inTree(in pythons.Interpreter, scripts string) (minor, text string, err error) {
	dir, err := os.MkdirTemp(filepath.Join(in.Root, "/tmp"), "layouts-")
	if err != nil {
		return "", "", err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	self, err := os.Executable()
	if err != nil {
		return "", "", err
	}
	for name, from := range map[string]string{"layouts": self, "layouts.py": filepath.Join(scripts, "layouts.py"), "imports.py": filepath.Join(scripts, "imports.py")} {
		b, err := os.ReadFile(from)
		if err != nil {
			return "", "", err
		}
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o755); err != nil {
			return "", "", err
		}
	}
	inside := strings.TrimPrefix(dir, in.Root)
	origin := "Debian"
	if strings.HasPrefix(in.Name, "pyenv") {
		origin = "pyenv"
	}
	if strings.HasSuffix(in.Path, "d") {
		origin += "-debug"
	}
	cmd := &exec.Cmd{Path: filepath.Join(inside, "layouts"), Dir: inside, Stderr: os.Stderr,
		Args: []string{"layouts", "-collect", in.Path, "-origin", origin, "-scripts", inside},
		Env:  []string{"PATH=/usr/bin:/bin", "HOME=" + inside, "LANG=C.UTF-8"}}
	if in.Root != "" {
		cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: in.Root}
	}
	b, err := cmd.Output()
	if err != nil {
		return "", "", err
	}
	minor, text, ok := strings.Cut(string(b), "\n")
	if !ok {
		return "", "", errors.New("it wrote nothing")
	}
	return minor, text, nil
}
