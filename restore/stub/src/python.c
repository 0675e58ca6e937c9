// The thaw script, through the interpreter's own functions.
#include "stub.h"

u64 call(int fn, u64 a, u64 b, u64 c);
void tell_phases(void);
void open_gate(void);

static void set(u64 dict, const char *name, u64 value)
{
	if (!value || (i32)call(FN_DICT_SET, dict, (u64)name, value))
		plain("the thaw script could not be given its facts", -1);
}

// Waits for the child that has looked at the source files meanwhile. Only what it says counts:
// that it has ended does not tell how.
static void judge(void)
{
	static char path[4097];
	u8 verdict = 0;
	i64 r;
	if (R.verdict_fd >= 0) {
		do
			r = sys3(SYS_read, R.verdict_fd, &verdict, 1);
		while (r == -EINTR);
		if (verdict == VERDICT_STALE)
			sys3(SYS_read, R.verdict_fd, path, sizeof path - 1);
		sys3(SYS_close, R.verdict_fd, 0, 0);
		R.verdict_fd = -1;
	}
	if (!R.child_pid)
		return;
	reap_child();
	if (verdict == VERDICT_FITS)
		return;
	if (verdict != VERDICT_STALE)
		plain("the files of the image could not be checked", -1);
	not_same(path);
}

void ready(void)
{
	set_changes();
	log_success();
	R.log_fd = -1;
	tell_phases();
}

static void unblock(void)
{
	u64 own = H->point_mask ^ H->start_mask, mask = (H->point_mask & own) | (fresh.mask & ~own);
	sys4(SYS_sigprocmask, SIG_SETMASK, &mask, 0, 8);
}

// What the program has registered for this moment. From here on others may have seen it: where the
// plain command takes over nevertheless, people are told in any case.
static void run_hooks(u64 globals)
{
	u64 hooks = call(FN_DICT_GET, globals, (u64) "hooks", 0);
	if (!hooks)
		return;
	unblock();
	u64 why = call(FN_CALL, hooks, 0, 0);
	const char *s = why ? (const char *)call(FN_UTF8, why, 0, 0) : 0;
	if (s && !*s)
		return;
	R.flags |= RUN_VERBOSE;
	plain(s ? s : "what was registered for a restore could not be run", -1);
}

// The program runs again: a code object in its namespace, or a function. What it raises goes to finish().
static void __attribute__((noreturn)) run_again(u64 globals, struct hushed *h)
{
	u64 args = call(FN_DICT_GET, globals, (u64) "run_args", 0);
	u64 code = call(FN_DICT_GET, globals, (u64) "run_code", 0), fn = call(FN_DICT_GET, globals, (u64) "run", 0);
	u64 end = call(FN_DICT_GET, globals, (u64) "finish", 0);
	if (!args || !(code || fn) || !end)
		plain("the thaw script left nothing to run", -1);
	unhush(h);
	ready();
	if (H->note_len && !(R.flags & RUN_QUIET))
		sys3(SYS_write, 2, AT(char, H->note), H->note_len);
	open_gate();
	unblock();
	u64 done = code ? call(FN_EVAL, code, args, args) : call(FN_CALL, fn, args, 0);
	if (!done) {
		u64 e[3] = { 0 };
		call(FN_FETCH, (u64)e, (u64)(e + 1), (u64)(e + 2));
		call(FN_NORMALIZE, (u64)e, (u64)(e + 1), (u64)(e + 2));
		if (e[2])
			call(FN_TRACEBACK, e[1], e[2], 0);
		if (e[1])
			call(FN_DICT_SET, globals, (u64) "raised", e[1]);
	}
	enum { HANDLERS = 4 };
	for (int i = 0; i < HANDLERS; i++) { // it returns where a handler of a signal has raised before it began
		u64 e[3] = { 0 };
		call(FN_CALL, end, 0, 0);
		call(FN_FETCH, (u64)e, (u64)(e + 1), (u64)(e + 2));
	}
	sys3(SYS_exit_group, 1, 0, 0);
	__builtin_unreachable();
}

// The objects that the freeze has found, by numbers as names.
static void set_objects(u64 globals)
{
	u64 objects = call(FN_DICT, 0, 0, 0);
	set(globals, "objects", objects);
	for (u32 i = 0; i < H->nobjects; i++) {
		char name[9] = { 0 };
		for (int k = 0; k < 8; k++)
			name[k] = "0123456789abcdef"[i >> 4 * (7 - k) & 15];
		set(objects, name, AT(u64, H->objects)[i]);
	}
}

// Says whether the debug hooks of the allocator, PYTHONMALLOC=debug or -X dev, have given this
// memory: before it stand the letter of the raw domain and seven guards (_PyMem_DebugRawAlloc of
// Objects/obmalloc.c).
static int hooked(u64 at)
{
	const u64 guards = 0xfdfdfdfdfdfdfd00 | 'r';
	return *(u64 *)(at - sizeof guards) == guards;
}

// The memory of malloc() that has what the hooks gave: the head of the hooks, two words, is given
// up.
static u64 *unhooked(u64 at, u64 size)
{
	u8 *to = (u8 *)at - 2 * sizeof at;
	for (u64 i = 0; i < size; i++)
		to[i] = ((u8 *)at)[i];
	return (u64 *)to;
}

static u64 wide_size(const u32 *text)
{
	u64 n = 0;
	while (text[n])
		n++;
	return (n + 1) * sizeof *text;
}

// Tells Py_GetArgcArgv() of this run's words: who changes the title of the process looks for them
// where the kernel has them. The old list stays, as others may know it. At its end the interpreter
// frees the list as what the *default* allocator gave, whatever hooks are set (_Py_ClearArgcArgv of
// Python/initconfig.c).
static void set_orig_argv(void)
{
	struct { u64 length, *items; } *list = (void *)H->orig_argv;
	int plainly = list->length && list->items && !hooked((u64)list->items);
	u64 *items = (u64 *)call(FN_RAW_MALLOC, (fresh.argc + 1) * sizeof *items, 0, 0);
	if (!items)
		return;
	for (u64 i = 0; i < fresh.argc; i++) {
		if (!(items[i] = call(FN_DECODE, (u64)fresh.argv[i], 0, 0)))
			return;
		if (plainly && hooked(items[i]))
			items[i] = (u64)unhooked(items[i], wide_size((u32 *)items[i]));
	}
	if (plainly && hooked((u64)items))
		items = unhooked((u64)items, fresh.argc * sizeof *items);
	list->items = items;
	list->length = fresh.argc;
}

// The launcher that has started this run, which the program may tell others to start.
static void set_launcher(u64 globals)
{
	enum { FILE = 3 }; // of launch --stale FILE
	u64 at = 0;
	if (!R.again[0])
		return;
	for (int i = 0; i < FILE; i++)
		at += length(R.again + at) + 1;
	set(globals, "launcher", call(FN_BYTES, (u64)(R.again + at), length(R.again + at), 0));
}

void python(struct hushed *h)
{
	struct way *w = &H->ways[R.mode];
	u64 script = H->script ? H->script : call(FN_LOADS, (u64)AT(char, H->code), H->code_len, 0);
	u64 all = call(FN_LOADS, (u64)AT(char, w->config), w->config_len, 0);
	u64 globals = call(FN_DICT, 0, 0, 0);
	if (!script || !all || !globals)
		plain("the thaw script could not be loaded", -1);
	set(globals, "__builtins__", call(FN_BUILTINS, 0, 0, 0));
	set(globals, "strings", call(FN_BYTES, (u64)fresh.words, fresh.words_len, 0));
	set(globals, "modules", call(FN_SYS, (u64) "modules", 0, 0));
	set(globals, "argc", call(FN_LONG, fresh.argc, 0, 0));
	set(globals, "ignored", call(FN_LONG, fresh.ignored, 0, 0));
	set(globals, "flags", call(FN_LONG, R.flags, 0, 0));
	set(globals, "cold_code", call(FN_TUPLE_GET, script, 1, 0));
	set(globals, "shipped_recipes", call(FN_TUPLE_GET, script, 2, 0));
	set(globals, "recipe_code", call(FN_TUPLE_GET, all, 0, 0));
	set(globals, "config", call(FN_TUPLE_GET, all, 1, 0));
	if (H->learned)
		set(globals, "learned", H->learned);
	set_launcher(globals);
	if (H->orig_argv)
		set_orig_argv();
	if (H->nobjects)
		set_objects(globals);
	u64 done = call(FN_EVAL, call(FN_TUPLE_GET, script, 0, 0), globals, globals);
	if (!done && R.flags & RUN_VERBOSE)
		call(FN_PRINT, 0, 0, 0);
	if (!done)
		plain("the thaw script failed", -1);
	u64 why = call(FN_DICT_GET, globals, (u64) "fallback", 0);
	if (why) {
		const char *s = (const char *)call(FN_UTF8, why, 0, 0);
		if (s && call(FN_DICT_GET, globals, (u64) "another", 0))
			other(s);
		plain(s ? s : "the thaw script says so", -1);
	}
	phase("thaw script");
	judge();
	run_hooks(globals);
	if (!(w->flags & HEAD_RESUME))
		run_again(globals, h);
	unhush(h);
}
