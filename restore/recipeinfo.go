package restore

import (
	"fmt"
	"os"
	"slices"
)

// Recipe is what a recipe declares of how its program is installed.
type Recipe struct {
	Name     string   // of a shipped one; the path of another
	Programs []string // names of commands
	// Key are the variables whose values choose among a launcher's images; NAME* stands for all that begin so.
	Key     []string
	Warm    []string // command lines, words as a shell's, that a program is warmed up with, in an empty directory
	WarmEnv []string // NAME=VALUE for them; NAME= takes one away
}

func (r *recipe) info() *Recipe {
	return &Recipe{r.name, r.programs, r.key, r.warm, r.warmEnv}
}

// ShippedRecipe gives the recipe that is part of pyfreeze for a command's name, nil if there is none.
func ShippedRecipe(program string) (*Recipe, error) {
	shipped, err := shippedRecipes()
	for i := range shipped {
		if slices.Contains(shipped[i].programs, program) {
			return shipped[i].info(), err
		}
	}
	return nil, err
}

// ReadRecipe reads what the recipe in a file declares.
func ReadRecipe(path string) (*Recipe, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("recipe: %w", err)
	}
	r := parseRecipe(path, string(b))
	return r.info(), nil
}
