package restore

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"syscall"

	"pyfreeze/restore/freeze"
	"pyfreeze/restore/guard"
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
func found(ctx context.Context, program tracer.Program, o CommandOptions, fo freeze.Options) (*freeze.Meta, syscall.WaitStatus, error) {
	spots, lay, status, err := train(ctx, program, o)
	if err != nil {
		return nil, status, err
	}
	const most = 10
	var m *freeze.Meta
	anywhere := false
	for n := 0; n < most && len(spots) > 0; n++ {
		spot := spots[0]
		m, err = freezeAt(ctx, program, spot, lay, anywhere, o, fo)
		var passed *snapshot.PassedError
		if !errors.As(err, &passed) {
			if err == nil && m.Bound() && !anywhere {
				anywhere = true // an image that is less warm, but fits in other directories, too
				continue
			}
			break
		}
		// The first run may have changed what this one finds: a directory that it made.
		if spots = spots[1:]; len(passed.Next) > 0 && passed.What != spot.What {
			spots = passed.Next
		}
	}
	return m, status, err
}

// train runs the user's command, and returns the spots before what must not be done twice.
func train(ctx context.Context, program tracer.Program, o CommandOptions) ([]*snapshot.Spot, *symbols.Layout, syscall.WaitStatus, error) {
	tell(o.Tell, "starting "+o.Command[0])
	if o.Work != "" {
		program.Dir = o.Work
	}
	c, err := snapshot.StartCommand(program, o.Tell)
	if err != nil {
		return nil, nil, 0, err
	}
	spots, lay, err := observe(ctx, c, o)
	if err == nil && o.Stop {
		err = c.Kill()
		_, werr := c.Wait(context.Background())
		return spots, lay, 0, errors.Join(err, werr)
	}
	// Whatever became of it, the command is the user's.
	if rerr := c.Release(); rerr != nil {
		err = errors.Join(err, fmt.Errorf("the command could not be let go: %w", rerr))
	}
	status, werr := c.Wait(ctx)
	var ended *snapshot.CommandEndedError
	switch {
	case errors.As(err, &ended):
		status = ended.Status
	case err == nil:
		err = werr
		if err == nil && len(spots) == 0 {
			err = &snapshot.NoSpotError{}
		}
	}
	return spots, lay, status, err
}

func observe(ctx context.Context, c *snapshot.Command, o CommandOptions) ([]*snapshot.Spot, *symbols.Layout, error) {
	if err := c.ToPython(ctx); err != nil {
		return nil, nil, err
	}
	tell(o.Tell, "reading debug information")
	lay, err := symbols.LoadLayoutContext(symbols.WithProgress(ctx, o.Tell), c.Interpreter().Module.File)
	if err != nil {
		return nil, nil, err
	}
	c.UseLayout(lay)
	tell(o.Tell, "running "+o.Command[0])
	spots, err := c.Observe(ctx)
	return spots, lay, err
}

// freezeAt runs the program to a spot, and freezes it there. anywhere: it must not have asked for its
// working directory before.
func freezeAt(ctx context.Context, program tracer.Program, spot *snapshot.Spot, lay *symbols.Layout, anywhere bool, o CommandOptions, fo freeze.Options) (m *freeze.Meta, err error) {
	tell(o.Tell, "running it again, up to the point")
	program.Dies = true // what it would do from the point on has been done
	c, err := snapshot.StartCommand(program, o.Tell)
	if err != nil {
		return nil, err
	}
	defer func() {
		kerr := c.Kill()
		_, werr := c.Wait(context.Background())
		var ended *snapshot.CommandEndedError
		if !errors.As(err, &ended) {
			err = errors.Join(err, kerr, werr)
		}
	}()
	c.Note(lay, anywhere)
	if err := c.ToPython(ctx); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	code := compileCode(ctx, c)
	if fo.Reads, err = c.ToSpot(ctx, spot); err != nil {
		return nil, err
	}
	fo.At, fo.Why, fo.Again = spot.String(), spot.What, false
	fo.Given = given(program)
	fo.Given.Wrappers = c.Wrappers()
	return takeImage(ctx, c, code, o, fo)
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
