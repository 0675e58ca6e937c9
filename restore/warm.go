package restore

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"unicode/utf8"
)

// warmScript runs a program several times in one process; see its first lines.
//
//go:embed warm.py
var warmScript string

// driver puts a command in place of the user's that runs its program several times. It starts the user's once, up to the
// first instruction of its interpreter, to learn how that is called, through #!, env or a wrapper.
func (s *started) driver(ctx context.Context) error {
	if err := s.start(); err != nil {
		return err
	}
	err := s.toPython(ctx)
	var plain commandLine
	if err == nil {
		plain, err = s.o.readCommandLine()
	}
	exe := ""
	if err == nil {
		exe = s.in.Exe // not what the kernel started, which may be the loader
	}
	_ = s.p.Kill()
	_, _ = s.p.Wait()
	if s.live != nil {
		_ = s.live.Close()
	}
	if s.in != nil {
		_ = s.in.Module.File.Close() // only read
	}
	s.live, s.in = nil, nil
	if err != nil {
		return err
	}
	cl, err := parseCmdline(plain.argv)
	if err != nil {
		return refused(err.Error(), "give the command of a script or module")
	}
	cwd, err := os.Getwd()
	if err != nil {
		return err
	}
	var path0 *string
	if !cl.hasOption('P') && !cl.hasOption('I') {
		p := cl.path0(cwd)
		path0 = &p
	}
	recipes, err := s.o.warmRecipes()
	if err != nil {
		return err
	}
	runs := append([][]string{cl.args}, s.o.Warm...)
	literal, err := pythonLiteral(cl.what, path0, runs, recipes)
	if err != nil {
		return err
	}
	s.o.plain = &plain
	s.path = exe
	s.argv = append(append([]string{}, cl.interp...), "-c", warmScript, literal)
	return nil
}

// warmRecipes gives the recipe asked for, or those that ship: pairs of a module that tells the program, and source.
func (o *FreezeOptions) warmRecipes() ([][]string, error) {
	switch {
	case o.NoRecipe:
		return [][]string{}, nil
	case o.Recipe != "":
		b, err := os.ReadFile(o.Recipe)
		if err != nil {
			return nil, fmt.Errorf("recipe: %w", err)
		}
		return [][]string{{"", string(b)}}, nil
	}
	out := [][]string{}
	shipped, err := shippedRecipes()
	for _, r := range shipped {
		if !r.isLibrary() {
			out = append(out, []string{r.detect[0], r.sources[0]})
		}
	}
	return out, err
}

// pythonLiteral writes strings and lists of them as JSON, which Python reads, too.
func pythonLiteral(what []string, path0 *string, runs, recipes [][]string) (string, error) {
	for _, list := range append(append(append([][]string{}, runs...), what), recipes...) {
		for _, w := range list {
			if !utf8.ValidString(w) {
				return "", fmt.Errorf("the argument %q is not UTF-8: --warm cannot pass it", w)
			}
		}
	}
	for i := range runs {
		if runs[i] == nil {
			runs[i] = []string{}
		}
	}
	b, err := json.Marshal([]any{what, path0, runs, recipes})
	return string(b), err
}
