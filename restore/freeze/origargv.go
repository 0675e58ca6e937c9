package freeze

// origArgv returns where the interpreter keeps the words that Py_GetArgcArgv gives, by which
// libraries find where to write the title of the process; 0 where that is not known.
func (f *freezing) origArgv() uint64 {
	lay, bias := f.copy.Layout, f.copy.Interp.Bias
	// Of _PyRuntimeState since 3.12 (gh-90110); before a static variable of Python/initconfig.c.
	if at, err := lay.Symbol("_PyRuntime"); err == nil {
		if field, err := lay.Field("_PyRuntimeState", "orig_argv"); err == nil {
			return uint64(at.Addr+bias) + field.Offset
		}
	}
	if all := lay.Symbols("orig_argv"); len(all) == 1 {
		return uint64(all[0].Addr + bias)
	}
	return 0
}
