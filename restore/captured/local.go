package captured

import (
	"strings"

	"pyfreeze/pyheap"
)

// Local gives the working directory if modules below it are loaded: those of a project, which a thaw in another directory must not
// take for its own (thaw_cold.py, local_modules).
func Local(h *pyheap.Heap, cwd string) (*string, error) {
	mods, err := h.Modules()
	if err != nil || cwd == "/" {
		return nil, err
	}
	for _, m := range mods {
		if strings.HasPrefix(m.File, cwd+"/") {
			return &cwd, nil
		}
	}
	return nil, nil
}
