package main

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// maxTries is how often each side runs a module of which something differs the first time: some tests fail now and then, with either.
const maxTries = 3

// maxOdd is how many tries of the thaw may give what none of the plain interpreter gave.
const maxOdd = 1

// comparison is what came of a module.
type comparison struct {
	tries     tries
	count     map[string]map[string]int // by side, of the last try: outcomes
	tests     int
	differ    []difference // in every try
	now       []difference // now and then, in the thaw or in both
	explained []difference
	stale     []explanation // no difference any more
}

// difference is a test that gives other outcomes when thawed.
type difference struct {
	test          string
	plain, thawed string // outcomes, of several tries with commas
	detail        string
	reason        string
}

func (d difference) String() string {
	return fmt.Sprintf("%s: %s, %s when thawed", d.test, d.plain, d.thawed)
}

func (c *comparison) String() string {
	text := fmt.Sprintf("%5d tests, plain %s, thawed %s", c.tests, c.side(plain), c.side(thawed))
	for _, part := range []struct {
		what string
		list []difference
	}{{"DIFFER", c.differ}, {"now and then", c.now}, {"explained", c.explained}} {
		if len(part.list) > 0 {
			text += fmt.Sprintf("; %d %s", len(part.list), part.what)
		}
	}
	return text
}

// side tells how the last try of a side went.
func (c *comparison) side(side string) string {
	last := c.tries[side][len(c.tries[side])-1]
	return fmt.Sprintf("%d/%d/%d in %.0f s (%s)", c.count[side]["passed"], c.count[side]["skipped"], c.count[side]["failed"]+c.count[side]["error"],
		last.Seconds, last.Ended)
}

// compared runs a module on both sides where no result is kept, once more while something differs, and compares. again forgets thawed results that differ,
// current those of other builds of pyfreeze.
func (s *suite) compared(ctx context.Context, name string, again, current bool) (*comparison, error) {
	module := s.module(name)
	t, err := s.load(module)
	if err != nil {
		return nil, err
	}
	if again && len(t[plain]) > 0 && len(t[thawed]) > 0 {
		if c := compare(s.interpreter, name, t); len(c.differ)+len(c.now)+len(c.explained) > 0 {
			t[thawed] = nil
		}
	}
	if current && slices.ContainsFunc(t[thawed], func(one try) bool { return one.Pyfreeze != s.build }) {
		t[thawed] = nil
	}
	for n := 1; n <= maxTries; n++ {
		for _, side := range []string{plain, thawed} {
			if len(t[side]) >= n {
				continue
			}
			got, err := s.try(ctx, side, module)
			if err != nil {
				return nil, err
			}
			t[side] = append(t[side], got)
			if err := s.save(module, t); err != nil {
				return nil, err
			}
		}
		if c := compare(s.interpreter, name, t); n == 1 && len(c.differ) == 0 {
			return c, nil
		}
	}
	return compare(s.interpreter, name, t), nil
}

// compare puts all tries of both sides next to each other. A test differs if the thaw gave what the plain interpreter never did, and not only once of several
// tries.
func compare(in interpreter, module string, t tries) *comparison {
	c := &comparison{tries: t, count: map[string]map[string]int{plain: {}, thawed: {}}}
	names := map[string]bool{}
	for side, all := range t {
		for _, one := range all {
			for name := range one.Tests {
				names[name] = true
			}
		}
		last := all[len(all)-1]
		c.tests = max(c.tests, len(last.Tests))
		for _, outcome := range last.Tests {
			c.count[side][outcome]++
		}
	}
	known := explanationsOf(in, module)
	used := make([]bool, len(known))
	add := func(d difference, now bool) {
		i := slices.IndexFunc(known, func(e explanation) bool { return e.test.MatchString(d.test) })
		switch {
		case i >= 0:
			used[i] = true
			d.reason = known[i].reason
			c.explained = append(c.explained, d)
		case now:
			c.now = append(c.now, d)
		default:
			c.differ = append(c.differ, d)
		}
	}
	look := func(name string, of func(try) string) {
		was, is := outcomesOf(t[plain], of), outcomesOf(t[thawed], of)
		odd := 0
		d := difference{test: name, plain: strings.Join(was, ", "), thawed: strings.Join(is, ", ")}
		for _, one := range t[thawed] {
			if !slices.Contains(was, of(one)) {
				odd++
			}
			if text := one.Details[name]; text != "" {
				d.detail = text
			}
		}
		switch {
		case odd == len(t[thawed]) || odd > maxOdd:
			add(d, false)
		case len(is) > 1 || len(was) > 1:
			add(d, true)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		look(name, func(one try) string { return cmp.Or(one.Tests[name], absent) })
	}
	if c.tests == 0 {
		add(difference{test: "all", plain: absent, thawed: absent, detail: "no results: what was printed tells why"}, false)
	}
	look("the process", func(one try) string { return one.Ended })
	for i, e := range known {
		if !used[i] {
			c.stale = append(c.stale, e)
		}
	}
	return c
}

// absent is the outcome of a test that did not run.
const absent = "absent"

// outcomesOf gives the different outcomes of several tries.
func outcomesOf(all []try, of func(try) string) []string {
	var out []string
	for _, one := range all {
		out = append(out, of(one))
	}
	slices.Sort(out)
	return slices.Compact(out)
}
