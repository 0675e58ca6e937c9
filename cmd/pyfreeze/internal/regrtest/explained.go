package main

import "regexp"

// explanation is a known difference, and why it is none of what a thaw promises. One whose difference is gone fails the run, so that the list stays true.
type explanation struct {
	versions *regexp.Regexp // of interpreters' names
	module   string         // its newest name
	test     *regexp.Regexp
	reason   string
}

// explanations are all.
var explanations = []explanation{}

func explanationsOf(in interpreter, module string) []explanation {
	var out []explanation
	for _, e := range explanations {
		if e.module == module && e.versions.MatchString(in.name) {
			out = append(out, e)
		}
	}
	return out
}
