package restore

import (
	"embed"
	"fmt"
	"os"
	"regexp"
	"strings"

	"pyfreeze/pyheap"
)

//go:embed recipes/*.py
var recipeFiles embed.FS

// recipe is a Python file whose thaw() runs in every thawed process and repairs what one
// program captured of the world it was frozen in.
type recipe struct {
	name         string
	sources      []string // of one program, and of the libraries that are loaded
	detect       []string // a module that tells the program
	resetSignals []string
	env          []string // variables whose values at the freeze it wants: config['env']
	fixes        []string // paths that thaw() repairs, see compilePatterns: no captured values any more
	programs     []string // names of commands that it is for
	guards       []string // variables whose values must be those of the freeze
	key          []string // variables that choose among a launcher's images
	warm         []string // command lines to warm up with
	warmEnv      []string // and the environment for them
	count        []string // types whose number of objects it wants: config['count']
}

// parseRecipe reads what a recipe declares in tuples of strings: NAME = ('a', 'b').
func parseRecipe(name, source string) recipe {
	declared := func(what string) []string {
		m := regexp.MustCompile(`(?m)^` + what + ` *= *(\([^()]*\)|[^\n]*)`).FindStringSubmatch(source)
		if m == nil {
			return nil
		}
		var out []string
		for _, q := range regexp.MustCompile(`"([^"\n]*)"|'([^'\n]*)'`).FindAllStringSubmatch(m[1], -1) {
			out = append(out, q[1]+q[2])
		}
		return out
	}
	return recipe{name: name, sources: []string{source}, detect: declared("DETECT"), resetSignals: declared("RESET_SIGNALS"),
		env: declared("ENV"), count: declared("COUNT"), fixes: declared("FIXES"), programs: declared("PROGRAMS"), key: declared("KEY"), guards: declared("GUARDS"), warm: declared("WARM"), warmEnv: declared("WARM_ENV")}
}

// chooseRecipe reads the recipe asked for, or the shipped one whose DETECT module is loaded; and those of libraries that are loaded,
// which are no program's.
func chooseRecipe(o FreezeOptions, h *pyheap.Heap) (recipe, error) {
	if o.NoRecipe {
		return recipe{}, nil
	}
	var chosen recipe
	if o.Recipe != "" {
		b, err := os.ReadFile(o.Recipe)
		if err != nil {
			return recipe{}, fmt.Errorf("recipe: %w", err)
		}
		chosen = parseRecipe(o.Recipe, string(b))
	}
	mods, err := h.Modules()
	if err != nil {
		return recipe{}, err
	}
	loaded := map[string]bool{}
	for _, m := range mods {
		loaded[m.Name] = true
	}
	shipped, err := shippedRecipes()
	if err != nil {
		return recipe{}, err
	}
	for _, r := range shipped {
		if loaded[r.detect[0]] && (r.isLibrary() || chosen.name == "") {
			chosen.add(r)
		}
	}
	return chosen, nil
}

// isLibrary says whether a recipe is of a library, for whatever program uses it.
func (r *recipe) isLibrary() bool { return len(r.programs) == 0 }

// add makes r do what the other recipe does, too.
func (r *recipe) add(more recipe) {
	if r.name != "" {
		r.name += ", "
	}
	r.name += more.name
	for _, l := range []struct{ to, from *[]string }{{&r.sources, &more.sources}, {&r.resetSignals, &more.resetSignals}, {&r.env, &more.env}, {&r.fixes, &more.fixes},
		{&r.guards, &more.guards}, {&r.count, &more.count}} {
		*l.to = append(*l.to, *l.from...)
	}
}

// shippedRecipes gives those that are part of pyfreeze and tell their program by a module.
func shippedRecipes() (out []recipe, err error) {
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
