package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// plan is what is to be run.
type plan struct {
	src   source
	user  account
	sides []side
	cases []string
	state *state
	jobs  int
	quick bool // plain hg runs only what does not pass with the other
}

// runAll runs what has no result yet. The sides of a case run one right after the other, and take turns in
// being the first, so that a machine's changing speed is the same for both. A case without a result
// is an error, which does not keep the others from being run.
func runAll(ctx context.Context, p *plan) error {
	var (
		workers sync.WaitGroup
		mu      sync.Mutex // guards done, errs and the order of what is printed
		done    int
		errs    []error
	)
	numbers := make(chan int)
	for job := range max(p.jobs, 1) {
		workers.Go(func() {
			for n := range numbers {
				line, err := p.runSides(ctx, n, job)
				mu.Lock()
				done++
				if err != nil && ctx.Err() == nil {
					errs = append(errs, err)
					fmt.Printf("[%d/%d] %s: no result\n", done, len(p.cases), p.cases[n])
				} else if line != "" && err == nil {
					fmt.Printf("[%d/%d] %s:%s\n", done, len(p.cases), p.cases[n], line)
				}
				mu.Unlock()
			}
		})
	}
	for n := range p.cases {
		if ctx.Err() != nil {
			break
		}
		numbers <- n
	}
	close(numbers)
	workers.Wait()
	return errors.Join(errs...)
}

// runSides runs case n with the sides that have no result yet, and says what they gave.
func (p *plan) runSides(ctx context.Context, n, job int) (line string, err error) {
	for i := range p.sides {
		s := p.sides[(i+n)%len(p.sides)]
		if p.quick {
			s = p.sides[len(p.sides)-1-i]
		}
		if old, found := p.state.get(s, p.cases[n]); found {
			if p.quick && old.Result == passed {
				break
			}
			continue
		}
		r, err := runCase(ctx, p.src, p.user, s, p.cases[n], job)
		if err != nil {
			return "", err
		}
		if err := p.state.put(r); err != nil {
			return "", err
		}
		line += fmt.Sprintf(" %s %s %.1f s", s.name, r.Result, r.Seconds)
		if p.quick && r.Result == passed {
			break
		}
	}
	return line, nil
}
