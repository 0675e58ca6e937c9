package restore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"pyfreeze/restore/freeze"
	"pyfreeze/restore/guard"
	"pyfreeze/restore/prefix"
	"pyfreeze/restore/refuse"
	"pyfreeze/restore/script"
	"pyfreeze/restore/snapshot"
	"pyfreeze/symbols"
	"pyfreeze/tracer"
)

// Found, as CommandOptions.At, stands for a point that is found by watching the program.
const Found = snapshot.Found

// found freezes a program at the last point at which nothing depends on this one run. There are
// two runs. The first is the user's command: it is watched until it reads its arguments or does
// something that others could tell, and then goes on to its end. The second is run to just before
// that, where nobody can tell yet that it ran, is frozen there, and ended.
func found(ctx context.Context, program tracer.Program, o CommandOptions,
	fo freeze.Options) (*freeze.Meta, syscall.WaitStatus, error) {
	f := &finder{program: program, o: o, fo: fo}
	if elsewhere(program) {
		if f.dir = o.Work; f.dir == "" {
			dir, err := os.MkdirTemp("", "pyfreeze-")
			if err != nil {
				return nil, 0, fmt.Errorf("a directory for the run that is frozen: %w", err)
			}
			defer os.Remove(dir) // nothing was written to it
			f.dir = dir
		}
	}
	spots, status, err := f.train(ctx)
	if err != nil {
		return nil, status, err
	}
	const most = 10
	var m *freeze.Meta
	for n := 0; n < most && len(spots) > 0; n++ {
		spot := spots[0]
		m, err = f.freezeAt(ctx, spot)
		if f.held(err) && len(spots) > 1 {
			// Further out the program does not hold it yet. Each try is a run: half of the way.
			spots = spots[(len(spots)+1)/2:]
			continue
		}
		var passed *snapshot.PassedError
		if !errors.As(err, &passed) {
			var bound *freeze.BoundError
			if errors.As(err, &bound) {
				// An image that is less warm, but fits in other directories, too.
				spots = f.earlier(bound, spots)
				continue
			}
			break
		}
		tell(f.o.Tell, fmt.Sprintf("not before %v: it %s before that", spot, passed.What))
		// The first run may have changed what this one finds: a directory that it made.
		if spots = spots[1:]; len(passed.Next) > 0 && passed.What != spot.What {
			spots = passed.Next
		}
	}
	if err != nil && f.refused != nil {
		err = f.refused // of the point itself, which tells more than that of an earlier one
	}
	return m, status, err
}

// held says whether the program could not be frozen since it held something at a point that an
// earlier one may be free of: an event loop that runs, a lock that handlers of a fork wait for.
func (f *finder) held(err error) bool {
	var refused *refuse.Error
	var handlers *snapshot.HandlersError
	why := ""
	switch {
	case errors.As(err, &refused) && len(refused.Offenders) > 0:
		why = refused.Offenders[0].Holds()
	case errors.As(err, &handlers):
		why = "a handler of a fork does not end"
	default:
		return false
	}
	if f.refused == nil {
		f.refused, f.why = err, why
	}
	tell(f.o.Tell, "looking for an earlier point: "+why)
	return true
}

// finder looks for the point of one program.
type finder struct {
	program  tracer.Program
	o        CommandOptions
	fo       freeze.Options
	dir      string          // where the run that is frozen starts, "" for here
	lay      *symbols.Layout // of the interpreter, once train has run
	anywhere bool            // it must not ask for its working directory before the point
	may      []string        // the lines that may
	asks     []snapshot.Ask  // what asks for its working directory
	learned  []script.Module // what it had imported at its end
	asked    *prefix.Reads   // variables that libraries in C look for; nil: not known yet
	harmless bool            // it did nothing to its end but write to its streams
	deaf     bool            // the last run to a spot may have missed it
	refused  error           // why it could not be frozen at a later point; nil: it could
	why      string          // the same in a few words
}

// earlier says that the program must not ask for its working directory, after an image that it had
// would not fit elsewhere: but for lines whose answers a thaw can set; but for none, where that did
// not help. It returns the spots before the program asks, or the given ones.
func (f *finder) earlier(bound *freeze.BoundError, spots []*snapshot.Spot) []*snapshot.Spot {
	if f.anywhere {
		f.may = nil
	} else {
		f.anywhere, f.may = true, bound.Constants
	}
	for _, ask := range f.asks {
		if !slices.Contains(f.may, ask.Who) {
			return ask.Spots
		}
	}
	return spots
}

// train runs the user's command, and returns the spots before what must not be done twice.
func (f *finder) train(ctx context.Context) ([]*snapshot.Spot, syscall.WaitStatus, error) {
	program := f.program
	tell(f.o.Tell, "starting "+f.o.Command[0])
	if f.o.Work != "" {
		program.Dir = f.o.Work
	}
	start := time.Now()
	c, err := snapshot.StartCommand(program, f.o.Tell)
	if err != nil {
		return nil, 0, err
	}
	spots, err := f.observe(ctx, c)
	if err == nil && len(spots) > 0 {
		err = f.learn(ctx, c, start)
	}
	if f.o.Stop && len(spots) > 0 && ctx.Err() == nil {
		err = c.Kill() // learning is no condition
		_, werr := c.Wait(context.Background())
		return spots, 0, errors.Join(err, werr)
	}
	// Whatever became of it, the command is the user's.
	if rerr := c.Release(); rerr != nil {
		err = errors.Join(err, fmt.Errorf("the command could not be let go: %w", rerr))
	}
	status, werr := c.Wait(ctx)
	var ended *snapshot.CommandEndedError
	switch {
	case errors.As(err, &ended):
		if status = ended.Status; len(spots) > 0 {
			err = nil // it ended by itself, having shown where it can be frozen
		}
	case err == nil:
		err = werr
		if err == nil && len(spots) == 0 {
			err = &snapshot.NoSpotError{}
		}
	}
	return spots, status, err
}

// observe lets the command run its program to its end, or to the last spot, and watches it.
func (f *finder) observe(ctx context.Context, c *snapshot.Command) ([]*snapshot.Spot, error) {
	if err := c.ToPython(ctx); err != nil {
		return nil, err
	}
	if len(c.Wrappers()) > 0 {
		f.dir = "" // what a wrapper sees of its directory is not known as well
	}
	tell(f.o.Tell, "reading debug information")
	file := c.Interpreter().Module.File
	lay, err := symbols.LoadLayoutContext(symbols.WithProgress(ctx, f.o.Tell), file)
	if err != nil {
		return nil, err
	}
	f.lay = lay
	c.UseLayout(lay)
	tell(f.o.Tell, "running "+f.o.Command[0])
	spots, err := c.Observe(ctx)
	if f.asks = c.Asks(); err != nil || len(f.asks) == 0 || len(spots) == 0 {
		return spots, err
	}
	if f.dir != "" {
		return spots, nil // "/" is in many objects that have nothing to do with where it runs
	}
	// What an image of a further run would be bound to can be seen here already.
	if bound, err := freeze.Bound(c, askers(f.asks)); err == nil && bound != nil {
		spots = f.earlier(bound, spots)
	}
	return spots, nil
}

// askers are the lines that ask for the working directory.
func askers(asks []snapshot.Ask) (out []string) {
	for _, a := range asks {
		out = append(out, a.Who)
	}
	return out
}

// learn lets the command go on to its end, and notes what it has imported. One that is to be
// stopped goes on as long as nobody can tell.
func (f *finder) learn(ctx context.Context, c *snapshot.Command, start time.Time) (err error) {
	const more = 2 * time.Second
	var mods []snapshot.SourceModule
	if f.o.Stop {
		mods, err = c.LearnSilently(ctx, time.Since(start)+more)
		f.harmless = c.Harmless()
	} else {
		mods, err = c.Learn(ctx)
	}
	for _, m := range mods {
		f.learned = append(f.learned, script.Module{Name: m.Name, File: m.File, Cached: m.Cached})
	}
	return err
}

// later are the learned modules that the command, which is at its point, has not imported yet.
func (f *finder) later(c *snapshot.Command) ([]script.Module, error) {
	if len(f.learned) == 0 {
		return nil, nil
	}
	mods, err := c.SourceModules()
	loaded := map[string]bool{}
	for _, m := range mods {
		loaded[m.File] = true
	}
	return slices.DeleteFunc(slices.Clone(f.learned), func(m script.Module) bool {
		return loaded[m.File]
	}), err
}

// variables runs the program to its latest spot once more, and notes the variables that libraries
// in C look for, where the run that is frozen has not: the processor has few watches.
func (f *finder) variables(ctx context.Context, spot *snapshot.Spot) (err error) {
	if f.asked != nil {
		return nil // of a later spot
	}
	tell(f.o.Tell, "running it for the variables that libraries look for")
	c, done, err := f.again()
	if err != nil {
		return err
	}
	defer done(&err)
	if err := c.ToPython(ctx); err != nil {
		return err
	}
	asked := prefix.NewReads()
	if err := c.VariablesInC(ctx, spot, asked); err != nil {
		return err
	}
	f.asked = asked
	return nil
}

// again starts the program for a run that dies at the point: what it would do from there on has
// been done. The caller calls done with its own error.
func (f *finder) again() (c *snapshot.Command, done func(*error), err error) {
	program := f.program
	program.Dies, program.Dir = true, f.dir
	c, err = snapshot.StartCommand(program, f.o.Tell)
	if err != nil {
		return nil, nil, err
	}
	c.Note(f.lay, f.anywhere, f.may)
	return c, func(err *error) {
		kerr := c.Kill()
		_, werr := c.Wait(context.Background())
		var ended *snapshot.CommandEndedError
		if !errors.As(*err, &ended) {
			*err = errors.Join(*err, kerr, werr)
		}
	}, nil
}

// freezeAt runs the program to a spot, and freezes it there.
func (f *finder) freezeAt(ctx context.Context, spot *snapshot.Spot) (*freeze.Meta, error) {
	m, err := f.tryAt(ctx, spot, true)
	var passed *snapshot.PassedError
	var ended *snapshot.CommandEndedError
	if f.deaf && (errors.As(err, &passed) && passed.What == spot.What || errors.As(err, &ended)) {
		tell(f.o.Tell, "it may have missed the point, for a watch that it had not")
		m, err = f.tryAt(ctx, spot, false)
	}
	return m, err
}

// tryAt is freezeAt, with or without an ear for the variables that libraries look for, which a
// further run tells else.
func (f *finder) tryAt(ctx context.Context, spot *snapshot.Spot, listen bool) (m *freeze.Meta,
	err error) {
	tell(f.o.Tell, "running it again, up to the point")
	fo := f.fo
	fo.Harmless = f.harmless
	fo.Anywhere = !f.anywhere || len(f.may) > 0
	c, done, err := f.again()
	if err != nil {
		return nil, err
	}
	defer done(&err)
	if err := c.ToPython(ctx); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	code := compileCode(ctx, c)
	fo.Reads, err = c.ToSpot(ctx, spot, listen)
	if f.deaf = c.Deaf(); err != nil {
		return nil, err
	}
	if asks, err := c.AsksInC(); err != nil {
		return nil, err
	} else if asks && !c.Heard() {
		if err := f.variables(ctx, spot); err != nil {
			return nil, err
		}
		fo.Reads.Join(f.asked)
	}
	fo.At, fo.Why, fo.Again = spot.String(), spot.What, false
	if f.refused != nil {
		fo.Why += "; later " + f.why
	}
	fo.Given = given(f.program)
	fo.Given.Wrappers = c.Wrappers()
	if fo.Learned, err = f.later(c); err != nil {
		return nil, err
	}
	learned, err := script.Learned(ctx, c.Interpreter().Exe, c.Start().Environ, fo.Learned)
	if err != nil {
		return nil, err
	}
	return takeImage(ctx, c, code, learned, f.o, fo)
}

// recipeOf returns the recipe that is given, or that ships for a program of this name; nil where
// there is none.
func (o *CommandOptions) recipeOf() (*script.Recipe, error) {
	switch {
	case o.NoRecipe:
		return nil, nil
	case o.Recipe != "":
		return script.ReadRecipe(o.Recipe)
	}
	names := []string{o.Command[0]}
	if cl, err := guard.ParseCmdline(o.Command); err == nil && cl.Script() != "" {
		names = append(names, cl.Script())
	}
	for _, name := range names {
		if r, err := script.ShippedRecipe(filepath.Base(name)); r != nil || err != nil {
			return r, err
		}
	}
	return nil, nil
}
