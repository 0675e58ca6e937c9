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
	name, source string
	resetSignals []string
}

var (
	detectLine  = regexp.MustCompile(`(?m)^DETECT *= *['"]([\w.]+)['"]`)
	signalsLine = regexp.MustCompile(`(?m)^RESET_SIGNALS *= *\(([^)]*)\)`)
	quoted      = regexp.MustCompile(`['"](\w+)['"]`)
)

func parseRecipe(name, source string) recipe {
	r := recipe{name: name, source: source}
	if m := signalsLine.FindStringSubmatch(source); m != nil {
		for _, q := range quoted.FindAllStringSubmatch(m[1], -1) {
			r.resetSignals = append(r.resetSignals, q[1])
		}
	}
	return r
}

// chooseRecipe reads the recipe asked for, or the shipped one whose DETECT module is
// loaded.
func chooseRecipe(o FreezeOptions, h *pyheap.Heap) (recipe, error) {
	if o.NoRecipe {
		return recipe{}, nil
	}
	if o.Recipe != "" {
		b, err := os.ReadFile(o.Recipe)
		if err != nil {
			return recipe{}, fmt.Errorf("recipe: %w", err)
		}
		return parseRecipe(o.Recipe, string(b)), nil
	}
	mods, err := h.Modules()
	if err != nil {
		return recipe{}, err
	}
	loaded := map[string]bool{}
	for _, m := range mods {
		loaded[m.Name] = true
	}
	list, err := recipeFiles.ReadDir("recipes")
	if err != nil {
		return recipe{}, err
	}
	for _, e := range list {
		b, err := recipeFiles.ReadFile("recipes/" + e.Name())
		if err != nil {
			return recipe{}, err
		}
		if m := detectLine.FindSubmatch(b); m != nil && loaded[string(m[1])] {
			return parseRecipe(strings.TrimSuffix(e.Name(), ".py"), string(b)), nil
		}
	}
	return recipe{}, nil
}
