package captured

import (
	"os"
	"regexp"
	"strings"

	"pyfreeze/pyheap"
)

const maxSource = 4 << 20 // bytes; larger sources are not read

// sourceWords tells words that a program has for itself from captured ones: constants of a module's own
// code, which is gone once it has run, look the same in memory.
type sourceWords struct {
	h     *pyheap.Heap
	files map[string]string // of modules
	texts map[string]string // sources read, by file
}

// plainWord matches words and paths that programs have for themselves, as that of the system's certificates.
var plainWord = regexp.MustCompile(`^(?:[A-Za-z0-9_.+-]{1,24}|/(?:usr|etc|bin|dev|var)/[A-Za-z0-9_.+/-]{1,100})$`)

// have says whether the source of one of the modules has the value as a literal. Only plain words and paths of the system's count:
// anything else is too particular to be there by chance.
func (s *sourceWords) have(modules []string, value string) bool {
	if !plainWord.MatchString(value) {
		return false
	}
	for _, m := range modules {
		src := s.source(m)
		if strings.Contains(src, "'"+value+"'") || strings.Contains(src, `"`+value+`"`) {
			return true
		}
	}
	return false
}

func (s *sourceWords) source(module string) string {
	if s.files == nil {
		s.files, s.texts = map[string]string{}, map[string]string{}
		mods, err := s.h.Modules()
		if err != nil {
			return ""
		}
		for _, m := range mods {
			s.files[m.Name] = m.File
		}
	}
	file := s.files[module]
	if text, ok := s.texts[file]; ok || !strings.HasSuffix(file, ".py") {
		return text
	}
	s.texts[file] = ""
	if st, err := os.Stat(file); err == nil && st.Mode().IsRegular() && st.Size() <= maxSource {
		if b, err := os.ReadFile(file); err == nil {
			s.texts[file] = string(b)
		}
	}
	return s.texts[file]
}
