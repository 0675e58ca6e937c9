package script

import (
	"embed"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"

	"pyfreeze/pyheap"
)

//go:embed recipes/*.py
var recipeFiles embed.FS

// Recipe is a Python file whose thaw() runs in every thawed process and repairs what one program captured of the world it was frozen in.
// What it declares, it declares in tuples of strings: NAME = ('a', 'b').
type Recipe struct {
	Name     string   // of a shipped one; the path of another; "" for none
	Programs []string // names of commands that it is for
	Key      []string // variables whose values choose among a launcher's images; NAME* stands for all that begin so
	Warm     []string // command lines, words as a shell's, that a program is warmed up with, in an empty directory
	WarmEnv  []string // NAME=VALUE for them; NAME= takes one away
	Sets     []string // what a launcher looks at to guess what is switched on: sets.c of the stub
	SetEnv   []string // variables that it looks at
	SetFiles []string // files
	Guards   []string // variables whose values must be those of the freeze
	Fixes    []string // paths that thaw() repairs: no captured values any more
	// OfProgram says that it, or a part of it, is for the program itself, not for a library alone.
	OfProgram bool
	GoesOn    bool // thaw() is for programs that go on, too; else for those that run again

	sources      []string // of one program, and of the libraries that are loaded
	detect       []string // a module that tells the program
	resetSignals []string
	env          []string // variables whose values at the freeze it wants: config['env']
	count        []string // types whose number of objects it wants: config['count']
}

var quoted = regexp.MustCompile(`"([^"\n]*)"|'([^'\n]*)'`)

// parseRecipe reads what a recipe declares.
func parseRecipe(name, source string) *Recipe {
	declared := func(what string) (out []string) {
		m := regexp.MustCompile(`(?m)^` + what + ` *= *(\([^()]*\)|[^\n]*)`).FindStringSubmatch(source)
		if m == nil {
			return nil
		}
		for _, q := range quoted.FindAllStringSubmatch(m[1], -1) {
			out = append(out, q[1]+q[2])
		}
		return out
	}
	return &Recipe{Name: name, Programs: declared("PROGRAMS"), Key: declared("KEY"), Warm: declared("WARM"), WarmEnv: declared("WARM_ENV"),
		Sets: declared("SETS"), SetEnv: declared("SET_ENV"), SetFiles: declared("SET_FILES"),
		Guards: declared("GUARDS"), Fixes: declared("FIXES"), sources: []string{source}, detect: declared("DETECT"),
		GoesOn: len(declared("GOES_ON")) > 0, resetSignals: declared("RESET_SIGNALS"), env: declared("ENV"), count: declared("COUNT")}
}

// ReadRecipe reads the recipe in a file.
func ReadRecipe(path string) (*Recipe, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("recipe: %w", err)
	}
	return parseRecipe(path, string(b)), nil
}

// ShippedRecipe returns the recipe that is part of pyfreeze for a command's name, nil if there is none.
func ShippedRecipe(program string) (*Recipe, error) {
	shipped, err := shippedRecipes()
	for _, r := range shipped {
		if slices.Contains(r.Programs, program) {
			return r, err
		}
	}
	return nil, err
}

// Choose returns what repairs a frozen process: the recipe in the file at path, or where that is "" the shipped one whose module is loaded;
// and in any case those of libraries that are loaded. With none it returns an empty one.
//
// In a program that goes on at its point nothing is to be repaired that it has set before: only what
// declares GOES_ON, such as randomness, is done there.
func Choose(path string, none, goesOn bool, h *pyheap.Heap) (*Recipe, error) {
	chosen := &Recipe{}
	if none {
		return chosen, nil
	}
	if path != "" {
		r, err := ReadRecipe(path)
		if err != nil {
			return nil, err
		}
		chosen = r
		chosen.OfProgram = true
	}
	mods, err := h.Modules()
	if err != nil {
		return nil, err
	}
	loaded := map[string]bool{}
	for _, m := range mods {
		loaded[m.Name] = true
	}
	shipped, err := shippedRecipes()
	if err != nil {
		return nil, err
	}
	for _, r := range shipped {
		if goesOn && !r.GoesOn {
			continue
		}
		if loaded[r.detect[0]] && (r.isLibrary() || chosen.Name == "") {
			chosen.OfProgram = chosen.OfProgram || !r.isLibrary()
			chosen.add(r)
		}
	}
	return chosen, nil
}

// isLibrary says whether a recipe is of a library, for whatever program uses it.
func (r *Recipe) isLibrary() bool { return len(r.Programs) == 0 }

// add makes r do what the other recipe does, too.
func (r *Recipe) add(more *Recipe) {
	if r.Name != "" {
		r.Name += ", "
	}
	r.Name += more.Name
	for _, l := range []struct{ to, from *[]string }{{&r.sources, &more.sources}, {&r.resetSignals, &more.resetSignals}, {&r.env, &more.env},
		{&r.Fixes, &more.Fixes}, {&r.Guards, &more.Guards}, {&r.count, &more.count}} {
		*l.to = append(*l.to, *l.from...)
	}
}

// shippedSources returns the recipes that are part of pyfreeze, always in the same order.
func shippedSources() (out []string, err error) {
	shipped, err := shippedRecipes()
	for _, r := range shipped {
		out = append(out, r.sources...)
	}
	return out, err
}

// shippedRecipes returns those that are part of pyfreeze and tell their program by a module.
func shippedRecipes() (out []*Recipe, err error) {
	list, err := recipeFiles.ReadDir("recipes")
	if err != nil {
		return nil, err
	}
	for _, e := range list {
		b, err := recipeFiles.ReadFile("recipes/" + e.Name())
		if err != nil {
			return nil, err
		}
		if r := parseRecipe(strings.TrimSuffix(e.Name(), ".py"), string(b)); len(r.detect) == 1 {
			out = append(out, r)
		}
	}
	return out, nil
}
