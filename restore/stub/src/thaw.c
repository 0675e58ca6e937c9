// A thaw: this process becomes the frozen one. Everything in user space goes, and the frozen memory takes its
// place; what the kernel keeps of a process is set to what it was; then the frozen threads go on.
#include "stub.h"

struct run R;
u64 thawing;
struct fresh fresh;
static int changed; // signal actions have been set

void make_thread(u64 flags, u64 stack, u64 clear_at, u64 fs, struct thread *t);
void __attribute__((noreturn)) switch_to(u64 stack, void (*f)(void));
void __attribute__((noreturn)) on_main_stack(void);

// Waits for the child that looks at the sources.
void reap_child(void)
{
	u64 pending = 0, chld = 1ul << (SIGCHLD_ - 1), zero[2] = { 0 };
	if (!R.child_pid)
		return;
	while (sys4(SYS_wait4, R.child_pid, 0, WALL, 0) == -EINTR)
		;
	R.child_pid = 0;
	// Its end sent a signal that the plain command would not have had.
	sys3(SYS_sigpending, &pending, 8, 0);
	if (pending & ~R.signals & chld)
		sys4(SYS_sigtimedwait, &chld, 0, zero, 8);
}

// Another program takes over, which is to find nothing of ours.
static void forget_launch(void)
{
	i32 *fds[3] = { &R.image_fd, &R.log_fd, &R.verdict_fd };
	for (int i = 0; i < 3; i++) {
		if (*fds[i] >= 0)
			sys3(SYS_close, *fds[i], 0, 0);
		*fds[i] = -1;
	}
	if (R.child_pid)
		sys3(SYS_kill, R.child_pid, 9, 0);
	reap_child();
}

// The plain command of a program that a wrapper starts is the wrapper, with the user's arguments.
static void start_wrapper(void)
{
	u64 argc = fresh.argc, n = 0;
	char **argv = (char **)sys6(SYS_mmap, 0, (argc + H->nplain + 1) * sizeof(char *), PROT_R | PROT_W,
		MAP_PRIVATE | MAP_ANON, -1, 0);
	char *path = AT(char, H->plain), *word = path + length(path) + 1;
	if (FAILED(argv))
		return;
	for (u32 i = 1; i < H->nplain; i++, word += length(word) + 1)
		argv[n++] = word;
	for (u64 i = R.skip; i < argc; i++)
		argv[n++] = fresh.argv[i];
	sys3(SYS_execve, path, argv, fresh.envp);
}

// As this process was given to us, for what is executed in it.
static void give_back(void)
{
	for (u64 s = 1; changed && s <= 64; s++) {
		u64 dfl[4] = { 0 };
		if (!(fresh.ignored >> (s - 1) & 1))
			sys4(SYS_sigaction, s, dfl, 0, 8);
	}
	forget_descriptors();
	forget_launch();
	sys4(SYS_sigprocmask, SIG_SETMASK, &fresh.mask, 0, 8);
}

void __attribute__((noreturn)) plain(const char *what, i64 n)
{
	static char broken[] = "pyfreeze: the plain command could not be started either\n";
	log_failure(what, n);
	give_back();
	if (H->nplain && R.skip <= fresh.argc)
		start_wrapper();
	else
		sys3(SYS_execve, AT(char, H->exe), fresh.argv, fresh.envp);
	say(broken);
	sys3(SYS_exit_group, 125, 0, 0);
	__builtin_unreachable();
}

// The launcher takes over once more, with the user's arguments. how, if not 0, takes the place of
// --stale.
static void launch_again(const char *what, const char *how)
{
	enum { HOW = 2 };
	u64 argc = fresh.argc, n = 0, at = 0;
	char **argv = (char **)sys6(SYS_mmap, 0, (argc + 8) * sizeof(char *), PROT_R | PROT_W, MAP_PRIVATE | MAP_ANON, -1, 0);
	if (!R.again[0] || R.skip > argc || FAILED(argv))
		return;
	for (; R.again[at] && n < 6; at += length(R.again + at) + 1)
		argv[n++] = R.again + at;
	if (how)
		argv[HOW] = (char *)how;
	else
		log_failure(what, -1);
	for (u64 i = R.skip; i < argc; i++)
		argv[n++] = fresh.argv[i];
	give_back();
	sys3(SYS_execve, argv[0], argv, fresh.envp);
}

// A launcher's image is stale: the launcher starts the plain command, and has a new one made.
void __attribute__((noreturn)) stale(const char *what)
{
	launch_again(what, 0);
	plain(what, -1);
}

// A launcher's image is for what is not so here: the launcher takes another, and that one tells the
// log.
void __attribute__((noreturn)) other(const char *what)
{
	launch_again(what, "--other");
	plain(what, -1);
}

// Copies arguments and environment to where they stay. One after the other, as the kernel lays them out.
static void take_words(void)
{
	u64 *sp = (u64 *)R.stack;
	char **argv = (char **)(sp + 1), **envp = argv + sp[0] + 1;
	u64 argc = sp[0], nenv = 0, size = 0;
	if (R.argv) {
		argc = R.argc;
		argv = (char **)R.argv;
		envp = (char **)R.envp;
	}
	for (u64 i = 0; i < argc; i++)
		size += length(argv[i]) + 1;
	for (; envp[nenv]; nenv++)
		size += length(envp[nenv]) + 1;
	u64 room = PAGES((argc + nenv + 2) * sizeof(char *) + size + 1), base = (u64)stub_start + REGION_ARGS;
	fresh.argv = argv; // until then
	fresh.envp = envp;
	fresh.argc = argc;
	i64 r = sys6(SYS_mmap, base, room, PROT_R | PROT_W, MAP_PRIVATE | MAP_ANON | MAP_NOREPLACE, -1, 0);
	if (r != (i64)base)
		plain("no room for the arguments", r);
	char **p = (char **)base, *w = (char *)(p + argc + nenv + 2);
	fresh.words = w;
	fresh.argv = p;
	for (u64 i = 0; i < argc; i++) {
		u64 n = length(argv[i]) + 1;
		copy(w, argv[i], n);
		*p++ = w;
		w += n;
	}
	*p++ = 0;
	fresh.env_at = w - fresh.words;
	fresh.envp = p;
	for (u64 i = 0; i < nenv; i++) {
		u64 n = length(envp[i]) + 1;
		copy(w, envp[i], n);
		*p++ = w;
		w += n;
	}
	*p = 0;
	fresh.words_len = w - fresh.words;
}

static void take_signals(void)
{
	u64 all = ~0ul;
	sys4(SYS_sigprocmask, SIG_SETMASK, &all, &fresh.mask, 8);
	for (u64 n = 1; n <= 64; n++) {
		u64 act[4] = { 0 };
		if (sys4(SYS_sigaction, n, 0, act, 8) == 0 && act[0] == 1)
			fresh.ignored |= 1ul << (n - 1);
	}
}

// ---- the vDSO: its code is this kernel's, at the frozen place

static u64 fresh_vdso, vdso_stays;

static u64 auxiliary(u64 type)
{
	u64 *p = (u64 *)R.stack + 1;
	p += ((u64 *)R.stack)[0] + 1;
	while (*p++)
		;
	for (; *p; p += 2)
		if (*p == type)
			return p[1];
	return 0;
}

static void keep_vdso(void)
{
	enum { AT_SYSINFO_EHDR = 33 };
	u64 text = H->nvdso - 1, away = (u64)stub_start + REGION_VDSO;
	fresh_vdso = auxiliary(AT_SYSINFO_EHDR);
	if (!H->nvdso)
		return;
	if (!fresh_vdso || crc32c(0, (u8 *)fresh_vdso, H->vdso[text][1]) != H->vdso_sum)
		stale("the image does not fit: it is of another kernel");
	for (u64 i = 0; i < H->nvdso; i++) {
		u64 at = H->vdso[i][0] - H->vdso[text][0] + fresh_vdso, len = H->vdso[i][1];
		i64 r = sys6(SYS_mremap, at, len, len, MREMAP_MAYMOVE | MREMAP_FIXED, away + (H->vdso[i][0] - H->vdso[0][0]), 0);
		if (FAILED(r) && i)
			plain("the vDSO could not be moved", r);
		if (FAILED(r)) { // sealed: it stays where it is, and words that point to it are changed
			vdso_stays = 1;
			return;
		}
	}
}

static void put_vdso(void)
{
	u64 away = (u64)stub_start + REGION_VDSO;
	for (u64 i = 0; i < H->nvdso && !vdso_stays; i++) {
		u64 len = H->vdso[i][1];
		i64 r = sys6(SYS_mremap, away + (H->vdso[i][0] - H->vdso[0][0]), len, len, MREMAP_MAYMOVE | MREMAP_FIXED, H->vdso[i][0], 0);
		if (FAILED(r))
			plain("the vDSO could not be moved", r);
	}
}

static void relocate_vdso(void)
{
	u64 *w = AT(u64, H->words), delta = fresh_vdso - H->vdso[H->nvdso - 1][0];
	for (u32 i = 0; vdso_stays && i < H->nwords; i++) {
		u64 at = w[i] & ~7ul, page = at & -(u64)PAGE;
		if (w[i] & 1)
			sys3(SYS_mprotect, page, PAGE, PROT_R | PROT_W);
		*(u64 *)at += delta;
		if (w[i] & 1)
			sys3(SYS_mprotect, page, PAGE, PROT_R);
	}
}

// ---- memory

static void unmap(u64 from, u64 to)
{
	i64 r = from < to ? sys3(SYS_munmap, from, to - from, 0) : 0;
	if (FAILED(r))
		plain("the memory of the launcher could not be given back", r);
}

static void clear_space(void)
{
	u64 base = (u64)stub_start, end = base + REGION, lo = TASK_END, hi = TASK_END;
	if (vdso_stays) {
		u64 text = H->nvdso - 1;
		lo = fresh_vdso - (H->vdso[text][0] - H->vdso[0][0]);
		hi = fresh_vdso + H->vdso[text][1];
		for (u32 i = 0; i < H->nops; i++) {
			struct op *o = AT(struct op, H->ops) + i;
			if (o->kind != OP_OPEN && o->addr < hi && o->addr + o->len > lo)
				plain("the vDSO is in the way", -1);
		}
		if (lo < end)
			plain("the vDSO is in the way", -1);
	}
	unmap(0, base);
	unmap(end, lo);
	unmap(hi, TASK_END);
}

static i64 open_same(struct file *f, i64 flags)
{
	u64 st[18];
	i64 fd = sys4(SYS_openat, AT_FDCWD, AT(char, f->path), flags, 0);
	if (FAILED(fd))
		return fd;
	// struct stat: st_ino at 8, st_size at 48, st_mtim at 88
	if (f->size != ~0ul && (sys3(SYS_fstat, fd, st, 0) < 0 || st[1] != f->ino || st[6] != f->size || st[11] * 1000000000ul + st[12] != f->mtime_ns)) {
		sys3(SYS_close, fd, 0, 0);
		return -ESTALE_;
	}
	return fd;
}

void __attribute__((noreturn)) not_same(const char *path)
{
	stale(reason("the image does not fit: ", path, " has changed since"));
}

i64 open_file(u32 off, i64 flags)
{
	i64 fd = open_same(AT(struct file, off), flags);
	if (FAILED(fd))
		not_same(AT(char, AT(struct file, off)->path));
	return fd;
}

// The main stack is one mapping, as far as the limit lets it grow, so that nothing else comes to lie there.
static i64 place_stack(u32 prot)
{
	enum { MOST = 64 << 20, LEAST = 1 << 20 };
	u64 limit[2] = { 8 << 20, 0 }, end = H->stack_end, used = end - H->stack_low, flags = 0;
	sys3(SYS_getrlimit, RLIMIT_STACK, limit, 0);
	u64 size = limit[0] & -(u64)PAGE;
	if (limit[0] > MOST) {
		size = MOST;
		flags = MAP_GROWSDOWN;
	}
	if (size < used + LEAST)
		size = used + LEAST;
	if (size > end - H->stack_floor)
		size = end - H->stack_floor;
	return sys6(SYS_mmap, end - size, size, prot, MAP_PRIVATE | MAP_ANON | MAP_FIXED | MAP_NORESERVE | flags, -1, 0) - (end - size);
}

static i64 read_all(u64 addr, u64 len, u64 off)
{
	while (len) {
		i64 n = sys4(SYS_pread, R.image_fd, addr, len, off);
		if (n == -EINTR)
			continue;
		if (n <= 0)
			return n ? n : -5;
		addr += n, off += n, len -= n;
	}
	return 0;
}

static void place_memory(void)
{
	i64 file = -1, r;
	for (u32 i = 0; i < H->nops; i++) {
		struct op *o = AT(struct op, H->ops) + i;
		r = 0;
		switch (o->kind) {
		case OP_OPEN:
			if (file >= 0)
				sys3(SYS_close, file, 0, 0);
			file = open_file(o->off, O_CLOEXEC);
			break;
		case OP_FILE:
			r = sys6(SYS_mmap, o->addr, o->len, o->prot, o->flags | MAP_FIXED, file, o->off) - o->addr;
			break;
		case OP_ANON:
			r = sys6(SYS_mmap, o->addr, o->len, o->prot, o->flags | MAP_FIXED | MAP_ANON, -1, 0) - o->addr;
			break;
		case OP_IMAGE:
			r = sys6(SYS_mmap, o->addr, o->len, o->prot, MAP_PRIVATE | MAP_FIXED, R.image_fd, o->off) - o->addr;
			break;
		case OP_READ:
			r = read_all(o->addr, o->len, o->off);
			break;
		case OP_STACK:
			r = place_stack(o->prot);
			break;
		case OP_PROTECT:
			r = sys3(SYS_mprotect, o->addr, o->len, o->prot);
			break;
		case OP_ADVISE:
			sys3(SYS_madvise, o->addr, o->len, o->flags);
			break;
		}
		if (r)
			plain("the memory of the image could not be placed", FAILED(r) ? r : -(i64)EEXIST);
	}
	if (file >= 0)
		sys3(SYS_close, file, 0, 0);
}

// ---- what the kernel keeps of the process

static void own_ids(u64 *v, u64 words)
{
	enum { AT_UID = 11, AT_EUID, AT_GID, AT_EGID, AT_SYSINFO_EHDR = 33 };
	for (; words >= 2 && *v; v += 2, words -= 2) {
		if (*v == AT_UID)
			v[1] = sys3(SYS_getuid, 0, 0, 0);
		else if (*v == AT_EUID)
			v[1] = sys3(SYS_geteuid, 0, 0, 0);
		else if (*v == AT_GID)
			v[1] = sys3(SYS_getgid, 0, 0, 0);
		else if (*v == AT_EGID)
			v[1] = sys3(SYS_getegid, 0, 0, 0);
		else if (*v == AT_SYSINFO_EHDR && vdso_stays)
			v[1] = fresh_vdso;
	}
}

static void set_mm(void)
{
	struct { u64 v[11], auxv; u32 size, exe; } mm;
	u64 words = (u64)fresh.words;
	for (int i = 0; i < 7; i++)
		mm.v[i] = H->mm[i];
	mm.v[7] = words;
	mm.v[8] = mm.v[9] = words + fresh.env_at;
	mm.v[10] = words + fresh.words_len;
	mm.auxv = (u64)AT(char, H->auxv);
	mm.size = H->auxv_len;
	mm.exe = -1;
	own_ids(AT(u64, H->auxv), H->auxv_len / 8);
	if (H->auxv_at)
		own_ids((u64 *)H->auxv_at, H->auxv_len / 8);
	i64 exe = -1;
	if (R.flags & RUN_EXE) {
		exe = sys4(SYS_openat, AT_FDCWD, AT(char, H->exe), O_CLOEXEC, 0);
		if (FAILED(exe))
			plain("the interpreter could not be opened", exe);
		mm.exe = exe;
	}
	i64 r = sys6(SYS_prctl, PR_SET_MM, PR_SET_MM_MAP, (u64)&mm, sizeof mm, 0, 0);
	if (FAILED(r))
		plain("the kernel does not take the layout of the memory", r);
	if (exe >= 0)
		sys3(SYS_close, exe, 0, 0);
}

static void set_actions(void)
{
	u64 (*a)[4] = AT(void, H->actions);
	changed = 1;
	for (u64 n = 1; n <= 64; n++, a++) {
		u64 bit = 1ul << (n - 1), ign[4] = { 1, 0, 0, 0 }, dfl[4] = { 0 }, *to = *a;
		// What the program had inherited it inherits from others now.
		if ((*a)[0] == 0 || ((*a)[0] == 1 && H->start_ignored & bit))
			to = fresh.ignored & bit ? ign : dfl;
		if (to[0] || fresh.ignored & bit)
			sys4(SYS_sigaction, n, to, 0, 8);
	}
}

static void adopt_rseq(struct thread *t)
{
	if (!t->rseq)
		return;
	u32 *q = (u32 *)t->rseq; // struct rseq: cpu_id_start, cpu_id, rseq_cs
	q[0] = 0;
	q[1] = -1;
	q[2] = q[3] = 0;
	i64 r = sys4(SYS_rseq, t->rseq, t->rseq_len, 0, t->rseq_sig);
	if (FAILED(r))
		plain("rseq could not be registered", r);
}

static void tell_id(struct thread *t, u32 id)
{
	u64 *at = AT(u64, t->tids);
	*(u32 *)t->tid_at = id;
	for (u32 i = 0; i < t->ntids; i++)
		*(u64 *)at[i] = id;
}

static void become_main(struct thread *t)
{
	sys3(SYS_arch_prctl, ARCH_SET_FS, t->fs, 0);
	if (t->gs)
		sys3(SYS_arch_prctl, ARCH_SET_GS, t->gs, 0);
	tell_id(t, sys3(SYS_set_tid_address, t->clear_at, 0, 0));
	adopt_rseq(t);
	if (t->robust)
		sys3(SYS_set_robust_list, t->robust, t->robust_len, 0);
	sys3(SYS_prctl, PR_SET_NAME, R.comm[0] ? R.comm : H->comm, 0);
}

// ---- other threads

static volatile u32 gate;

void open_gate(void)
{
	gate = 1;
	sys4(SYS_futex, &gate, 1, 1 << 30, 0);
}

__attribute__((used, noreturn)) void begin_thread(struct thread *t)
{
	if (t->gs)
		sys3(SYS_arch_prctl, ARCH_SET_GS, t->gs, 0);
	sys3(SYS_prctl, PR_SET_NAME, t->name, 0);
	if (t->robust)
		sys3(SYS_set_robust_list, t->robust, t->robust_len, 0);
	adopt_rseq(t);
	while (!gate)
		sys4(SYS_futex, &gate, 0, 0, 0);
	sigreturn((u64)AT(char, t->frame));
}

static void make_threads(u32 n)
{
	enum { VM = 0x100, FS = 0x200, FILES = 0x400, SIGHAND = 0x800, THREAD = 0x10000, SYSVSEM = 0x40000, SETTLS = 0x80000,
		CLEARTID = 0x200000, ROOM = 8192 };
	u64 base = (u64)stub_start + REGION_STACKS;
	if (!n)
		return;
	i64 r = sys6(SYS_mmap, base, (u64)n * ROOM, PROT_R | PROT_W, MAP_PRIVATE | MAP_ANON | MAP_NOREPLACE, -1, 0);
	if (r != (i64)base)
		plain("no room for threads", r);
	for (u32 i = 0; i < n; i++) {
		struct thread *t = AT(struct thread, H->threads) + 1 + i;
		i64 (*make)(u64, u64, u64, u64, struct thread *) = (void *)make_thread;
		i64 id = make(VM | FS | FILES | SIGHAND | THREAD | SYSVSEM | SETTLS | CLEARTID,
			base + (i + 1) * ROOM - 64, t->clear_at, t->fs, t);
		if (FAILED(id))
			plain("a thread could not be made", id);
		tell_id(t, id);
	}
}

// ----

__attribute__((used, noreturn)) void thaw(void)
{
	R.entry_ns = now();
	phase("");
	thawing = 1;
	take_signals();
	take_words();
	keep_vdso();
	clear_space();
	put_vdso();
	phase("room made");
	place_memory();
	relocate_vdso();
	sys3(SYS_close, R.image_fd, 0, 0);
	R.image_fd = -1;
	phase("memory placed");
	descriptors();
	set_mm();
	if (H->environ)
		*(u64 *)H->environ = (u64)fresh.envp;
	struct thread *t = AT(struct thread, H->threads);
	struct way *w = &H->ways[R.mode];
	struct poke *p = AT(struct poke, w->pokes);
	for (u32 i = 0; i < w->npokes; i++, p++)
		copy((void *)p->addr, &p->value, p->size);
	become_main(t);
	set_actions();
	make_threads(w->nthreads);
	phase("the kernel's part");
	if (w->way == WAY_FORK)
		sigreturn((u64)AT(char, t->frame));
	// Below what the frozen main thread uses of its stack. ucontext_t has rsp at 160.
	u64 rsp = *(u64 *)(AT(char, t->frame) + 160);
	switch_to((rsp - 1024) & ~15ul, on_main_stack);
}
