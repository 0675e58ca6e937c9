package symbols

import "testing"

// offset is where a field is expected: the value of a dotted path, found by
// other means (gdb, live experiments) for the very builds that are tested.
type offset struct {
	typ, path string
	off       uint64
}

const (
	rt = "_PyRuntimeState"
	is = "PyInterpreterState"
	ts = "PyThreadState"
)

// expected offsets, sizes (path "") and variables (typ "") by version.
var expected = map[string][]offset{
	"debian-3.11": facts311, // Debian updates the package: its addresses are in TestDebianStatics
	"3.11.7": append(facts311, []offset{
		{"", "_PyRuntime", 0x54e540}, {"", "_PyMem_Raw", 0x45c2e0}, {"", "Handlers", 0x5b93e0}, {"", "wakeup", 0x46b480},
	}...),
	"3.8.18": {
		{"", "_PyRuntime", 0x372e00}, {rt, "", 1464}, {is, "", 2720}, {ts, "", 264},
		{rt, "interpreters.main", 0x28}, {rt, "main_thread", 0x48}, {rt, "gilstate.tstate_current", 0x558},
		{rt, "gilstate.autoTSSkey", 0x570}, {rt, "ceval.gil", 0x480}, {rt, "ceval.eval_breaker", 0x250},
		{rt, "ceval.signals_pending", 0x478}, {rt, "ceval.gil_drop_request", 0x254}, {rt, "gc.collecting", 0x220},
		{is, "tstate_head", 8}, {is, "after_forkers_child", 0xa50},
		{ts, "frame", 24}, {ts, "recursion_depth", 32}, {ts, "tracing", 44}, {ts, "curexc_type", 88},
		{ts, "exc_state", 112}, {ts, "exc_info", 144}, {ts, "thread_id", 176}, {ts, "trash_delete_nesting", 184},
	},
	"3.9.18": {
		{"", "_PyRuntime", 0x3acf60}, {rt, "", 656}, {is, "", 5656}, {ts, "", 264},
		{rt, "gilstate.tstate_current", 0x238}, {rt, "gilstate.autoTSSkey", 0x248}, {rt, "ceval.gil", 0x160},
		{rt, "ceval.signals_pending", 0x158}, {is, "ceval.eval_breaker", 0x48}, {is, "ceval.gil_drop_request", 0x4c},
		{is, "gc.collecting", 0x330}, {is, "after_forkers_child", 0xd90}, {ts, "frame", 24}, {ts, "thread_id", 176},
	},
	"3.10.13": {
		{"", "_PyRuntime", 0x3a8660}, {rt, "", 672}, {is, "", 113528}, {ts, "", 280},
		{is, "ceval.eval_breaker", 0x44}, {is, "ceval.gil_drop_request", 0x48}, {is, "after_forkers_child", 0xd70},
		{ts, "recursion_headroom", 36}, {ts, "cframe", 48}, {ts, "root_cframe", 264}, {ts, "exc_info", 144},
	},
	"3.12.1": {
		{"", "_PyRuntime", 0x643340}, {rt, "", 459944}, {is, "", 383552}, {ts, "", 288},
		{rt, "interpreters.main", 0x30}, {rt, "main_thread", 0x40}, {rt, "autoTSSkey", 0x608}, {rt, "trashTSSkey", 0x610},
		{rt, "_main_interpreter", 0x12a68}, {is, "threads.head", 0x48}, {is, "ceval.eval_breaker", 0x170},
		{is, "_gil", 0x410}, {is, "ceval.gil", 0x180}, {is, "threads_main", 0x5d910}, {is, "gc.collecting", 0x138},
		{is, "after_forkers_child", 0xf30}, {ts, "py_recursion_remaining", 28}, {ts, "cframe", 56},
		{ts, "current_exception", 96}, {ts, "thread_id", 136}, {ts, "native_thread_id", 144}, {ts, "root_cframe", 272},
	},
	"3.13.0": {
		{"", "_PyRuntime", 0x5294c0}, {rt, "", 283320}, {is, "", 194968}, {ts, "", 304},
		{rt, "main_thread", 0x290}, {rt, "main_tstate", 0x298}, {rt, "autoTSSkey", 0x870}, {rt, "_main_interpreter", 0x15920},
		{is, "threads.head", 0x1cb0}, {is, "threads.main", 0x1cb8}, {is, "_gil", 0x1e48}, {is, "gc.collecting", 0x1db0},
		{is, "after_forkers_child", 0x2998}, {is, "imports.lock", 0x1e18}, {ts, "eval_breaker", 24},
		{ts, "current_frame", 72}, {ts, "exc_info", 120}, {ts, "critical_section", 176}, {ts, "state", 40},
	},
}

var facts311 = []offset{
	{rt, "", 166688}, {is, "", 107752}, {ts, "", 360},
	{rt, "interpreters.main", 0x30}, {rt, "_main_interpreter", 0xe638}, {rt, "_main_interpreter._initial_thread", 0x289b8},
	{rt, "main_thread", 0x50}, {rt, "gilstate.tstate_current", 0x240}, {rt, "gilstate.autoTSSkey", 0x250},
	{rt, "ceval.gil", 0x168}, {rt, "ceval.signals_pending", 0x160}, {rt, "_finalizing", 0x18},
	{"struct _gil_runtime_state", "", 0xd0}, {"struct _gil_runtime_state", "last_holder", 8},
	{"struct _gil_runtime_state", "locked", 0x10}, {"struct _gil_runtime_state", "cond", 0x20},
	{"struct _gil_runtime_state", "switch_mutex", 0xa8},
	{is, "threads.head", 0x10}, {is, "ceval.eval_breaker", 0x64}, {is, "ceval.gil_drop_request", 0x68},
	{is, "gc.collecting", 0x350}, {is, "after_forkers_child", 0xda8},
	{ts, "recursion_remaining", 32}, {ts, "recursion_limit", 36}, {ts, "recursion_headroom", 40}, {ts, "tracing", 44},
	{ts, "cframe", 56}, {ts, "root_cframe", 336}, {ts, "root_cframe.current_frame", 344}, {ts, "root_cframe.previous", 352},
	{ts, "curexc_type", 96}, {ts, "exc_info", 120}, {ts, "exc_state", 320}, {ts, "thread_id", 152},
	{ts, "native_thread_id", 160}, {ts, "trash_delete_nesting", 168},
	{"buffered", "raw", 16}, {"buffered", "ok", 24}, {"buffered", "abs_pos", 48}, {"buffered", "lock", 104},
	{"buffered", "owner", 112}, {"buffered", "buffer_size", 120},
	{"fileio", "fd", 16}, {"textio", "pending_bytes", 136}, {"textio", "raw", 168}, {"textio", "decoded_chars", 120},
}

func TestExpectedOffsets(t *testing.T) {
	for _, in := range interps(t) {
		t.Run(in.name, func(t *testing.T) {
			want := expected[in.name]
			if want == nil {
				t.Skip("no offsets known for this version")
			}
			l := layoutOf(t, in)
			for _, w := range want {
				var got uint64
				var err error
				switch {
				case w.typ == "":
					var v Var
					v, err = l.Var(w.path)
					got = uint64(v.Addr)
				case w.path == "":
					var s *Struct
					if s, err = l.Struct(w.typ); err == nil {
						got = s.Size
					}
				default:
					var f Field
					f, err = l.Field(w.typ, w.path)
					got = f.Offset
				}
				if err != nil || got != w.off {
					t.Errorf("%s.%s = %#x, want %#x (%v)", w.typ, w.path, got, w.off, err)
				}
			}
		})
	}
}
