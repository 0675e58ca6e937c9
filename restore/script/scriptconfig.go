package script

import (
	"pyfreeze/pyheap"
	"pyfreeze/restore/captured"
	"pyfreeze/restore/guard"
)

// NewConfig gathers what the thaw script is told of a frozen process.
func NewConfig(h *pyheap.Heap, w *pyheap.Walk, cl guard.Cmdline, cwd string, environ []string, rec *Recipe, copies []captured.Copy) (cfg Config, err error) {
	get := func(name string) *string { return guard.Lookup(environ, name) }
	path0 := cl.Path0(cwd)
	cfg = Config{
		InterpreterArgs: len(cl.Interp), Path0: &path0, TTYs: make([]bool, 3),
		Home: get("HOME"), Tz: get("TZ"), PythonPath: get("PYTHONPATH"), UserBase: get("PYTHONUSERBASE"), Tmpdir: get("TMPDIR"),
		IOEncoding: get("PYTHONIOENCODING"), Locale: [3]*string{get("LC_ALL"), get("LC_CTYPE"), get("LANG")},
		Env: map[string]*string{}, Count: map[string]int{}, Copies: copies, Changes: captured.EnvChanges(h, environ),
	}
	if id, err := guard.Stat("/etc/localtime"); err == nil {
		cfg.Zone = []uint64{id.Ino, id.Size, id.MtimeNs}
	}
	if cfg.Local, err = captured.Local(h, cwd); err != nil {
		return cfg, err
	}
	for _, name := range rec.env {
		cfg.Env[name] = get(name)
	}
	for _, name := range rec.count {
		cfg.Count[name] = len(w.OfType(name))
	}
	return cfg, nil
}
