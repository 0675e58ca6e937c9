// The short way of `pyfreeze run IMAGE ARGS...`, before the Go runtime starts: checks the image and becomes its command in
// a fraction of the time that a runtime takes to start. Whatever it does not know or finds amiss it leaves to the Go code,
// which tells why and starts the plain command; so it says nothing itself.
//
// The format of the head is that of docs/image-format.md, that of the guards is written by package guard.
#include "launcher.h"

enum {
	O_WRONLY = 1, O_CREAT = 0100, O_APPEND = 02000, O_NOCTTY = 0400, CLOSED = -1,
	HEADER_NOTE = 88, PROGRAM = 144, NOTE_FIXED = 24, MAX_HEAD = 64 << 20, FORMAT_VERSION = 2, GUARDS_VERSION = 4,
	NOTE_META = 0x50460003, NOTE_GUARDS = 0x50460004, STACK = 64 << 10, MAX_ARGS = 1 << 20, SYS_getresuid = 118,
	OURS = 50, // our descriptors keep clear of the low numbers that a program may count on
};

static void cpuid(u32 leaf, u32 sub, u32 out[4])
{
	__asm__("cpuid" : "=a"(out[0]), "=b"(out[1]), "=c"(out[2]), "=d"(out[3]) : "0"(leaf), "2"(sub));
}

struct plan {
	struct spawn *a;
	const char **argv;
	const char *comm, *which;
	u64 argc, words; // of argv, before the arguments
	u64 files, files_end, nfiles;
};

// Features that libraries chose their functions by, and the size of the registers; guard/cpu_amd64.go.
static int same_cpu(struct reader *r)
{
	u32 c1[4], c7[4], cd[4];
	cpuid(1, 0, c1);
	cpuid(7, 0, c7);
	cpuid(13, 0, cd);
	return (get_num(r) == ((u64)c1[2] << 32 | c1[3])) & (get_num(r) == ((u64)c7[1] << 32 | c7[2])) & (get_num(r) == cd[0]);
}

static int check(struct reader *r, struct plan *p, u64 max, char **args, char **envp)
{
	if (get_num(r) != GUARDS_VERSION)
		return 0;
	get_str(r); // the interpreter, which struct head has, too
	u64 n = get_list(r, p->argv, 0, max);
	n = p->words = get_list(r, p->argv, n, max);
	for (; *args; args++) {
		if (n >= max)
			return 0;
		p->argv[n++] = *args;
	}
	p->argv[n] = 0;
	p->argc = n;
	p->comm = get_str(r);
	if (!same_cpu(r) || (int)get_num(r) != utf8_mode(envp))
		return 0;
	p->a->gate = get_num(r);
	if (!same_environment(r, envp))
		return 0;
	u64 count = p->nfiles = get_num(r);
	p->files = (u64)r->p;
	p->files_end = (u64)r->end;
	struct reader first = *r;
	return !r->bad && same_files(&first, count < 2 ? count : 2, 1, &p->which);
}

// ---- the log of runs

static void log_lines(struct run *run, const char *image)
{
	char pid[24];
	u64 n = sizeof pid - 1, v = sys3(SYS_getpid, 0, 0, 0);
	pid[n] = 0;
	do
		pid[--n] = '0' + v % 10;
	while (v /= 10);
	for (int ok = 0; ok < 2; ok++) {
		char *to = ok ? run->log_ok : run->log_fail;
		u64 at = put(to, 0, "{\"image\":\"", 1000);
		at = put(to, at, image, 1000);
		at = put(to, at, "\",\"pid\":", 1000);
		at = put(to, at, pid + n, 1000);
		put(to, at, ok ? ",\"thawed\":true,\"reason\":\"\"}\n" : ",\"thawed\":false,\"reason\":\"", 1000);
	}
}

// Opens the log. Returns 0 where that is the Go code's business.
static int open_log(struct run *run, const char *path, const char *image)
{
	run->log_fd = CLOSED;
	if (!path || !*path)
		return 1;
	for (const char *s = image; *s; s++) // a plain name needs no quoting in JSON
		if (*s < ' ' || *s == '"' || *s == '\\' || *s == 127 || s - image > 800)
			return 0;
	i64 fd = sys4(SYS_openat, AT_FDCWD, path, O_WRONLY | O_APPEND | O_CREAT | O_NOCTTY | O_CLOEXEC, 0600);
	if (fd < 0)
		return 1;
	i64 n = sys3(SYS_fcntl, fd, F_DUPFD, OURS);
	if (n < 0)
		n = sys3(SYS_fcntl, fd, F_DUPFD, 3);
	run->log_fd = n < 0 ? CLOSED : n;
	sys3(SYS_close, fd, 0, 0);
	log_lines(run, image);
	return 1;
}

// ---- the image

struct image { u8 *head; u64 len, guards, guards_len, program_len; };

static int pread_all(i32 fd, u8 *to, u64 n, u64 off)
{
	while (n) {
		i64 r = sys4(SYS_pread, fd, to, n, off);
		if (r == -EINTR)
			continue;
		if (r <= 0)
			return 0;
		to += r, off += r, n -= r;
	}
	return 1;
}

// An image runs with all our rights, so whoever could have written it must have them anyway.
static int trusted(const u64 *st)
{
	// struct stat: st_mode at 24, st_uid at 28
	u32 mode = st[3], uid = st[3] >> 32, ids[3] = { -1, -1, -1 };
	if ((mode & 0170000) != 0100000 || mode & 022)
		return 0;
	sys3(SYS_getresuid, ids, ids + 1, ids + 2);
	return !uid || (uid == ids[0] && uid == ids[1] && uid == ids[2]);
}

// Reads the head of the image into memory of its own, which nobody can change any more; checks it as image.Open does. 0: not for us.
static int read_head(i32 fd, struct image *im)
{
	u8 h[PROGRAM];
	u64 st[18];
	u32 c[4];
	if (sys3(SYS_fstat, fd, st, 0) < 0 || !trusted(st) || !pread_all(fd, h, sizeof h, 0))
		return 0;
	cpuid(1, 0, c);
	if (!(c[2] >> 20 & 1)) // SSE4.2: crc32
		return 0;
	u64 head = *(u64 *)(h + HEADER_NOTE + 8), size = *(u64 *)(h + HEADER_NOTE + 16);
	if (*(u32 *)h != 0x464c457f || *(u32 *)(h + HEADER_NOTE) != FORMAT_VERSION || size != st[6] || head < PROGRAM + 64 || head > MAX_HEAD || head > size)
		return 0;
	u8 *b = (u8 *)sys6(SYS_mmap, 0, head, PROT_R | PROT_W, MAP_PRIVATE | MAP_ANON, -1, 0);
	if (FAILED(b))
		return 0;
	im->head = b;
	im->len = head;
	if (!pread_all(fd, b, head, 0) || crc32c(crc32c(0, b, HEADER_NOTE + 4), b + HEADER_NOTE + 8, head - HEADER_NOTE - 8) != *(u32 *)(b + HEADER_NOTE + 4))
		return 0;
	u64 at = PROGRAM - NOTE_FIXED;
	im->program_len = *(u32 *)(b + at + 4);
	at += NOTE_FIXED + ((im->program_len + 3) & ~3ul);
	if (at + NOTE_FIXED > head || *(u32 *)(b + at + 8) != NOTE_META)
		return 0;
	at += NOTE_FIXED + ((*(u32 *)(b + at + 4) + 3ul) & ~3ul);
	if (at + NOTE_FIXED > head || *(u32 *)(b + at + 8) != NOTE_GUARDS)
		return 0;
	im->guards = at + NOTE_FIXED;
	im->guards_len = *(u32 *)(b + at + 4);
	return im->guards + im->guards_len <= head;
}

// The parts of the program note: the stub as far as it is not zero, struct head with its tables.
static int known_program(const u8 *p, u64 len)
{
	const struct stub *s = (const struct stub *)p;
	if (len < sizeof *s || s->magic != ABI_MAGIC || s->version != ABI_VERSION || s->used > s->end || s->used + sizeof(struct head) > len)
		return 0;
	const struct head *h = (const struct head *)(p + s->used);
	return h->magic == ABI_MAGIC && h->version == ABI_VERSION && h->size == len - s->used && s->end + h->size <= REGION_ARGS;
}

struct room { // everything that the tracer child needs, in memory of its own
	struct spawn args;
	struct run run;
	u8 stack[STACK];
};

// Thaws in this process: no exec, no tracer. Only the link /proc/self/exe needs a right to be set.
static void thaw_here(struct room *m, struct plan *p, char **envp)
{
	struct stub *s = (struct stub *)m->args.program;
	struct head *h = (struct head *)(m->args.program + s->used);
	u64 tables = m->args.program_len - s->used, size = PAGES(s->end + tables), base = h->base;
	if (sys6(SYS_mmap, base, size, PROT_R | PROT_W, MAP_PRIVATE | MAP_ANON | MAP_NOREPLACE, -1, 0) != (i64)base)
		return;
	m->run.argc = p->argc;
	m->run.argv = (u64)p->argv;
	m->run.envp = (u64)envp;
	m->run.exec_ns = now();
	copy((void *)base, s, s->used);
	copy((void *)(base + s->end), h, tables);
	copy((void *)(base + s->run), &m->run, sizeof m->run);
	if (sys3(SYS_mprotect, base, s->text, PROT_R | PROT_X)) {
		sys3(SYS_munmap, base, size, 0);
		return;
	}
	((void (*)(void))(base + s->thaw))();
	__builtin_trap();
}

// The process becomes the interpreter by an exec, of which a child takes hold.
static void thaw_by_exec(struct room *m, struct plan *p, char **envp)
{
	u64 all = ~0ul, old;
	i32 ends[2];
	struct spawn *a = &m->args;
	struct stub *s = (struct stub *)a->program;
	const char *exe = (const char *)(a->program + s->used) + ((struct head *)(a->program + s->used))->exe;
	a->stack_top = (u64)m->stack + STACK;
	a->tracee = sys3(SYS_getpid, 0, 0, 0);
	a->run = (u64)&m->run;
	a->sources = p->files;
	a->sources_end = p->files_end;
	a->nsources = p->nfiles;
	if (sys3(SYS_pipe2, ends, O_CLOEXEC, 0) < 0)
		return;
	a->verdict_fd = ends[1];
	m->run.verdict_fd = sys3(SYS_fcntl, ends[0], F_DUPFD, OURS);
	if (m->run.verdict_fd < 0)
		m->run.verdict_fd = sys3(SYS_fcntl, ends[0], F_DUPFD, 3);
	sys3(SYS_close, ends[0], 0, 0);
	sys3(SYS_sigpending, &m->run.signals, 8, 0);
	sys4(SYS_sigprocmask, SIG_SETMASK, &all, &old, 8);
	i64 r = m->run.verdict_fd < 0 ? -1 : spawn_tracer(a);
	sys4(SYS_sigprocmask, SIG_SETMASK, &old, 0, 8);
	sys3(SYS_close, ends[1], 0, 0);
	if (r >= 0) {
		m->run.exec_ns = now();
		sys3(SYS_execve, exe, p->argv, envp);
		sys3(SYS_kill, a->child, 9, 0);
		sys4(SYS_wait4, a->child, 0, WALL, 0);
	}
	if (m->run.verdict_fd >= 0)
		sys3(SYS_close, m->run.verdict_fd, 0, 0);
	m->run.verdict_fd = CLOSED;
}

// May this process change /proc/self/exe? prctl(2), PR_SET_MM_MAP.
static int may_set_exe(void)
{
	enum { SYS_ADMIN = 21, CHECKPOINT_RESTORE = 40 };
	struct { u32 version; i32 pid; } header = { 0x20080522, 0 };
	u32 data[6] = { 0 }; // effective, permitted, inheritable; twice
	if (sys3(SYS_capget, &header, data, 0) < 0)
		return 0;
	return data[SYS_ADMIN / 32] >> SYS_ADMIN % 32 & 1 || data[3] >> (CHECKPOINT_RESTORE - 32) & 1;
}

static void thaw(struct room *m, struct plan *p, char **envp, int way)
{
	int here = way == 'h' || (way != 'e' && may_set_exe());
	for (int i = 0; i < 2; i++) {
		if (here) {
			if (!check_sources(&(struct spawn){ .sources = p->files, .sources_end = p->files_end, .nsources = p->nfiles }, &p->which))
				return;
			m->run.flags |= may_set_exe() ? RUN_EXE : 0;
			thaw_here(m, p, envp);
			return;
		}
		thaw_by_exec(m, p, envp);
		here = way != 'e'; // tracing is forbidden
		if (m->args.child)
			return;
	}
}

struct request { const char *name, *log, **again; u64 flags, mode, start; int way; };

// Runs the image behind fd, which it closes, with the arguments. Returns only if nothing was done.
static void run_image(i64 fd, struct request *q, u64 *stack, char **args, char **envp)
{
	struct image im = { 0 };
	struct room *m = 0;
	u64 max = stack[0] + 64, space = PAGES(sizeof *m + (max + 1) * sizeof(char *));
	i64 at = read_head(fd, &im) && known_program(im.head + PROGRAM, im.program_len) ?
		(i64)sys6(SYS_mmap, 0, space, PROT_R | PROT_W, MAP_PRIVATE | MAP_ANON, -1, 0) : -1;
	if (!FAILED(at)) {
		m = (struct room *)at;
		struct plan p = { .a = &m->args, .argv = (const char **)(m + 1) };
		struct reader r = { im.head + im.guards, im.head + im.guards + im.guards_len, 0 };
		m->args.program = (u64)im.head + PROGRAM;
		m->args.program_len = im.program_len;
		m->run.flags = q->flags;
		m->run.mode = q->mode;
		m->run.start_ns = q->start;
		m->run.stack = (u64)stack;
		m->run.image_fd = m->run.log_fd = m->run.verdict_fd = CLOSED;
		if (check(&r, &p, max, args, envp) && open_log(&m->run, q->log, q->name)) {
			u64 n = 0;
			for (const char **w = q->again; w && *w && n < sizeof m->run.again - 1; w++)
				n = put(m->run.again, n, *w, sizeof m->run.again - 1) + 1;
			for (n = 0; p.comm[n] && n < 15; n++)
				m->run.comm[n] = p.comm[n];
			m->run.skip = p.words;
			m->run.image_fd = sys3(SYS_fcntl, fd, F_DUPFD, OURS);
			if (m->run.image_fd < 0)
				m->run.image_fd = sys3(SYS_fcntl, fd, F_DUPFD, 3);
			if (m->run.image_fd >= 0)
				thaw(m, &p, envp, q->way);
			sys3(SYS_close, m->run.image_fd, 0, 0);
		}
		if (m->run.log_fd >= 0)
			sys3(SYS_close, m->run.log_fd, 0, 0);
		sys3(SYS_munmap, m, space, 0);
	}
	if (im.head)
		sys3(SYS_munmap, im.head, im.len, 0);
	sys3(SYS_close, fd, 0, 0);
}

// pyfreeze launch FILE ARGS...: the kernel's words for a launcher, which begins with #!.
static void launch_launcher(u64 *stack, char **argv, char **envp, u64 start)
{
	i64 at = sys6(SYS_mmap, 0, sizeof(struct launcher), PROT_R | PROT_W, MAP_PRIVATE | MAP_ANON, -1, 0);
	if (FAILED(at))
		return;
	struct launcher *l = (struct launcher *)at;
	if (argv[2][0] != '-' && read_launcher(l, argv[2]) && find_program(l, envp)) {
		i64 fd = find_image(l, envp);
		if (fd >= 0) {
			const char *again[] = { argv[0], "launch", "--stale", argv[2], 0 }, *log = env(envp, "PYFREEZE_LOG");
			u64 n = 0;
			for (int i = 0; i < 4; i++)
				n += length(again[i]) + 1;
			if (!log || !*log) {
				u64 end = length(l->file) - 25; // the image's own name
				put(l->path, put(l->path, 0, l->file, end + 1), "log", LAUNCHER_PATH);
				log = l->path;
			}
			struct request q = { l->file, log, again, 0, MODE_RUN, start, 0 };
			if (n < sizeof((struct run *)0)->again)
				run_image(fd, &q, stack, argv + 3, envp);
			else
				sys3(SYS_close, fd, 0, 0);
		}
	}
	sys3(SYS_munmap, at, sizeof *l, 0);
}

// Returns only if nothing was done.
__attribute__((used)) void launch_run(u64 *stack)
{
	u64 argc = stack[0], i = 2;
	char **argv = (char **)(stack + 1), **envp = argv + argc + 1;
	struct request q = { .start = now() };
	if (argc < 3 || argc > MAX_ARGS)
		return;
	if (same(argv[1], "launch"))
		launch_launcher(stack, argv, envp, q.start);
	if (!same(argv[1], "run"))
		return;
	for (; i < argc && argv[i][0] == '-'; i++) {
		if (same(argv[i], "-v") || same(argv[i], "--verbose"))
			q.flags |= RUN_VERBOSE;
		else if (same(argv[i], "--timings"))
			q.flags |= RUN_TIMINGS;
		else if (same(argv[i], "--resume"))
			q.mode = MODE_RESUME;
		else if (same(argv[i], "--way=here") || same(argv[i], "--way=exec"))
			q.way = argv[i][6];
		else
			return;
	}
	if (i >= argc)
		return;
	i64 fd = sys4(SYS_openat, AT_FDCWD, argv[i], O_CLOEXEC | 04000 /* O_NONBLOCK */, 0);
	q.name = argv[i];
	q.log = env(envp, "PYFREEZE_LOG");
	if (fd >= 0)
		run_image(fd, &q, stack, argv + i + 1, envp);
}
