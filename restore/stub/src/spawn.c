// The tracer child: plants the stub into what its parent executes.
//
// The process that the user started becomes the interpreter itself (same pid, no parent left behind), so somebody else
// must hold the ptrace end: a child that shares the parent's memory until the execve, sends no signal when it ends, and is reaped by
// the thawed process. At the exec stop it maps room for the stub, copies it there, and lets it go.
#include "launch.h"

struct regs { // struct user_regs_struct
	u64 r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi, orig_rax, rip, cs, eflags, rsp, ss, fs_base, gs_base, ds, es, fs, gs;
};

enum { PT_CONT = 7, PT_STEP = 9, PT_GETREGS = 12, PT_SETREGS = 13, PT_DETACH = 17, PT_SEIZE = 0x4206 };
enum { O_TRACEEXEC = 0x10, EVENT_EXEC = 4, SIGTRAP_ = 5 };

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

// One step of the tracee; signals that come meanwhile are kept (the last of them) for the detach.
static i64 step(u64 pid, u64 *sig)
{
	for (;;) {
		if (ptrace(PT_STEP, pid, 0, 0) < 0)
			return -1;
		i64 st = wait_stop(pid);
		if (st < 0)
			return -1;
		if (st >> 16)
			continue;
		u64 s = (st >> 8) & 0xff;
		if (s == SIGTRAP_)
			return 0;
		*sig = s;
	}
}

// Runs one system call in the stopped tracee. The single step ends right after it.
static i64 remote(u64 pid, const struct regs *saved, u64 gate, u64 *sig, u64 nr, u64 a, u64 b, u64 c, u64 d, u64 e, u64 f)
{
	struct regs r = *saved;
	r.rip = gate;
	r.rax = nr;
	r.rdi = a;
	r.rsi = b;
	r.rdx = c;
	r.r10 = d;
	r.r8 = e;
	r.r9 = f;
	r.orig_rax = -1ul;
	if (ptrace(PT_SETREGS, pid, 0, (u64)&r) < 0 || step(pid, sig) < 0 || ptrace(PT_GETREGS, pid, 0, (u64)&r) < 0)
		return -1;
	return r.rax;
}

static i64 copy_to(u64 pid, u64 to, u64 from, u64 n)
{
	while (n) {
		struct { u64 p, n; } local = { from, n }, far = { to, n };
		i64 r = sys6(SYS_vm_writev, pid, (u64)&local, 1, (u64)&far, 1, 0);
		if (r <= 0)
			return -1;
		to += r, from += r, n -= r;
	}
	return 0;
}

// Plants the stub into a stopped tracee. Returns 0, or -1 where the plain command, which has begun, is to go on.
static i64 plant(struct spawn *a, const struct regs *saved, struct regs *to, u64 *sig)
{
	struct stub *s = (struct stub *)a->program;
	struct head *h = (struct head *)(a->program + s->used);
	struct run *run = (struct run *)a->run;
	u64 pid = a->tracee, gate = saved->rip + a->gate, tables = a->program_len - s->used, size = PAGES(s->end + tables);
	i64 r = remote(pid, saved, gate, sig, SYS_mmap, h->base, size, PROT_R | PROT_W, MAP_PRIVATE | MAP_ANON | MAP_NOREPLACE, -1ul, 0);
	if (r != (i64)h->base)
		return -1;
	run->stack = saved->rsp;
	run->child_pid = sys3(SYS_getpid, 0, 0, 0);
	if (copy_to(pid, h->base, a->program, s->used) < 0 || copy_to(pid, h->base + s->end, (u64)h, tables) < 0 ||
	    copy_to(pid, h->base + s->run, a->run, sizeof *run) < 0)
		return -1;
	if (remote(pid, saved, gate, sig, SYS_mprotect, h->base, s->text, PROT_R | PROT_X, 0, 0, 0))
		return -1;
	*to = *saved;
	to->rip = h->base + s->thaw;
	return 0;
}

// The plain command runs: say so where that was asked for, and leave it none of our descriptors.
static void give_up(struct spawn *a, const struct regs *saved, u64 *sig)
{
	static const char why[] = "pyfreeze: plain start: the stub could not be planted";
	struct run *run = (struct run *)a->run;
	i32 ours[3] = { run->image_fd, run->log_fd, run->verdict_fd };
	char line[1100];
	if (run->flags & RUN_VERBOSE) {
		u64 n = put(line, 0, why, sizeof line);
		sys3(SYS_write, 2, line, put(line, n, "\n", sizeof line));
	}
	if (run->log_fd >= 0) {
		u64 n = put(line, 0, run->log_fail, sizeof line);
		n = put(line, n, why + 23, sizeof line);
		sys3(SYS_write, run->log_fd, line, put(line, n, "\"}\n", sizeof line));
	}
	for (int i = 0; i < 3; i++)
		if (ours[i] >= 0)
			remote(a->tracee, saved, saved->rip + a->gate, sig, SYS_close, ours[i], 0, 0, 0, 0, 0);
}

static void steer(struct spawn *a)
{
	u64 pid = a->tracee, sig = 0;
	struct regs saved, to;
	for (;;) { // signals before the execve belong to the parent
		i64 st = wait_stop(pid);
		if (st < 0)
			return;
		if ((st >> 16) == EVENT_EXEC)
			break;
		ptrace(PT_CONT, pid, 0, (st >> 16) ? 0 : (st >> 8) & 0xff);
	}
	// The exec stop lies inside execve, whose end would overwrite rax. A step from there traps at that end, before any instruction.
	if (step(pid, &sig) < 0 || ptrace(PT_GETREGS, pid, 0, (u64)&saved) < 0)
		return;
	if (plant(a, &saved, &to, &sig) < 0) {
		give_up(a, &saved, &sig);
		to = saved;
	}
	to.orig_rax = -1ul;
	ptrace(PT_SETREGS, pid, 0, (u64)&to);
	ptrace(PT_DETACH, pid, 0, sig);
}

static void set_cpus(u64 *cpus) { sys3(SYS_sched_setaffinity, 0, 128, cpus); }

static void tell(struct spawn *a, u8 verdict, const char *which)
{
	char b[4097];
	u64 n = length(which);
	if (n > 4096)
		n = 4096;
	b[0] = verdict;
	copy(b + 1, which, n);
	sys3(SYS_write, a->verdict_fd, b, n + 1);
}

// Looks at the sources, on another processor where there is one, and ends.
static void __attribute__((noreturn)) check_apart(struct spawn *a)
{
	u64 cpus[16];
	const char *which = "";
	for (int i = 0; i < 16; i++)
		cpus[i] = ~0ul;
	if (a->cpu < 64 * 16)
		cpus[a->cpu / 64] &= ~(1ul << a->cpu % 64);
	set_cpus(cpus); // fails where there is no other: then here
	if (check_sources(a, &which))
		tell(a, VERDICT_FITS, "");
	else
		tell(a, VERDICT_STALE, which);
	sys3(SYS_exit, 0, 0, 0);
	__builtin_unreachable();
}

static void note_cpu(struct spawn *a)
{
	u32 cpu = 0;
	a->cpu = sys3(SYS_getcpu, &cpu, 0, 0) < 0 ? -1u : cpu;
}

// Called with all signals blocked. The child has memory of its own, as that of this process is
// about to go, and no exit signal.
i64 spawn_checker(struct spawn *a)
{
	note_cpu(a);
	i64 pid = sys6(SYS_clone, 0, 0, 0, 0, 0, 0);
	if (pid == 0)
		check_apart(a);
	return pid;
}

__attribute__((noinline, used)) static void child_main(struct spawn *a)
{
	// On the same processor: the two take turns, and waking another one takes longer than a turn.
	u64 cpus[16] = { 0 };
	if (a->cpu < 64 * 16) {
		cpus[a->cpu / 64] = 1ul << a->cpu % 64;
		set_cpus(cpus);
	}
	i64 r = ptrace(PT_SEIZE, a->tracee, 0, O_TRACEEXEC);
	a->error = -r;
	a->state = r < 0 ? 2 : 1;
	sys4(SYS_futex, &a->state, 1, 1, 0);
	if (r >= 0) {
		steer(a);
		check_apart(a); // the tracee is on its way, milliseconds from its first line of Python
	}
	sys3(SYS_exit, 0, 0, 0);
	__builtin_trap();
}

// Called with all signals blocked. The child starts with CLONE_VM and no exit signal: nobody who waits for ordinary
// children ever sees it.
i64 spawn_tracer(struct spawn *a)
{
	enum { CLONE_VM = 0x100 };
	u64 *sp = (u64 *)(a->stack_top & ~15ul);
	register u64 r10 __asm__("r10") = 0;
	register u64 r8 __asm__("r8") = 0;
	i64 pid;
	note_cpu(a);
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
