// The tracer child: steers one execve of its parent.
//
// The process that the user started becomes the interpreter itself (same pid, no parent left behind), so somebody else
// must hold the ptrace end: a child that shares the parent's memory until the execve, sends no signal when it ends, and is reaped by
// the thawed process. At the exec stop it maps stub and program, lets the stub's early part place the frozen memory, and goes.
#include "sys.h"

int same_sources(struct spawn_args *a);

struct regs { // struct user_regs_struct
	u64 r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi, orig_rax, rip, cs, eflags, rsp, ss, fs_base, gs_base, ds, es, fs, gs;
};

enum { PT_CONT = 7, PT_STEP = 9, PT_GETREGS = 12, PT_SETREGS = 13, PT_DETACH = 17, PT_SEIZE = 0x4206 };
enum { O_TRACEEXEC = 0x10, EVENT_EXEC = 4, SIGTRAP_ = 5, MAX_TRIES = 8 };

static i64 ptrace(u64 req, u64 pid, u64 addr, u64 data) { return sys4(SYS_ptrace, req, pid, addr, data); }

// Waits for the tracee to stop. Returns the status, or -1 when it is gone.
static i64 wait_stop(u64 pid)
{
	i32 status = 0;
	i64 r;
	do
		r = sys4(SYS_wait4, pid, &status, WALL, 0);
	while (r == -EINTR);
	if (r < 0 || (status & 0x7f) == 0 || (status & 0xff) != 0x7f)
		return -1;
	return (u32)status;
}

// Lets the tracee run to its next SIGTRAP; signals that come meanwhile are kept (the last of them) for the detach.
static i64 resume(u64 req, u64 pid, u64 *sig)
{
	for (;;) {
		if (ptrace(req, pid, 0, 0) < 0)
			return -1;
		i64 st = wait_stop(pid);
		if (st < 0)
			return -1;
		u64 s = (st >> 8) & 0xff;
		if (s == SIGTRAP_ && (st >> 16) == 0)
			return st;
		if ((st >> 16) == EVENT_EXEC)
			return st;
		if ((st >> 16) == 0)
			*sig = s;
	}
}

// Runs one system call in the stopped tracee. The single step ends right after it.
static i64 remote(u64 pid, struct regs *r, u64 *sig, i64 *status)
{
	*status = -1;
	r->orig_rax = -1ul;
	if (ptrace(PT_SETREGS, pid, 0, (u64)r) < 0)
		return -1;
	*status = resume(PT_STEP, pid, sig);
	struct regs after;
	if (*status < 0 || ptrace(PT_GETREGS, pid, 0, (u64)&after) < 0) {
		*status = -1;
		return -1;
	}
	return after.rax;
}

enum verdict { DONE, RETRY, PLAIN, GONE };

static enum verdict inject(struct spawn_args *a, struct regs *saved, u64 *sig)
{
	u64 pid = a->tracee;
	struct regs r = *saved;
	i64 st = -1;
	u64 gate = saved->rip + a->syscall_delta;
	struct run_block *run = (struct run_block *)a->run;

	r.rip = gate;
	r.rax = SYS_mmap;
	r.rdi = 0;
	r.rsi = a->map_len;
	r.rdx = PROT_R | PROT_W | PROT_X;
	r.r10 = MAP_PRIVATE;
	r.r8 = a->image_fd;
	r.r9 = a->map_off;
	i64 base = remote(pid, &r, sig, &st);
	run->verdict = base;
	if (st < 0)
		return GONE;
	if (base < 0 && base > -4096)
		return PLAIN;

	run->map_base = base;
	run->tracer_pid = sys3(SYS_getpid, 0, 0, 0);
	struct { u64 p, n; } local = { (u64)run, sizeof *run }, far = { base + a->run_off, sizeof *run };
	if (sys6(SYS_vm_writev, pid, (u64)&local, 1, (u64)&far, 1, 0) != sizeof *run)
		return PLAIN;

	r = *saved;
	r.orig_rax = -1ul;
	r.rip = base + a->stub_off + a->early_off;
	r.rdi = base + a->prog_off;
	r.rsi = base + a->run_off;
	r.rdx = saved->rsp;
	r.rcx = saved->rip - a->ld_entry;
	r.rsp = saved->rsp - 4096;
	if (ptrace(PT_SETREGS, pid, 0, (u64)&r) < 0)
		return GONE;
	st = resume(PT_CONT, pid, sig);
	if (st < 0 || ptrace(PT_GETREGS, pid, 0, (u64)&r) < 0)
		return GONE;
	run->verdict = r.rax;
	if (r.rax != 0 && run->attempts < MAX_TRIES) // the layout collides, or another refusal: start afresh
		return RETRY;
	return r.rax == 0 ? DONE : RETRY;
}

// Starts the same command again in the same process, from registers as they were at the exec stop.
static i64 again(struct spawn_args *a, struct regs *saved, u64 *sig)
{
	struct regs r = *saved;
	u64 stack = saved->rsp;
	u64 argc;
	i64 st;
	struct { u64 p, n; } local = { (u64)&argc, 8 }, far = { stack, 8 };
	if (sys6(SYS_vm_readv, a->tracee, (u64)&local, 1, (u64)&far, 1, 0) != 8)
		return -1;
	const char *path = (const char *)a->exe_path;
	u64 n = length(path) + 1;
	struct { u64 p, n; } src = { (u64)path, n }, dst = { stack - 8192, n };
	if (n > 4096 || sys6(SYS_vm_writev, a->tracee, (u64)&src, 1, (u64)&dst, 1, 0) != (i64)n)
		return -1;
	r.rip = saved->rip + a->syscall_delta;
	r.rax = SYS_execve;
	r.rdi = stack - 8192;
	r.rsi = stack + 8;
	r.rdx = stack + 8 + (argc + 1) * 8;
	r.orig_rax = -1ul;
	if (ptrace(PT_SETREGS, a->tracee, 0, (u64)&r) < 0)
		return -1;
	st = resume(PT_CONT, a->tracee, sig);
	return st >= 0 && (st >> 16) == EVENT_EXEC ? st : -1;
}

// The command runs plain: say so where that was asked for, and leave it none of our descriptors.
static void give_up(struct spawn_args *a, struct regs *saved, u64 *sig)
{
	struct run_block *run = (struct run_block *)a->run;
	static const char what[] = "pyfreeze: plain start: the memory of the image could not be placed, error ";
	char line[128], *p = line + sizeof what - 1;
	u64 v = run->verdict < 0 ? -run->verdict : run->verdict;
	copy(line, what, sizeof what - 1);
	for (int shift = 12; shift >= 0; shift -= 4)
		*p++ = "0123456789abcdef"[v >> shift & 15];
	if (run->flags & RUN_VERBOSE) {
		*p++ = '\n';
		sys3(SYS_write, 2, line, p - line);
		p--;
	}
	if (run->log_fd >= 0) {
		u64 n = length(run->log_fail);
		char rec[sizeof run->log_fail + 160];
		copy(rec, run->log_fail, n);
		copy(rec + n, line + 10, p - line - 10);
		n += p - line - 10;
		copy(rec + n, "\"}\n", 3);
		sys3(SYS_write, run->log_fd, rec, n + 3);
	}
	for (int i = 0; i < 2; i++) {
		struct regs r = *saved;
		i64 st;
		r.rip = saved->rip + a->syscall_delta;
		r.rax = SYS_close;
		r.rdi = i ? run->image_fd : run->log_fd;
		if ((i32)r.rdi >= 0)
			remote(a->tracee, &r, sig, &st);
	}
	if (run->personality != PERSONALITY_KEPT) { // the plain command's own layout is another
		struct regs r = *saved;
		i64 st;
		r.rip = saved->rip + a->syscall_delta;
		r.rax = SYS_personality;
		r.rdi = run->personality;
		remote(a->tracee, &r, sig, &st);
		again(a, saved, sig);
		return;
	}
	ptrace(PT_SETREGS, a->tracee, 0, (u64)saved);
}

static void steer(struct spawn_args *a)
{
	u64 pid = a->tracee, sig = 0;
	struct run_block *run = (struct run_block *)a->run;
	for (;;) { // signals before the execve belong to the parent
		i64 st = wait_stop(pid);
		if (st < 0)
			return;
		if ((st >> 16) == EVENT_EXEC)
			break;
		ptrace(PT_CONT, pid, 0, (st >> 16) ? 0 : (st >> 8) & 0xff);
	}
	for (;;) {
		struct regs saved;
		// The exec stop lies inside execve, whose end would overwrite rax. A step from
		// there traps at that end, before any instruction.
		if (resume(PT_STEP, pid, &sig) < 0)
			return;
		if (ptrace(PT_GETREGS, pid, 0, (u64)&saved) < 0)
			return;
		if (run->attempts >= MAX_TRIES) {
			give_up(a, &saved, &sig);
			break;
		}
		run->attempts++;
		enum verdict v = inject(a, &saved, &sig);
		if (v == GONE)
			return;
		if (v == RETRY) {
			if (again(a, &saved, &sig) < 0)
				return;
			continue;
		}
		if (v == PLAIN)
			give_up(a, &saved, &sig);
		else if (ptrace(PT_SETREGS, pid, 0, (u64)&saved) < 0)
			return;
		break;
	}
	ptrace(PT_DETACH, pid, 0, sig);
}

static void wake(struct spawn_args *a, u32 state)
{
	a->state = state;
	sys4(SYS_futex, &a->state, 1, 1, 0);
}

__attribute__((noinline, used)) static void child_main(struct spawn_args *a)
{
	// On the same processor: the two take turns, and waking another one takes longer than a turn.
	u64 cpus[16] = { 0 };
	if (a->cpu < 64 * 16) {
		cpus[a->cpu / 64] = 1ul << a->cpu % 64;
		sys3(SYS_sched_setaffinity, 0, sizeof cpus, cpus);
	}
	i64 r = ptrace(PT_SEIZE, a->tracee, 0, O_TRACEEXEC);
	a->error = -r;
	wake(a, r < 0 ? 2 : 1);
	if (r >= 0)
		steer(a);
	// The tracee is on its way, milliseconds from its first line of Python: time to look at the sources, elsewhere.
	for (int i = 0; i < 16; i++)
		cpus[i] = ~0ul;
	if (a->cpu < 64 * 16)
		cpus[a->cpu / 64] &= ~(1ul << a->cpu % 64);
	sys3(SYS_sched_setaffinity, 0, sizeof cpus, cpus); // fails where there is no other: then here
	sys3(SYS_exit, r < 0 || same_sources(a) ? 0 : STALE, 0, 0);
	__builtin_trap();
}

// Called by the parent with all signals blocked. Returns 0 when the tracer child holds the parent, else -errno.
// The child starts with CLONE_VM and no exit signal: nobody who waits for ordinary children ever sees it.
__attribute__((used)) i64 stub_spawn(struct spawn_args *a)
{
	enum { CLONE_VM = 0x100 };
	u64 *sp = (u64 *)(a->stack_top & ~15ul);
	register u64 r10 __asm__("r10") = 0;
	register u64 r8 __asm__("r8") = 0;
	i64 pid;
	u32 cpu = 0;
	a->cpu = sys3(SYS_getcpu, &cpu, 0, 0) < 0 ? -1ul : cpu;
	// With Yama only a descendant may be traced unless it agrees. Without Yama this is EINVAL.
	sys3(SYS_prctl, PR_SET_PTRACER, -1ul, 0);
	__asm__ volatile(
		"mov %[arg], %%r12\n\t"
		"syscall\n\t"
		"test %%rax, %%rax\n\t"
		"jnz 1f\n\t"
		"xor %%ebp, %%ebp\n\t"
		"mov %%r12, %%rdi\n\t"
		"call child_main\n\t"
		"ud2\n"
		"1:"
		: "=a"(pid)
		: "0"(SYS_clone), "D"(CLONE_VM), "S"(sp), "d"(0), "r"(r10), "r"(r8), [arg] "b"(a)
		: "rcx", "r11", "r12", "memory");
	if (pid < 0)
		return pid;
	a->child = pid;
	while (a->state == 0)
		sys4(SYS_futex, &a->state, 0, 0, 0);
	if (a->state == 2) {
		sys4(SYS_wait4, pid, 0, WALL, 0);
		return -a->error;
	}
	return 0;
}
