package main

import (
	"strings"
	"time"
)

// Verdicts of a row.
const (
	works     = "works"
	refuses   = "refused"
	fallsBack = "falls back"
	wrong     = "wrong"
	absent    = "left out"
)

// count is of runs of an image.
type count struct{ Runs, Thawed, Wrong int }

// row is what came of one program; it is kept in a file.
type row struct {
	Name, Version string
	Binary        string // of pyfreeze that this was tried with
	Absent        string // why it was not tried; "" if it was
	Refused       string // why there is no image at all
	Point         string // what a thaw goes on before
	Cases         int
	Runs, Changed count // as it was frozen, and after a change of files or packages
	Plain, Thawed time.Duration
	// Wrongs tells each run that was not as the plain one; Fallbacks why a run was a plain one, or
	// an image was refused; AfterChange the same after a change, where that is right.
	Wrongs, Fallbacks, AfterChange []string
}

func (r *row) verdict() string {
	switch {
	case r.Absent != "":
		return absent
	case r.Runs.Wrong+r.Changed.Wrong > 0:
		return wrong
	case r.Refused != "":
		return refuses
	case r.Runs.Thawed < r.Runs.Runs:
		return fallsBack
	}
	return works
}

// why is the first reason for the verdict.
func (r *row) why() string {
	for _, text := range append([]string{r.Absent, r.Refused}, append(r.Wrongs, r.Fallbacks...)...) {
		if text != "" {
			return text
		}
	}
	return ""
}

// ratio is that of the times, 0 if there are none.
func (r *row) ratio() float64 {
	if r.Plain == 0 {
		return 0
	}
	return float64(r.Thawed) / float64(r.Plain)
}

// good says whether the row is what the table promises.
func (r *row) good(p *program) bool {
	if p.refused != "" {
		return r.verdict() == refuses && strings.Contains(r.Refused, p.refused)
	}
	return r.verdict() == works || r.verdict() == absent
}
