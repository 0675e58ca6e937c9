package restore

import "pyfreeze/pyheap"

// newScriptConfig gathers what the thaw script is told of a frozen process.
func newScriptConfig(h *pyheap.Heap, w *pyheap.Walk, cl cmdline, cwd string, environ []string, way startway, rec recipe) (cfg scriptConfig, err error) {
	cfg = scriptConfig{
		InterpreterArgs: len(cl.interp), Path0: path0Of(cl, cwd), SafePath: way.safePath,
		Home: lookup(environ, "HOME"), Tz: lookup(environ, "TZ"), PythonPath: lookup(environ, "PYTHONPATH"), UserBase: lookup(environ, "PYTHONUSERBASE"),
		Tmpdir:        lookup(environ, "TMPDIR"),
		BufferedStdio: way.buffered,
		Env:           map[string]*string{}, Count: map[string]int{}, Argv: argvCopies(h, w), Changes: environmentChanges(h, environ),
	}
	if cfg.Local, err = localModules(h, cwd); err != nil {
		return cfg, err
	}
	for _, o := range w.OfType("ctypes.CDLL") {
		cfg.Libraries = append(cfg.Libraries, uint64(o.Addr))
	}
	for _, name := range rec.env {
		cfg.Env[name] = lookup(environ, name)
	}
	for _, name := range rec.count {
		cfg.Count[name] = len(w.OfType(name))
	}
	return cfg, nil
}
