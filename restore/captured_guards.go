package restore

import (
	"slices"
	"strings"
)

// belowHome are variables that stand for directories which are below HOME where they are not set (XDG Base Directory Specification).
var belowHome = []string{"XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME"}

// capturedVariables gives the variables of the environment that captured values come from, and that a thaw must therefore have as they
// were: with others the plain command runs. A working directory cannot be asked for in that way: PWD goes with it.
func capturedVariables(found []CapturedValue, environ []string) (out []string) {
	for _, v := range found {
		names := strings.Split(v.What, ", ")
		if v.Literal || slices.Contains(names, "cwd") {
			continue
		}
		for _, name := range names {
			if lookup(environ, name) == nil {
				continue // no variable, or one that the program has made itself
			}
			out = append(out, name)
			if name == "HOME" {
				out = append(out, belowHome...)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
