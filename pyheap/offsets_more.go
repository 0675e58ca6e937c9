package pyheap

// dictOffsets describes dict, its keys table and the values of split tables.
type dictOffsets struct {
	used, keys, values                         uint64
	hash                                       uint64 // of a frozendict, 3.15 and later
	refcnt, log2Size, log2IndexBytes, kind     uint64 // 3.11 and later
	oldSize                                    uint64 // dk_size, until 3.10
	usable, nentries, indices                  uint64
	entrySize, entryHash, entryKey, entryValue uint64
	unicodeSize, unicodeKey, unicodeValue      uint64 // 3.11 and later
	valuesArray, valuesCapacity, valuesValid   uint64 // 3.13 and later: struct with a header
	valuesSize                                 uint64 // of those that have one
}

func loadDictOffsets(r *resolver) dictOffsets {
	d := dictOffsets{
		used: r.must("PyDictObject.ma_used"), keys: r.must("PyDictObject.ma_keys"),
		values:         r.must("PyDictObject.ma_values"),
		hash:           r.opt("PyFrozenDictObject.ma_hash"),
		refcnt:         r.must("PyDictKeysObject.dk_refcnt"),
		log2Size:       r.opt("PyDictKeysObject.dk_log2_size"),
		log2IndexBytes: r.opt("PyDictKeysObject.dk_log2_index_bytes"),
		kind:           r.opt("PyDictKeysObject.dk_kind"),
		oldSize:        r.opt("PyDictKeysObject.dk_size"),
		usable:         r.must("PyDictKeysObject.dk_usable"),
		nentries:       r.must("PyDictKeysObject.dk_nentries"),
		indices:        r.must("PyDictKeysObject.dk_indices"),
		entrySize:      r.size("PyDictKeyEntry"), entryHash: r.must("PyDictKeyEntry.me_hash"),
		entryKey: r.must("PyDictKeyEntry.me_key"), entryValue: r.must("PyDictKeyEntry.me_value"),
		unicodeSize:    r.optSize("PyDictUnicodeEntry"),
		unicodeKey:     r.opt("PyDictUnicodeEntry.me_key"),
		unicodeValue:   r.opt("PyDictUnicodeEntry.me_value"),
		valuesArray:    r.opt("PyDictValues.values"),
		valuesCapacity: r.opt("PyDictValues.capacity"),
		valuesValid:    r.opt("PyDictValues.valid"),
		valuesSize:     r.opt("PyDictValues.size"),
	}
	if d.log2Size == absent && d.oldSize == absent {
		r.missing = append(r.missing, "PyDictKeysObject.dk_log2_size or PyDictKeysObject.dk_size")
	}
	return d
}

// codeOffsets describes code objects.
type codeOffsets struct {
	nlocalsplus, stacksize, firstlineno           uint64
	nlocals, varnames, freevars, cellvars         uint64 // until 3.10
	localsplusnames, localspluskinds              uint64 // 3.11 and later
	zombie                                        uint64 // until 3.10
	cell2arg                                      uint64 // until 3.10
	filename, name, qualname, linetable, bytecode uint64
	size                                          uint64
}

func loadCodeOffsets(r *resolver) codeOffsets {
	return codeOffsets{
		stacksize:       r.must("PyCodeObject.co_stacksize"),
		firstlineno:     r.must("PyCodeObject.co_firstlineno"),
		nlocals:         r.must("PyCodeObject.co_nlocals"),
		nlocalsplus:     r.opt("PyCodeObject.co_nlocalsplus"),
		localspluskinds: r.opt("PyCodeObject.co_localspluskinds"),
		varnames:        r.opt("PyCodeObject.co_varnames"),
		freevars:        r.opt("PyCodeObject.co_freevars"),
		cellvars:        r.opt("PyCodeObject.co_cellvars"),
		localsplusnames: r.opt("PyCodeObject.co_localsplusnames"),
		cell2arg:        r.opt("PyCodeObject.co_cell2arg"),    // removed with the unification of cells and locals, bpo-43693
		zombie:          r.opt("PyCodeObject.co_zombieframe"), // removed with frame objects per call, bpo-44590
		filename:        r.must("PyCodeObject.co_filename"),
		name:            r.must("PyCodeObject.co_name"),
		qualname:        r.opt("PyCodeObject.co_qualname"),
		linetable:       r.must("PyCodeObject.co_linetable", "PyCodeObject.co_lnotab"),
		bytecode:        r.opt("PyCodeObject.co_code_adaptive"),
		size:            r.size("PyCodeObject"),
	}
}

// frameOffsets describes the three ways versions keep a frame: a PyFrameObject (until 3.10), a
// _PyInterpreterFrame found through _PyCFrame (3.11, 3.12) or through the tstate (3.13 and later).
type frameOffsets struct {
	tsFrame, tsCFrame, tsCurrent, cframeCurrent                uint64
	fn, globals, builtins, locals, code, frameObj              uint64
	previous, instr, stacktop, stackpointer, owner, localsplus uint64
	objBack, objFrame, objData, objTrace                       uint64
	oldLasti, oldStackdepth                                    uint64
	genFrame, genState, genSize                                uint64
}

func loadFrameOffsets(r *resolver) frameOffsets {
	f := frameOffsets{
		tsFrame: r.opt("PyThreadState.frame"), tsCFrame: r.opt("PyThreadState.cframe"),
		tsCurrent:     r.opt("PyThreadState.current_frame"),
		cframeCurrent: r.opt("_PyCFrame.current_frame"),
		fn:            r.opt("_PyInterpreterFrame.f_funcobj", "_PyInterpreterFrame.f_func"),
		previous:      r.opt("_PyInterpreterFrame.previous"),
		instr:         r.opt("_PyInterpreterFrame.instr_ptr", "_PyInterpreterFrame.prev_instr"),
		frameObj:      r.opt("_PyInterpreterFrame.frame_obj"),
		stacktop:      r.opt("_PyInterpreterFrame.stacktop"),
		stackpointer:  r.opt("_PyInterpreterFrame.stackpointer"),
		owner:         r.opt("_PyInterpreterFrame.owner"),
		objBack:       r.must("PyFrameObject.f_back"),
		objTrace:      r.must("PyFrameObject.f_trace"),
		objFrame:      r.opt("PyFrameObject.f_frame"),
		objData:       r.opt("PyFrameObject._f_frame_data"),
		oldLasti:      r.opt("PyFrameObject.f_lasti"),
		oldStackdepth: r.opt("PyFrameObject.f_stackdepth"),
		genFrame:      r.opt("PyGenObject.gi_iframe", "PyGenObject.gi_frame"),
		genState:      r.opt("PyGenObject.gi_frame_state"),
		genSize:       r.size("PyGenObject"),
	}
	f.globals = r.must("_PyInterpreterFrame.f_globals", "PyFrameObject.f_globals")
	f.builtins = r.must("_PyInterpreterFrame.f_builtins", "PyFrameObject.f_builtins")
	f.locals = r.must("_PyInterpreterFrame.f_locals", "PyFrameObject.f_locals")
	f.code = r.must("_PyInterpreterFrame.f_executable", "_PyInterpreterFrame.f_code", "PyFrameObject.f_code")
	f.localsplus = r.must("_PyInterpreterFrame.localsplus", "PyFrameObject.f_localsplus")
	return f
}

// interpreterFrames says that frames are _PyInterpreterFrames (3.11 and later).
func (f *frameOffsets) interpreterFrames() bool { return f.previous != absent }

// allocOffsets describes pymalloc's arenas and pools.
type allocOffsets struct {
	poolRef, poolFree, poolSzidx, poolNext, poolHeader uint64
	arenaAddress, arenaPool, arenaSize                 uint64
	arenaFree, arenaTotal                              uint64
}

func loadAllocOffsets(r *resolver) allocOffsets {
	return allocOffsets{
		poolRef:      r.must("pool_header.ref"),
		poolFree:     r.must("pool_header.freeblock"),
		poolSzidx:    r.must("pool_header.szidx"),
		poolNext:     r.must("pool_header.nextoffset"),
		poolHeader:   (r.size("pool_header") + 15) &^ 15,
		arenaAddress: r.must("arena_object.address"),
		arenaPool:    r.must("arena_object.pool_address"),
		arenaFree:    r.must("arena_object.nfreepools"),
		arenaTotal:   r.must("arena_object.ntotalpools"),
		arenaSize:    r.size("arena_object"),
	}
}

// gcOffsets describes the collector's lists.
type gcOffsets struct {
	headNext, headSize, generations, generationSize, permanent, young, old uint64
	runtimeGC, interpGC                                                    uint64
}

func loadGCOffsets(r *resolver) gcOffsets {
	return gcOffsets{
		headNext:       r.must("PyGC_Head._gc_next"),
		headSize:       r.size("PyGC_Head"),
		generations:    r.opt("_gc_runtime_state.generations"),
		generationSize: r.optSize("gc_generation"),
		permanent:      r.opt("_gc_runtime_state.permanent_generation"),
		young:          r.opt("_gc_runtime_state.young"), // 3.14
		old:            r.opt("_gc_runtime_state.old"),
		interpGC:       r.opt("PyInterpreterState.gc"),
		runtimeGC:      r.opt("_PyRuntimeState.gc"), // 3.8
	}
}
