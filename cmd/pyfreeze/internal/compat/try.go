package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// photo is one way to freeze a program.
type photo struct {
	name      string // tells where it was frozen
	elsewhere bool   // in another directory than that of the cases
	terminal  bool
	image     string
	refused   string // pyfreeze's reason; "" if there is an image
	point     string // what a thaw goes on before, as pyfreeze says
}

// photos are the images that a program's cases are run from.
func (b *bench) photos() []*photo {
	out := []*photo{{name: "frozen in the same directory"}}
	if !b.p.inPlace {
		out = []*photo{{name: "frozen in another directory", elsewhere: true}, out[0]}
	}
	if b.p.noTerminal == "" {
		out = append(out, &photo{name: "on a terminal", elsewhere: !b.p.inPlace, terminal: true})
	}
	for i, s := range out {
		s.image = filepath.Join(b.base, fmt.Sprintf("image%d", i))
	}
	return out
}

// everywhere is how many cases are run from each image; the others from the first.
const everywhere = 4

// try freezes a program and compares its cases, so many times each; plain and thawed runs take turns.
func (b *bench) try(ctx context.Context, rounds, timings int) (row, error) {
	r := row{Name: b.p.name, Cases: len(b.p.cases)}
	photos := b.photos()
	if err := b.freezeAll(ctx, &r, photos); err != nil {
		return r, err
	}
	first := slices.IndexFunc(photos, func(s *photo) bool { return s.refused == "" })
	if first < 0 {
		r.Refused = photos[0].refused
		return r, nil
	}
	r.Point = photos[first].point
	b.times = stopwatch{photos[first], map[string][]time.Duration{}, map[string][]time.Duration{}}
	for range rounds {
		for i, line := range b.p.cases {
			from := photos
			if i >= everywhere {
				from = photos[:1]
			}
			if err := b.compare(ctx, &r, &r.Runs, from, line); err != nil {
				return r, err
			}
		}
	}
	if err := b.measure(ctx, &r, timings); err != nil {
		return r, err
	}
	return r, b.changed(ctx, &r, photos)
}

// changed tries what the image cannot know: other files, another package.
func (b *bench) changed(ctx context.Context, r *row, photos []*photo) error {
	b.after, b.made = true, time.Now()
	for _, line := range b.p.afterCases {
		if err := b.compare(ctx, r, &r.Changed, photos, line); err != nil {
			return err
		}
	}
	b.after = false
	version := 0
	for _, files := range []map[string]string{b.p.plugin, b.p.upgrade} {
		if len(files) == 0 {
			continue
		}
		if version++; version == 2 {
			files = merged(b.p.plugin, files)
			if err := b.freezeAll(ctx, r, photos); err != nil {
				return err
			}
		}
		if err := install(ctx, b.venv, b.base, fmt.Sprint(version, ".0"), files); err != nil {
			return err
		}
		for _, line := range b.p.pluginCases {
			if err := b.compare(ctx, r, &r.Changed, photos, line); err != nil {
				return err
			}
		}
	}
	return nil
}

// command gives the program's words.
func (b *bench) command() []string {
	words, _ := split(b.fill(b.p.command))
	return words
}

// freezeAll makes the images.
func (b *bench) freezeAll(ctx context.Context, r *row, photos []*photo) error {
	for _, s := range photos {
		if err := b.freeze(ctx, s); err != nil {
			return err
		}
		if s.refused != "" {
			r.Fallbacks = append(r.Fallbacks, s.name+": "+s.refused)
		}
	}
	return nil
}

func (b *bench) freeze(ctx context.Context, s *photo) error {
	if err := b.fresh(ctx); err != nil {
		return err
	}
	if s.elsewhere {
		if err := b.elsewhere(); err != nil {
			return err
		}
	}
	words, stdin := split(b.fill(b.p.warm))
	argv := slices.Concat([]string{b.pyfreeze, "freeze", "-o", s.image}, b.p.freeze, []string{"--"}, b.command(), words)
	o, err := b.run(ctx, argv, stdin, s.terminal)
	b.work = filepath.Join(b.place, "work")
	if err != nil {
		return err
	}
	said := o.stderr
	if s.terminal {
		said = strings.ReplaceAll(o.stdout, "\r\n", "\n")
	}
	switch o.status {
	case "exit status 0":
		s.refused, s.point = "", point(o.stdout)
	case "exit status 6", "exit status 11":
		s.refused = reason(said)
	default:
		return fmt.Errorf("%s: freeze %s: %s: %s", b.p.name, s.name, o.status, said)
	}
	return nil
}

// compare runs a case plain, and thawed from every image that fits, and counts.
func (b *bench) compare(ctx context.Context, r *row, n *count, photos []*photo, line string) error {
	_, stdin := split(line)
	var plain [2]*outcome // without a terminal, and on one
	for _, s := range photos {
		where := 0
		if s.terminal {
			if where = 1; stdin != "" {
				continue // not what was frozen: its standard input is no terminal
			}
		}
		if plain[where] == nil {
			o, err := b.compared(ctx, b.command(), line, s.terminal)
			if err != nil {
				return err
			}
			plain[where] = &o
		}
		n.Runs++
		if s.refused != "" {
			continue
		}
		name := fmt.Sprintf("%s %s (%s)", b.p.name, line, s.name)
		is, why, err := b.thaw(ctx, s, line)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if n == &r.Runs && s == b.times.photo {
			b.times.note(line, plain[where], &is)
		}
		if d := difference(plain[where], &is); d != "" {
			if d, err = b.again(ctx, s, line, d); err != nil {
				return err
			}
			if d != "" {
				n.Wrong++
				r.Wrongs = append(r.Wrongs, name+": "+d)
				continue
			}
		}
		if why != "" {
			if n == &r.Runs {
				r.Fallbacks = append(r.Fallbacks, name+": "+why)
			} else {
				r.AfterChange = append(r.AfterChange, name+": "+why)
			}
			continue
		}
		n.Thawed++
	}
	return nil
}

// again runs what differed once more, and both ways: what two plain runs do not agree in says
// nothing where a thaw agrees with one of them.
func (b *bench) again(ctx context.Context, s *photo, line, first string) (string, error) {
	const tries = 2
	var was []outcome
	varies := ""
	for range tries {
		o, err := b.compared(ctx, b.command(), line, s.terminal)
		if err != nil {
			return "", err
		}
		if was = append(was, o); varies == "" && difference(&was[0], &o) != "" {
			varies = "\n  (two plain runs differ as well)"
		}
		is, _, err := b.thaw(ctx, s, line)
		if err != nil {
			return "", err
		}
		if varies != "" && slices.ContainsFunc(was, func(o outcome) bool { return difference(&o, &is) == "" }) {
			return "", nil
		}
	}
	return first + varies, nil
}

// thaw runs a case from an image; why tells what the plain command ran for, if it did.
func (b *bench) thaw(ctx context.Context, s *photo, line string) (o outcome, why string, err error) {
	if err := os.RemoveAll(b.log); err != nil {
		return o, "", err
	}
	if o, err = b.compared(ctx, []string{b.pyfreeze, "run", s.image}, line, s.terminal); err != nil {
		return o, "", err
	}
	log, err := os.ReadFile(b.log)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return o, "", err
	}
	return o, fallback(string(log)), nil
}

// fallback finds in pyfreeze's log why a run was not a thaw.
func fallback(log string) string {
	thawed := false
	for line := range strings.Lines(log) {
		var entry struct {
			Thawed bool   `json:"thawed"`
			Reason string `json:"reason"`
		}
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			return "cannot read the log: " + line
		}
		if !entry.Thawed {
			return entry.Reason
		}
		thawed = true
	}
	if !thawed {
		return "nothing in the log"
	}
	return ""
}

// timedCases is how many cases of a program are timed more than once.
const timedCases = 4

// stopwatch holds how long each case took, plain and from the first image that there is.
type stopwatch struct {
	photo         *photo
	plain, thawed map[string][]time.Duration
}

func (w *stopwatch) note(line string, plain, thawed *outcome) {
	w.plain[line] = append(w.plain[line], plain.took)
	w.thawed[line] = append(w.thawed[line], thawed.took)
}

// measure runs a few cases again, plain and thawed in turns, and gives the means over the cases of
// the medians.
func (b *bench) measure(ctx context.Context, r *row, timings int) error {
	for _, line := range b.p.cases[:min(timedCases, len(b.p.cases))] {
		for range timings {
			if len(b.times.plain[line]) == 0 {
				break // it was not run from that image
			}
			was, err := b.compared(ctx, b.command(), line, b.times.photo.terminal)
			if err != nil {
				return err
			}
			is, _, err := b.thaw(ctx, b.times.photo, line)
			if err != nil {
				return err
			}
			b.times.note(line, &was, &is)
		}
	}
	n := time.Duration(len(b.times.plain)) // if there is none, the loop does nothing
	for line, plain := range b.times.plain {
		r.Plain += median(plain) / n
		r.Thawed += median(b.times.thawed[line]) / n
	}
	return nil
}

// point gives what pyfreeze says that the program does at the point where a thaw goes on.
func point(stdout string) string {
	_, after, _ := strings.Cut(stdout, "a thaw goes on at ")
	line, _, _ := strings.Cut(strings.ReplaceAll(after, "\r", ""), "\n")
	where, what, _ := strings.Cut(line, ", before ")
	if what == "" {
		return ""
	}
	if strings.Contains(where, " in <module>") {
		what += ", at the level of a module"
	}
	return what
}

// reason gives what pyfreeze said.
func reason(stderr string) string {
	if _, after, ok := strings.Cut(stderr, "pyfreeze: cannot freeze"); ok {
		return strings.TrimSpace("cannot freeze" + after)
	}
	if _, after, ok := strings.Cut(stderr, "pyfreeze: "); ok {
		return strings.TrimSpace(after)
	}
	return strings.TrimSpace(stderr)
}

func median(d []time.Duration) time.Duration {
	d = slices.Sorted(slices.Values(d))
	return d[len(d)/2]
}
