package script

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"pyfreeze/restore/guard"
)

// warmScript runs a program several times in one process; see its first lines.
//
//go:embed warm.py
var warmScript string

// OfWarmUp says whether it is warm.py that has changed what was at a path.
func OfWarmUp(path, was string) bool {
	return slices.Contains(replaced, path) || strings.Contains(was, "<function Opened.noting.")
}

// replaced are paths to what warm.py has in the place of others while it runs the program.
var replaced = []string{
	"sys.modules['builtins'].open", "sys.modules['io'].open", "sys.modules['os'].open",
	"sys.modules['posix'].open",
	"sys.modules['importlib._bootstrap_external'].FileLoader.get_data",
}

// Here is a run of a program that a recipe prepares for (its prepare()), after the warm-up.
type Here struct {
	Dir  string             `json:"dir"`
	Args []string           `json:"args"`
	Env  map[string]*string `json:"env"` // what the warm-up has changed, as it is
	Why  string             `json:"why"` // a file that gets the reason why it cannot
}

// WarmCommand returns the words of an interpreter that runs a program several times in one process: with the arguments of its command line, then
// with those of each of more. none and path choose recipes as for [Choose]. The file told
// gets the paths of the files that were read, with a NUL between.
func WarmCommand(cl guard.Cmdline, cwd string, more [][]string, path string, none bool, here *Here, told string) ([]string, error) {
	var path0 *string
	if !cl.HasOption('P') && !cl.HasOption('I') {
		p := cl.Path0(cwd)
		path0 = &p
	}
	recipes := [][]string{}
	switch {
	case none:
	case path != "":
		r, err := ReadRecipe(path)
		if err != nil {
			return nil, err
		}
		recipes = append(recipes, []string{"", r.sources[0]})
	default:
		shipped, err := shippedRecipes()
		if err != nil {
			return nil, err
		}
		for _, r := range shipped {
			if !r.isLibrary() {
				recipes = append(recipes, []string{r.detect[0], r.sources[0]})
			}
		}
	}
	literal, err := pythonLiteral(cl.What, path0, append([][]string{cl.Args}, more...), recipes, here, told)
	if err != nil {
		return nil, err
	}
	return append(append([]string{}, cl.Interp...), "-c", warmScript, literal), nil
}

// pythonLiteral writes strings and lists of them as JSON, which Python reads, too.
func pythonLiteral(what []string, path0 *string, runs, recipes [][]string, here *Here, told string) (string, error) {
	lists := append(append(append([][]string{}, runs...), what), recipes...)
	if here != nil {
		lists = append(lists, here.Args, []string{here.Dir, here.Why})
		for _, v := range here.Env {
			if v != nil {
				lists = append(lists, []string{*v})
			}
		}
	}
	for _, list := range lists {
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
	b, err := json.Marshal([]any{what, path0, runs, recipes, here, told})
	return string(b), err
}
