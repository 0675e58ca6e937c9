package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"pyfreeze/restore"
	"pyfreeze/restore/launcher"
	"pyfreeze/restore/script"
	"pyfreeze/restore/snapshot"
)

func newInstall() *cobra.Command {
	var o installOptions
	c := &cobra.Command{
		Use:   "install PROGRAM",
		Short: "Start a program from an image whenever its name is typed",
		Long: `Put a launcher in front of a program: a small file of the same name in a directory
that comes earlier on PATH. It starts the program from an image if there is one
that fits, and plainly otherwise; a missing or outdated image is made in the background
after that. Nothing needs to be done when the program, its libraries, Python or your
configuration change.

The first image is made at once. The program is run with --help, or with the arguments of --warm,
in an empty directory, to see when it looks at its arguments or does something that others could
tell; then it is run up to there, frozen, and ended. With --at MODULE:FUNCTION it is frozen when
that is called. A program with a recipe (hg has one) is run with the recipe's warm-up commands, and
frozen at the exit: a thaw runs its script again.

PROGRAM is a name, to be looked up on PATH at each start as if the launcher were
not there, or a path.`,
		Example: `  pyfreeze install hg
  pyfreeze install black --check --version
  pyfreeze install app --at app.cli:main
  pyfreeze install /opt/app/bin/app --dir /usr/local/bin --cache user`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return &usageError{fmt.Errorf("install takes one program")}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			l, err := o.launcher(args[0])
			if err != nil {
				return err
			}
			if old, err := launcher.Read(l.Path); err == nil && o.strict && !old.Strict {
				if err := l.Forget(); err != nil { // images that are not strict
					return err
				}
			}
			if err := writeLauncher(l, o.force); err != nil {
				return err
			}
			fmt.Printf("%s starts %s from an image from now on\n", l.Path, l.Program)
			warnPath(l)
			if o.noBuild {
				return nil
			}
			m, path, took, err := buildNow(cmd.Context(), l, restore.Options{}, o.verbose)
			if err != nil {
				return fmt.Errorf("the launcher is in place, and runs the plain program, for there is no image: %w "+
					"(it tries again after an hour, or when the program changes; pyfreeze uninstall %s takes it away)", err, l.Name)
			}
			if m.Harmless {
				if err := measured(cmd.Context(), l, path); err != nil {
					return fmt.Errorf("the launcher is in place, and runs the plain program: %w "+
						"(it tries again after an hour, or when the program changes)", err)
				}
			}
			if len(l.Sets) > 0 {
				// What is switched on here gets an image of its own; without, it is loaded in each
				// run.
				if err := exec.CommandContext(cmd.Context(), l.Pyfreeze, "launch", "--make", l.Path).Run(); err != nil {
					fmt.Fprintf(os.Stderr, "pyfreeze: note: no image with what is switched on here: %v\n", err)
				}
			}
			summary(os.Stdout, path, m, took)
			for _, args := range o.checks {
				if err := l.Check(cmd.Context(), args); err != nil {
					return err
				}
				fmt.Printf("  checked: %s %s\n", l.Name, args)
			}
			return nil
		},
	}
	f := c.Flags()
	f.StringArrayVar(&o.checks, "check", nil, "run the program with these `ARGS` plainly and from its image, in empty directories, and throw the image away where they differ; may be repeated")
	f.StringVar(&o.dir, "dir", "~/.local/bin", "`DIRECTORY` for the launcher")
	f.StringVar(&o.cache, "cache", "", "`DIRECTORY` for images, of mode 0700; or \"user\": that of whoever runs the launcher (default $XDG_CACHE_HOME/pyfreeze as it is now)")
	f.StringArrayVar(&o.warm, "warm", nil, "warm up with these `ARGS`, quoted as for a shell, in place of the recipe's; may be repeated")
	f.StringVar(&o.at, "at", "", "freeze the program where `MODULE:FUNCTION` is first called, on the main thread; or exit, or found: the last point at which nothing depends on this run (default found, with a recipe exit)")
	f.StringArrayVar(&o.env, "env", nil, "an environment `VARIABLE` that calls for an image of its own; NAME* for all that begin so; may be repeated")
	f.StringVar(&o.recipe, "recipe", "", "Python `FILE` in place of a shipped recipe")
	f.BoolVar(&o.strict, "strict", false, "have each start compare what is in every file that was read, whatever its times say")
	f.BoolVar(&o.force, "force", false, "replace a file that is no launcher")
	f.BoolVar(&o.noBuild, "no-build", false, "make the image later, after the first run")
	f.BoolVarP(&o.verbose, "verbose", "v", false, "say what is being done")
	return c
}

type installOptions struct {
	dir, cache, recipe, at  string
	warm, env, checks       []string
	force, noBuild, verbose bool
	strict                  bool
}

// usualEnv are variables that Python or ld.so reads when it starts, or most programs.
var usualEnv = []string{"LANG", "LANGUAGE", "LC_*", "LD_AUDIT", "LD_LIBRARY_PATH", "LD_PRELOAD", "PYTHON*"}

func (o *installOptions) launcher(program string) (*launcher.File, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	dir, err := expandHome(o.dir)
	if err != nil {
		return nil, err
	}
	l := &launcher.File{Pyfreeze: self, Name: filepath.Base(program), Program: program,
		Env: o.env, Warm: o.warm, At: o.at, Strict: o.strict}
	l.Path = filepath.Join(dir, l.Name)
	if strings.Contains(program, "/") {
		if l.Program, err = filepath.Abs(program); err != nil {
			return nil, err
		}
	}
	if l.Cache, err = o.cacheDir(); err != nil {
		return nil, err
	}
	recipe, err := script.ShippedRecipe(l.Name)
	if o.recipe != "" {
		if l.Recipe, err = filepath.Abs(o.recipe); err == nil {
			recipe, err = script.ReadRecipe(l.Recipe)
		}
	}
	if err != nil {
		return nil, err
	}
	if recipe != nil {
		l.WarmEnv = recipe.WarmEnv
		l.Sets, l.SetEnv, l.SetFiles = recipe.Sets, recipe.SetEnv, recipe.SetFiles
		if len(l.Warm) == 0 {
			l.Warm = recipe.Warm
		}
		if len(l.Env) == 0 {
			l.Env = recipe.Key
		}
	}
	if len(l.Env) == 0 {
		l.Env = usualEnv
	}
	if l.At == "" && (recipe == nil || len(recipe.Warm) == 0) {
		l.At = snapshot.Found // a program that a recipe warms up runs again
	}
	switch l.At {
	case "":
		l.At = "exit"
	case "exit":
	default:
		if _, err := snapshot.ParseAt(l.At); err != nil && l.At != snapshot.Found {
			return nil, err
		}
		if len(o.warm) > 1 {
			return nil, &usageError{fmt.Errorf("--at %s takes one --warm: the program is frozen in one run", l.At)}
		}
		l.Warm = o.warm
		if l.At == snapshot.Found && len(l.Warm) == 0 {
			l.Warm = []string{"--help"} // what most programs know, and does nothing
		}
	}
	if l.At == "exit" && len(l.Warm) == 0 {
		return nil, &usageError{fmt.Errorf("--at exit needs a warm-up: give --warm, such as --warm --version")}
	}
	return l, o.checkProgram(l)
}

// checkProgram says early what every start would.
func (o *installOptions) checkProgram(l *launcher.File) error {
	if filepath.IsAbs(l.Program) {
		if filepath.Clean(l.Program) == filepath.Clean(l.Path) {
			return &usageError{fmt.Errorf("the launcher would take the place of %s itself: give another --dir", l.Program)}
		}
		_, err := exec.LookPath(l.Program)
		return err
	}
	_, err := exec.LookPath(l.Program)
	return err
}

// cacheDir gives the directory for images as it is now: a program may change HOME for those that it starts.
func (o *installOptions) cacheDir() (string, error) {
	if o.cache != "" {
		if o.cache == launcher.UserCache {
			return o.cache, nil
		}
		return filepath.Abs(o.cache)
	}
	base, err := os.UserCacheDir()
	if err != nil {
		return launcher.UserCache, nil
	}
	return filepath.Join(base, "pyfreeze"), nil
}

func expandHome(dir string) (string, error) {
	if rest, ok := strings.CutPrefix(dir, "~/"); ok {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", err
		}
		dir = filepath.Join(home, rest)
	}
	return filepath.Abs(dir)
}

// writeLauncher puts the file in its place whole; one that is no launcher is left alone.
func writeLauncher(l *launcher.File, force bool) error {
	text, err := l.Text()
	if err != nil {
		return err
	}
	if _, err := launcher.Read(l.Path); err != nil && !errors.Is(err, fs.ErrNotExist) && !force {
		return fmt.Errorf("%w; --force replaces it", err)
	}
	if err := os.MkdirAll(filepath.Dir(l.Path), 0o755); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(l.Path), ".pyfreeze-")
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	err = errors.Join(err, f.Chmod(0o755), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), l.Path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}

// warnPath says when the name does not lead to the launcher.
func warnPath(l *launcher.File) {
	found, err := exec.LookPath(l.Name)
	switch {
	case err != nil:
		fmt.Fprintf(os.Stderr, "pyfreeze: note: %s is not on PATH\n", filepath.Dir(l.Path))
	case filepath.Clean(found) != l.Path:
		fmt.Fprintf(os.Stderr, "pyfreeze: note: %s comes before %s on PATH: put that directory first\n", found, filepath.Dir(l.Path))
	}
}

func newUninstall() *cobra.Command {
	var dir string
	c := &cobra.Command{
		Use:   "uninstall PROGRAM",
		Short: "Take a launcher and its images away",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir, err := expandHome(dir)
			if err != nil {
				return err
			}
			l, err := launcher.Read(filepath.Join(dir, filepath.Base(args[0])))
			if err != nil {
				return err
			}
			if err := errors.Join(os.Remove(l.Path), l.Forget()); err != nil {
				return err
			}
			fmt.Printf("%s and its images are gone\n", l.Path)
			return nil
		},
	}
	c.Flags().StringVar(&dir, "dir", "~/.local/bin", "`DIRECTORY` of the launcher")
	return c
}
