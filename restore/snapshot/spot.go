package snapshot

import (
	"fmt"
	"slices"
)

// Spot is a place in a program's run that another run comes to as well.
type Spot struct {
	// What the program does next that it must not have done: "reads its arguments".
	What string
	// Stack is where it is about to, newest first; none at the end of the program.
	Stack []Place

	begin bool // at the first instruction of Stack[0], else at the one of Stack[0].at
	// before is where the code of the script is about to be executed.
	before bool
	after  bool // when the code of the script has returned
}

// Ask is a question for the working directory.
type Ask struct {
	Who   string  // file and line of Python that asks
	Spots []*Spot // before it, the latest first
}

// Place is one frame of a Spot.
type Place struct {
	File, Name string
	First      int // line of the code object
	Line       int // under way; 0 where it is not known

	at    int64
	exact bool
	start int64 // where the line begins
}

// code returns the place without what is under way there.
func (p *Place) code() Place { return Place{File: p.File, Name: p.Name, First: p.First} }

func (p *Place) String() string {
	if p.Line == 0 {
		return fmt.Sprintf("%s in %s", p.Name, p.File)
	}
	return fmt.Sprintf("%s:%d in %s", p.File, p.Line, p.Name)
}

// End says whether the spot is the end of the program.
func (s *Spot) End() bool { return len(s.Stack) == 0 && !s.after && !s.before }

// String says where the spot is.
func (s *Spot) String() string {
	switch {
	case s.before:
		return "the beginning of the script"
	case s.after:
		return "the end of the script"
	case s.End():
		return "the end of the program"
	case s.begin:
		return fmt.Sprintf("the beginning of %s in %s", s.Stack[0].Name, s.Stack[0].File)
	}
	return s.Stack[0].String()
}

// candidates are the spots at which a run can be stopped before it comes to a stack, the latest
// first. Inside of a function of one of the given files it should not be: what these do at a fork
// changes the state of calls under way.
func candidates(what string, stack []Place, forks map[string]bool) []*Spot {
	if len(stack) == 0 {
		return []*Spot{{What: what, after: true}, {What: what, before: true}}
	}
	from := 0
	for i := range stack {
		if forks[stack[i].File] {
			from = i + 1
		}
	}
	if out := spotsOf(what, stack, from); len(out) > 0 {
		return out
	}
	return spotsOf(what, stack, 0) // the program's own files are among these
}

// spotsOf are the spots in the frames of a stack, but for the newest few.
func spotsOf(what string, stack []Place, from int) (out []*Spot) {
	times := map[Place]int{}
	for i := range stack {
		times[stack[i].code()]++
	}
	for i := from; i < len(stack); i++ {
		p := &stack[i]
		if times[p.code()] > 1 {
			continue // of a recursion, which comes by often
		}
		if imports(p.File) || p.File == "" {
			continue // runs far too often, or cannot be told from others
		}
		// What the line has done before, such as drawing a random number, is this run's, too.
		begin := &Spot{What: what, Stack: stack[i:], begin: true}
		if p.start > 0 {
			line := slices.Clone(stack[i:])
			line[0].at = p.start
			out = append(out, &Spot{What: what, Stack: line})
		} else { // a function of one line
			out = append(out, begin)
		}
		if p.exact && p.at > p.start {
			out = append(out, &Spot{What: what, Stack: stack[i:]})
		}
		if p.start > 0 {
			out = append(out, begin)
		}
	}
	return out
}
