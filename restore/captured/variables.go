package captured

import (
	"slices"
	"strings"

	"pyfreeze/restore/guard"
)

// belowHome are variables that stand for directories which are below HOME where they are not set (XDG Base Directory Specification).
var belowHome = []string{"XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME"}

// Variables gives the variables of the environment that captured values come from, and that a thaw must therefore have as they
// were: with others the plain command runs. PWD is not asked for: what equals it was taken from the working directory.
func Variables(found []Value, environ []string) (out []string) {
	for _, v := range found {
		if v.Literal {
			continue
		}
		for name := range strings.SplitSeq(v.What, ", ") {
			if name == "PWD" || guard.Lookup(environ, name) == nil {
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
