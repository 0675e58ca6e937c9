// The nested call at the freeze: the frozen program forks, and goes on where it was. The tracer takes what would
// be the child. In a thaw the same call returns as that child.
#include "stub.h"

u64 call(int fn, u64 a, u64 b, u64 c)
{
	return ((u64(*)(u64, u64, u64))H->fn[fn])(a, b, c);
}

void open_gate(void);

// The program goes on at its point, with the signals blocked that it blocked itself, and else those that this process was given blocked.
static void __attribute__((noreturn)) go_on(void)
{
	enum { UC_SIGMASK = 296 };
	u64 own = H->point_mask ^ H->start_mask;
	*(u64 *)(H->point + UC_SIGMASK) = (H->point_mask & own) | (fresh.mask & ~own);
	sigreturn(H->point);
}

static void __attribute__((noreturn)) after_fork(u64 raised[3], struct hushed *h)
{
	call(FN_CHILD, 0, 0, 0);
	phase("PyOS_AfterFork_Child");
	python(h);
	call(FN_RESTORE, raised[0], raised[1], raised[2]);
	ready();
	go_on();
}

static u64 load(u64 code, u64 len)
{
	u64 e[3] = { 0 };
	u64 object = call(FN_LOADS, code, len, 0);
	if (object)
		return object;
	call(FN_FETCH, (u64)e, (u64)(e + 1), (u64)(e + 2));
	for (int i = 0; i < 3; i++)
		call(FN_DECREF, e[i], 0, 0); // NULL is fine
	return 0;
}

// Include/internal/pycore_gc.h: two addresses, with flags in their two low bits (no more: the heads
// of 3.13.5 lie at multiples of 4, by DW_AT_alignment of Debian's). An object that the
// collector does not know has no next.
struct gc_head { u64 next, prev; };
enum { GC_FLAGS = 3 };

// What a thaw may import is loaded unseen: its thousands of tuples would make the collector run,
// and the program's own objects would be collected earlier than in a plain run. They hold nothing
// that the collector could free, so they leave its list again: those of code that is imported in a
// plain run leave it at the first collection.
static void load_learned(void)
{
	i32 *enabled = (i32 *)H->learn.enabled, *count = (i32 *)H->learn.count;
	struct gc_head *young = (void *)H->learn.young, *last, *g, *next;
	if (!H->learn.len)
		return;
	i32 was = *enabled, had = *count;
	last = (void *)(young->prev & ~GC_FLAGS);
	*enabled = 0;
	H->learned = load(H->learn.code, H->learn.len);
	*enabled = was;
	*count = had;
	for (g = (void *)(last->next & ~GC_FLAGS); g != young; g = next) {
		next = (void *)(g->next & ~GC_FLAGS);
		g->next = g->prev = 0;
	}
	last->next = (u64)young | (last->next & GC_FLAGS);
	young->prev = (u64)last | (young->prev & GC_FLAGS);
}

// The thaw script is loaded here, once, rather than in every thaw: each name in it is looked up
// among the interned strings, which copies the page of the one that is there.
static void load_script(void)
{
	if (H->code_len)
		H->script = load((u64)AT(char, H->code), H->code_len);
	load_learned();
}

// Runs what the program has registered for the freeze. The code leaves in its namespace a text that
// says what has failed, "" for nothing.
static void run_hooks(void)
{
	static char broken[] = "their code could not be run";
	u64 code = load((u64)AT(char, H->code), H->code_len), names = call(FN_DICT, 0, 0, 0);
	u64 why = 0, text = 0;
	if (code && names && !(i32)call(FN_DICT_SET, names, (u64) "__builtins__", call(FN_BUILTINS, 0, 0, 0)) &&
	    !(i32)call(FN_DICT_SET, names, (u64) "modules", call(FN_SYS, (u64) "modules", 0, 0)) &&
	    call(FN_EVAL, code, names, names))
		why = call(FN_DICT_GET, names, (u64) "failed", 0);
	if (why)
		text = call(FN_UTF8, why, 0, 0);
	if (text && !*(char *)text) {
		call(FN_DECREF, names, 0, 0);
		call(FN_DECREF, code, 0, 0);
		H->hooks = HOOKS_DONE;
	} else {
		H->hooks = text ? text : (u64)broken;
	}
}

// The command makes a child, which runs its hooks and is frozen in its place. When that has ended
// it goes on as if it had made none: the signal of a child's end is taken back, too.
static void __attribute__((noreturn)) fork_for_hooks(u64 raised[3], struct hushed *h)
{
	u64 before = 0, after = 0, chld = 1ul << (SIGCHLD_ - 1), zero[2] = { 0 };
	call(FN_BEFORE, 0, 0, 0);
	sys3(SYS_sigpending, &before, 8, 0);
	i64 pid = (i32)call(FN_FORK, 0, 0, 0);
	if (pid == 0 && !H->forked)
		sys3(SYS_exit_group, 0, 0, 0); // nobody took it: pyfreeze is gone
	if (pid == 0) {
		call(FN_CHILD, 0, 0, 0);
		run_hooks();
	} else {
		while (pid > 0 && sys4(SYS_wait4, pid, 0, WALL, 0) == -EINTR)
			;
		sys3(SYS_sigpending, &after, 8, 0);
		if (after & ~before & chld)
			sys4(SYS_sigtimedwait, &chld, 0, zero, 8);
		call(FN_PARENT, 0, 0, 0);
	}
	call(FN_RESTORE, raised[0], raised[1], raised[2]);
	unhush(h);
	sigreturn(H->point);
}

__attribute__((used, noreturn)) void agent(void)
{
	u64 raised[3] = { 0 }; // an exception may be on its way at the point
	struct hushed h; // in the frozen stack, where a thaw finds it
	hush(&h);
	call(FN_FETCH, (u64)raised, (u64)(raised + 1), (u64)(raised + 2));
	if (H->hooks == HOOKS_RUN)
		fork_for_hooks(raised, &h);
	load_script();
	call(FN_BEFORE, 0, 0, 0);
	i64 pid = (i32)call(FN_FORK, 0, 0, 0);
	if (pid == 0) {
		if (thawing)
			after_fork(raised, &h);
		sys3(SYS_exit_group, 0, 0, 0); // nobody took it: pyfreeze is gone
	}
	if (pid > 0 && !H->forked)
		sys4(SYS_wait4, pid, 0, WALL, 0); // as above
	call(FN_PARENT, 0, 0, 0);
	call(FN_DECREF, H->script, 0, 0);
	call(FN_DECREF, H->learned, 0, 0);
	call(FN_RESTORE, raised[0], raised[1], raised[2]);
	unhush(&h);
	sigreturn(H->point);
}

// The main thread of a process that was frozen as it stood.
__attribute__((noreturn)) void on_main_stack(void)
{
	struct way *w = &H->ways[R.mode];
	u64 state = 0;
	if (w->flags & HEAD_EARLY)
		open_gate();
	if (w->way == WAY_ENSURE)
		state = call(FN_ENSURE, 0, 0, 0);
	struct hushed h;
	hush(&h);
	if (w->flags & HEAD_CHILD) {
		call(FN_BEFORE, 0, 0, 0);
		call(FN_CHILD, 0, 0, 0);
	}
	phase("the interpreter entered");
	u64 raised[3] = { 0 };
	call(FN_FETCH, (u64)raised, (u64)(raised + 1), (u64)(raised + 2));
	python(&h);
	call(FN_RESTORE, raised[0], raised[1], raised[2]);
	if (w->way == WAY_ENSURE)
		call(FN_RELEASE, state, 0, 0);
	if (w->relock) // the GIL: it was about to give it away
		*(i32 *)w->relock = 1;
	ready();
	open_gate();
	go_on();
}
