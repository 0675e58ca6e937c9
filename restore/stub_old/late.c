// Runs in place of the interpreter's entry point, once ld.so is done: carries out the thaw program.
#include "state.h"
#include "report.h"
#include "extensions.h"

static u64 R[NREG] = { 1 };
static char **argv_, **envp_;

// Gives up: the plain command takes this process over, as if pyfreeze had not been there. n, if not -1, is told with the reason.
static void __attribute__((noreturn)) plain(const char *what, u64 n)
{
	struct prog *p = S.prog;
	log_failure(what, n);
	sys3(SYS_execve, AT(char, p->exe_path), S.stack + 1, S.stack + 1 + S.stack[0] + 1);
	say("pyfreeze: the plain command could not be started either\n");
	sys3(SYS_exit_group, 125, 0, 0);
	__builtin_unreachable();
}

// A launcher's image is stale: whoever can make a new one takes over, with the user's arguments, and starts the plain command.
static void again(const char *what)
{
	struct run_block *r = S.run;
	u64 argc = S.stack[0], n = 0, at = 0;
	if (!r->again[0] || r->skip > argc)
		return;
	char **argv = (char **)sys6(SYS_mmap, 0, (argc + 5) * sizeof(char *), PROT_R | PROT_W, MAP_PRIVATE | MAP_ANON, -1, 0);
	if ((i64)argv < 0 && (i64)argv > -4096)
		return;
	for (; r->again[at]; at += length(r->again + at) + 1)
		argv[n++] = r->again + at;
	for (u64 i = r->skip; i < argc; i++)
		argv[n++] = (char *)S.stack[1 + i];
	log_failure(what, -1);
	sys3(SYS_execve, argv[0], argv, S.stack + 1 + argc + 1);
	r->log_fd = -1; // it has been told
}

static u64 fresh_of(u64 lib, const char *what)
{
	struct lib *l = AT(struct lib, S.prog->libs) + lib;
	if (lib >= S.prog->nlibs || !l->fresh)
		plain(what, lib);
	return l->fresh;
}

static u64 libc_fn(u64 off) { return AT(struct lib, S.prog->libs)[S.prog->libc].fresh + off; }

// ---- the malloc filter: blocks of the frozen heap belong to no allocator of this process

static u64 frozen_end(u64 p)
{
	const struct range *r = AT(struct range, S.prog->ranges);
	u32 lo = 0, hi = S.prog->nranges;
	while (lo < hi) {
		u32 mid = (lo + hi) / 2;
		if (p >= r[mid].hi)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < S.prog->nranges && p >= r[lo].lo ? r[lo].hi : 0;
}

// glibc's chunk header stays before each block: size and flags (2: mmapped, with one word more of header).
static u64 usable(u64 p, u64 end)
{
	u64 size = *(u64 *)(p - 8), n = (size & ~7ul) - ((size & 2) ? 16 : 8);
	return n > end - p ? end - p : n;
}

static void filter_free(u64 p)
{
	if (p && !frozen_end(p))
		((void (*)(u64))libc_fn(S.prog->f_free))(p);
}

static u64 filter_realloc(u64 p, u64 n)
{
	u64 end = p ? frozen_end(p) : 0;
	if (!end)
		return ((u64 (*)(u64, u64))libc_fn(S.prog->f_realloc))(p, n);
	if (n == 0)
		return 0;
	u64 q = ((u64 (*)(u64))libc_fn(S.prog->f_malloc))(n), old = usable(p, end);
	if (q)
		copy((void *)q, (void *)p, old < n ? old : n);
	return q;
}

static u64 filter_usable(u64 p)
{
	u64 end = p ? frozen_end(p) : 0;
	return end ? usable(p, end) : ((u64 (*)(u64))libc_fn(S.prog->f_usable))(p);
}

// ---- the program

static u64 operand(struct op *o, int i)
{
	u64 v = o->a[i];
	switch (o->kind[i]) {
	case K_REG:
		return R[v % NREG];
	case K_LIB:
		return fresh_of(v >> 48, "library not loaded") + (v & 0xfffffffffffful);
	case K_PROG:
		return (u64)S.prog + v;
	}
	return v;
}

static int map_fixed(u64 addr, u64 len, u64 off, u64 prot)
{
	return sys6(SYS_mmap, addr, len, prot, MAP_PRIVATE | MAP_FIXED, S.run->image_fd, off) == (i64)addr ? 0 : -1;
}

static int pread_all(u64 addr, u64 len, u64 off)
{
	while (len) {
		i64 n = sys4(SYS_pread, S.run->image_fd, addr, len, off);
		if (n == -EINTR)
			continue;
		if (n <= 0)
			return -1;
		addr += n, off += n, len -= n;
	}
	return 0;
}

static int relocate(u64 *t, u64 n)
{
	struct lib *l = AT(struct lib, S.prog->libs);
	for (; n; n--, t++) {
		struct lib *k = l + (*t >> 48);
		if (!k->fresh)
			return -1;
		*(u64 *)(*t & 0xfffffffffffful) += k->fresh - k->base;
	}
	return 0;
}

static void set_filter(u64 *t, u64 n, u64 which)
{
	u64 fn = which == 0 ? (u64)filter_free : which == 1 ? (u64)filter_realloc : which == 2 ? (u64)filter_usable :
		which == 3 ? (u64)filter_dlopen : (u64)filter_dlsym;
	for (; n; n--, t++)
		*(u64 *)*t = fn;
}

// Signals that this process was started with as ignored.
static u64 ignored(void)
{
	u64 mask = 0;
	for (u64 n = 1; n <= 64; n++) {
		u64 act[4] = { 0 };
		if (sys4(SYS_sigaction, n, 0, act, 8) == 0 && act[0] == 1)
			mask |= 1ul << (n - 1);
	}
	return mask;
}

// Keeps a descriptor number from being used, unless the caller passed it on.
static void reserve(i32 fd)
{
	enum { F_GETFD = 1, O_RDWR = 2 };
	if (sys3(SYS_fcntl, fd, F_GETFD, 0) >= 0)
		return;
	i32 n = sys4(SYS_openat, AT_FDCWD, "/dev/null", O_RDWR | O_CLOEXEC, 0);
	if (n < 0 || n == fd)
		return;
	sys3(SYS_dup3, n, fd, O_CLOEXEC);
	sys3(SYS_close, n, 0, 0);
}

static u64 call(u64 f, u64 a, u64 b, u64 c, u64 d, u64 e) { return ((u64 (*)(u64, u64, u64, u64, u64))f)(a, b, c, d, e); }

static void args(u64 dst)
{
	char *start = argv_[0], *last = start;
	for (char **p = argv_; *p; p++)
		last = *p;
	for (char **p = envp_; *p; p++)
		last = *p;
	R[dst % NREG] = (u64)start;
	R[(dst + 1) % NREG] = last + length(last) + 1 - start;
}

// Waits for the tracer child, which has looked at the source files meanwhile.
static void reap(void)
{
	static char stale[sizeof S.run->stale + 64] = "the image does not fit: ";
	i32 status = 0;
	while (sys4(SYS_wait4, S.run->tracer_pid, &status, WALL, 0) == -EINTR)
		;
	if (status != STALE << 8)
		return;
	u64 n = length(stale), m = length(S.run->stale);
	copy(stale + n, S.run->stale, m);
	copy(stale + n + m, " has changed since", 19);
	again(stale);
	plain(stale, -1);
}

static int stub_main(int argc, char **argv, char **envp)
{
	struct prog *p = S.prog;
	argv_ = argv;
	envp_ = envp;
	R[R_ARGC] = argc;
	R[R_FLAGS] = S.run->flags;
	struct op *ops = AT(struct op, p->ops);
	for (u32 i = 0; i < p->nops; i++) {
		struct op *o = &ops[i];
		u64 v[6], failed = 0;
		for (int k = 0; k < 6; k++)
			v[k] = operand(o, k);
		switch (o->code) {
		case OP_CALL:
			R[o->dst % NREG] = call(v[0], v[1], v[2], v[3], v[4], v[5]);
			break;
		case OP_SYSCALL:
			R[o->dst % NREG] = sys6(v[0], v[1], v[2], v[3], v[4], v[5], 0);
			break;
		case OP_STORE64:
			*(u64 *)v[0] = v[1];
			break;
		case OP_STORE32:
			*(u32 *)v[0] = v[1];
			break;
		case OP_LOAD64:
			R[o->dst % NREG] = *(u64 *)v[0];
			break;
		case OP_SKIPZ:
			i += v[0] ? 0 : v[1];
			break;
		case OP_SKIPNZ:
			i += v[0] ? v[1] : 0;
			break;
		case OP_FAILZ:
			failed = !v[0];
			break;
		case OP_FAILNZ:
			failed = v[0] != 0;
			break;
		case OP_FALLBACK:
			plain((char *)v[0], -1ul);
		case OP_MAP:
			failed = map_fixed(v[0], v[1], v[2], v[3]);
			break;
		case OP_PREAD:
			failed = pread_all(v[0], v[1], v[2]);
			break;
		case OP_SAVE:
			for (u64 k = 0; k < v[1]; k++)
				((u64 *)v[2])[k] = *(u64 *)((u64 *)v[0])[k];
			break;
		case OP_RESTORE:
			for (u64 k = 0; k < v[1]; k++)
				*(u64 *)((u64 *)v[0])[k] = ((u64 *)v[2])[k];
			break;
		case OP_RELOC:
			failed = relocate((u64 *)v[0], v[1]);
			break;
		case OP_FILTER:
			set_filter((u64 *)v[0], v[1], v[2]);
			break;
		case OP_EXTENSIONS:
			extensions((struct export *)v[0], v[1], v[2], v[3]);
			break;
		case OP_LIBAT:
			failed = fresh_of(v[0], "library not loaded") != AT(struct lib, p->libs)[v[0]].base;
			break;
		case OP_UNHOOK:
			failed = patch_sites(0);
			break;
		case OP_ARGS:
			args(o->dst);
			break;
		case OP_SIGIGN:
			R[o->dst % NREG] = ignored();
			break;
		case OP_THREAD:
			__asm__("mov %%fs:0x10, %0" : "=r"(R[o->dst % NREG]));
			break;
		case OP_PHASE:
			phase((char *)v[0]);
			break;
		case OP_READY:
			reap();
			log_success();
			sys3(SYS_close, S.run->image_fd, 0, 0);
			break;
		case OP_RESERVE:
			reserve(v[0]);
			break;
		case OP_AND:
			R[o->dst % NREG] = v[0] & v[1];
			break;
		case OP_SUB:
			R[o->dst % NREG] = v[0] - v[1];
			break;
		case OP_DIE:
			sys3(SYS_exit_group, v[0], 0, 0);
		}
		if (failed)
			plain("thaw program stopped at step", i);
	}
	sys3(SYS_exit_group, 125, 0, 0);
	return 125;
}

__attribute__((used, noreturn)) hidden void late(u64 *stack, u64 fini)
{
	struct prog *p = S.prog;
	*S.entry_slot = p->exe_entry + (p->exe < p->nlibs ? AT(struct lib, p->libs)[p->exe].fresh : 0);
	fresh_of(p->libc, "no libc");
	if (S.run->comm[0])
		sys3(SYS_prctl, PR_SET_NAME, S.run->comm, 0);
	phase("kernel and ld.so");
	// The way _start enters libc: its main thread is set up properly, the program's own constructors run.
	((void (*)(void *, u64, u64 *, u64, u64, u64, u64 *))libc_fn(p->start_main))(stub_main, stack[0], stack + 1, 0, 0, fini, stack);
	__builtin_trap();
}
