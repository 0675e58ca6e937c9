// The short way of `pyfreeze run IMAGE ARGS...`, before the Go runtime starts: checks the image and becomes its command in
// a fraction of the time that a runtime takes to start. It handles the plain case only. Whatever it does not
// know or finds amiss it leaves to the Go code, which checks again and tells why; so it says nothing itself.
//
// The format of the head is that of docs/image-format.md, that of the guards is written by restore/guards_encode.go.
#include "sys.h"

i64 stub_spawn(struct spawn_args *a);

enum {
	SYS_getuid = 102, SYS_kill = 62, SYS_statfd = 262, O_WRONLY = 1, O_CREAT = 0100, O_APPEND = 02000,
	O_NOCTTY = 0400, F_DUPFD = 0, CLOSED = -1,
	HEADER_NOTE = 88, PROGRAM = 144, NOTE_FIXED = 24, MAX_HEAD = 64 << 20, FORMAT_VERSION = 1, GUARDS_VERSION = 3,
	NOTE_META = 0x50460003, NOTE_GUARDS = 0x50460004, STACK = 64 << 10, MAX_ARGS = 1 << 20,
};

static int same(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return *a == *b;
}

static const char *starts(const char *s, const char *prefix)
{
	while (*prefix)
		if (*s++ != *prefix++)
			return 0;
	return s;
}

// The value of a variable, 0 if it is not set.
static const char *env(char **envp, const char *name)
{
	for (; *envp; envp++) {
		const char *v = starts(*envp, name);
		if (v && *v == '=')
			return v + 1;
	}
	return 0;
}

static u32 crc32c(u32 crc, const u8 *p, u64 n)
{
	u64 c = (u32)~crc;
	for (; n >= 8; n -= 8, p += 8)
		__asm__("crc32q (%1), %0" : "+r"(c) : "r"(p) : "memory");
	for (; n; n--, p++)
		__asm__("crc32b (%1), %q0" : "+r"(c) : "r"(p) : "memory");
	return ~(u32)c;
}

static void cpuid(u32 leaf, u32 out[4])
{
	__asm__("cpuid" : "=a"(out[0]), "=b"(out[1]), "=c"(out[2]), "=d"(out[3]) : "0"(leaf), "2"(0));
}

// ---- the guards: numbers of eight bytes, strings with their length before and a NUL behind

struct reader { const u8 *p, *end; int bad; };

static u64 num(struct reader *r)
{
	u64 v;
	if (r->end - r->p < 8) {
		r->bad = 1;
		return 0;
	}
	v = *(u64 *)r->p;
	r->p += 8;
	return v;
}

static const char *str(struct reader *r)
{
	u64 n = num(r);
	const char *s = (const char *)r->p;
	if (r->bad || n >= (u64)(r->end - r->p) || s[n]) {
		r->bad = 1;
		return "";
	}
	r->p += n + 1;
	return s;
}

// Appends a list of strings to argv.
static u64 list(struct reader *r, const char **argv, u64 at, u64 max)
{
	u64 n = num(r);
	for (; n && !r->bad; n--) {
		if (at >= max)
			r->bad = 1;
		else
			argv[at++] = str(r);
	}
	return at;
}

static int utf8_mode(char **envp)
{
	static const char names[3][9] = { "LC_ALL", "LC_CTYPE", "LANG" };
	for (int i = 0; i < 3; i++) {
		const char *v = env(envp, names[i]);
		if (v && *v)
			return same(v, "C") || same(v, "POSIX");
	}
	return 1;
}

// A thaw makes up for these (restore/thaw.py).
static int repaired(const char *e)
{
	return starts(e, "PYTHONIOENCODING=") || starts(e, "PYTHONPATH=") || starts(e, "PYTHONUSERBASE=");
}

// Says whether the name of an environment entry is among words, which may end in *; what a thaw makes up for is not among those.
static int listed(const char *entry, const char *words)
{
	while (*words) {
		const char *e = entry;
		while (*words && *words != ' ' && *words != '*' && *e == *words)
			e++, words++;
		if ((*words == '*' && !repaired(entry)) || ((!*words || *words == ' ') && *e == '='))
			return 1;
		while (*words && *words != ' ')
			words++;
		while (*words == ' ')
			words++;
	}
	return 0;
}

// Variables that tell ld.so which libraries to load: with others, an image's would be the wrong ones.
static const char *of_loader(const char *e)
{
	static const char names[3][16] = { "LD_LIBRARY_PATH", "LD_PRELOAD", "LD_AUDIT" };
	const char *v = 0;
	for (int i = 0; i < 3 && !v; i++)
		v = starts(e, names[i]);
	return v && *v == '=' ? v : 0;
}

// A variable that an interpreter reads when it starts, and that a thaw could not make up for; or one that the recipe names.
static int counts(const char *e, const char *names)
{
	const char *v = starts(e, "PYTHON");
	if (!v)
		v = of_loader(e);
	if (v && !repaired(e)) {
		while (*v && *v != '=')
			v++;
		if (v[0] == '=' && v[1])
			return 1;
	}
	return listed(e, names);
}

// The image's variables are all here, and no others.
static int same_environment(struct reader *r, char **envp)
{
	const char *names = str(r);
	u64 want = num(r), have = 0;
	for (char **e = envp; *e; e++)
		have += counts(*e, names);
	if (want != have)
		return 0;
	for (; want && !r->bad; want--) {
		const char *w = str(r);
		char **e = envp;
		while (*e && !same(*e, w))
			e++;
		if (!*e)
			return 0;
	}
	return 1;
}

// Compares files with how they were. With sources given it stops at the first source file, which has no build-id.
static int same_files(struct reader *r, u64 n, struct spawn_args *sources, const char **which)
{
	for (; n && !r->bad; n--) {
		const u8 *record = r->p;
		const char *path = *which = str(r);
		u64 size = num(r), mtime = num(r), ino = num(r), st[18];
		const char *build_id = str(r);
		if (sources && !*build_id) {
			sources->sources = (u64)record;
			sources->sources_end = (u64)r->end;
			sources->nsources = n;
			return 1;
		}
		if (r->bad || sys4(SYS_statfd, AT_FDCWD, path, st, 0) < 0)
			return 0;
		if (st[6] != size || st[11] * 1000000000ul + st[12] != mtime || (*build_id && st[1] != ino))
			return 0;
	}
	return !r->bad && r->p == r->end;
}

int same_sources(struct spawn_args *a)
{
	struct reader r = { (const u8 *)a->sources, (const u8 *)a->sources_end, 0 };
	const char *which = "";
	if (same_files(&r, a->nsources, 0, &which))
		return 1;
	struct run_block *run = (struct run_block *)a->run;
	u64 n = length(which) + 1;
	if (n <= sizeof run->stale) {
		struct { u64 p, n; } local = { (u64)which, n }, far = { run->map_base + a->run_off + ((u64)run->stale - (u64)run), n };
		sys6(SYS_vm_writev, a->tracee, (u64)&local, 1, (u64)&far, 1, 0);
	}
	return 0;
}

#include "launcher.h"

struct plan {
	const char **argv;
	const char *exe, *comm, *which;
	i64 syscall_delta;
	u64 ld_entry, words; // of argv before the arguments
};

static int check(struct reader *r, struct plan *p, struct spawn_args *a, u64 max, char **args, char **envp)
{
	u32 c1[4], c7[4];
	if (num(r) != GUARDS_VERSION)
		return 0;
	p->exe = str(r);
	u64 n = list(r, p->argv, 0, max);
	n = p->words = list(r, p->argv, n, max);
	for (; *args; args++) {
		if (n >= max)
			return 0;
		p->argv[n++] = *args;
	}
	p->argv[n] = 0;
	p->comm = str(r);
	cpuid(1, c1);
	cpuid(7, c7);
	if (num(r) != ((u64)c1[2] << 32 | c1[3]) || num(r) != ((u64)c7[1] << 32 | c7[2]))
		return 0;
	if ((int)num(r) != utf8_mode(envp))
		return 0;
	p->syscall_delta = num(r);
	p->ld_entry = num(r);
	return same_environment(r, envp) && same_files(r, num(r), a, &p->which);
}

// ---- the log of runs

static u64 append(char *to, u64 at, const char *s)
{
	while (*s && at < 1000)
		to[at++] = *s++;
	to[at] = 0;
	return at;
}

static void log_lines(struct run_block *run, const char *image)
{
	char pid[24];
	u64 n = sizeof pid - 1, v = sys3(SYS_getpid, 0, 0, 0);
	pid[n] = 0;
	do
		pid[--n] = '0' + v % 10;
	while (v /= 10);
	for (int ok = 0; ok < 2; ok++) {
		char *to = ok ? run->log_ok : run->log_fail;
		u64 at = append(to, 0, "{\"image\":\"");
		at = append(to, at, image);
		at = append(to, at, "\",\"pid\":");
		at = append(to, at, pid + n);
		append(to, at, ok ? ",\"thawed\":true,\"reason\":\"\"}\n" : ",\"thawed\":false,\"reason\":\"");
	}
}

// Opens the log. Returns 0 where that is the Go code's business.
static int open_log(struct run_block *run, const char *path, const char *image)
{
	run->log_fd = CLOSED;
	if (!path || !*path)
		return 1;
	for (const char *s = image; *s; s++) // a plain name needs no quoting in JSON
		if (*s < ' ' || *s == '"' || *s == '\\' || *s == 127 || s - image > 800)
			return 0;
	i64 fd = sys4(SYS_openat, AT_FDCWD, path, O_WRONLY | O_APPEND | O_CREAT | O_NOCTTY, 0600);
	if (fd < 0)
		return 1;
	run->log_fd = sys3(SYS_fcntl, fd, F_DUPFD, 10); // clear of the standard descriptors, which may be closed
	sys3(SYS_close, fd, 0, 0);
	log_lines(run, image);
	return 1;
}

// ---- the image

// Reads the head of the image into memory of its own; checks it as image.Open does. 0: not for us.
static u8 *read_head(i32 fd, u64 *guards, u64 *guards_len, u64 *prog_len)
{
	u8 h[PROGRAM];
	u64 st[18];
	u32 c[4];
	if (sys3(SYS_fstat, fd, st, 0) < 0 || sys4(SYS_pread, fd, h, sizeof h, 0) != sizeof h)
		return 0;
	// struct stat: st_mode at 24, st_uid at 28, st_size at 48. An image that others could write is not run.
	u32 mode = st[3], uid = st[3] >> 32;
	if ((mode & 0170000) != 0100000 || mode & 022 || (uid && uid != (u32)sys3(SYS_getuid, 0, 0, 0)))
		return 0;
	cpuid(1, c);
	if (!(c[2] >> 20 & 1)) // SSE4.2: crc32
		return 0;
	u64 head = *(u64 *)(h + HEADER_NOTE + 8), size = *(u64 *)(h + HEADER_NOTE + 16);
	if (*(u32 *)h != 0x464c457f || *(u32 *)(h + HEADER_NOTE) != FORMAT_VERSION || size != st[6] || head < PROGRAM + 64 || head > MAX_HEAD || head > size)
		return 0;
	u8 *b = (u8 *)sys6(SYS_mmap, 0, head, PROT_R | PROT_W, MAP_PRIVATE, fd, 0);
	if ((i64)b < 0 && (i64)b > -4096)
		return 0;
	u32 sum = crc32c(crc32c(0, b, HEADER_NOTE + 4), b + HEADER_NOTE + 8, head - HEADER_NOTE - 8);
	if (sum != *(u32 *)(b + HEADER_NOTE + 4))
		return 0;
	u64 at = PROGRAM - NOTE_FIXED;
	*prog_len = *(u32 *)(b + at + 4);
	at += NOTE_FIXED + ((*prog_len + 3) & ~3ul);
	if (at + NOTE_FIXED > head || *(u32 *)(b + at + 8) != NOTE_META)
		return 0;
	at += NOTE_FIXED + ((*(u32 *)(b + at + 4) + 3ul) & ~3ul);
	if (at + NOTE_FIXED > head || *(u32 *)(b + at + 8) != NOTE_GUARDS)
		return 0;
	*guards = at + NOTE_FIXED;
	*guards_len = *(u32 *)(b + at + 4);
	return *guards + *guards_len > head ? 0 : b;
}

// The parts of the program note: stub, run block, program. As planLoad in restore/run.go.
static int find_parts(struct spawn_args *a, const u8 *b, u64 len)
{
	const u8 *note = b + PROGRAM;
	if (len < 64 || *(u64 *)note != ABI_MAGIC || *(u32 *)(note + 8) != ABI_VERSION)
		return 0;
	u64 run = (*(u32 *)(note + 20) + 15ul) & ~15ul, prog = run + sizeof(struct run_block);
	if (prog + sizeof(struct prog) > len || *(u64 *)(note + prog) != ABI_MAGIC || *(u32 *)(note + prog + 8) != ABI_VERSION)
		return 0;
	a->map_off = 0;
	a->map_len = (PROGRAM + len + PAGE - 1) & ~(PAGE - 1ul);
	a->stub_off = PROGRAM;
	a->run_off = PROGRAM + run;
	a->prog_off = PROGRAM + prog;
	a->early_off = *(u32 *)(note + 16);
	return 1;
}

struct room { // everything that the tracer child needs, in memory of its own
	struct spawn_args args;
	struct run_block run;
	char path[4096];
	u8 stack[STACK];
};

// Without address space randomization every try would find the layout that the first one found. The stub goes back to it.
static u64 let_randomize(void)
{
	enum { ADDR_NO_RANDOMIZE = 0x40000 };
	i64 old = sys3(SYS_personality, 0xffffffff, 0, 0);
	if (old < 0 || !(old & ADDR_NO_RANDOMIZE) || sys3(SYS_personality, old & ~ADDR_NO_RANDOMIZE, 0, 0) < 0)
		return PERSONALITY_KEPT;
	return old;
}

static void launch(struct room *m, struct plan *p, char **envp, u64 start)
{
	u64 all = ~0ul, old, n = length(p->exe);
	if (n >= sizeof m->path)
		return;
	copy(m->path, p->exe, n);
	for (n = 0; p->comm[n] && n < 15; n++)
		m->run.comm[n] = p->comm[n];
	m->run.start_ns = start;
	m->args.stack_top = (u64)m->stack + STACK;
	m->args.tracee = sys3(SYS_getpid, 0, 0, 0);
	m->args.image_fd = m->run.image_fd;
	m->args.syscall_delta = p->syscall_delta;
	m->args.ld_entry = p->ld_entry;
	m->args.exe_path = (u64)m->path;
	m->args.run = (u64)&m->run;
	sys4(SYS_sigprocmask, 2, &all, &old, 8);
	i64 r = stub_spawn(&m->args);
	sys4(SYS_sigprocmask, 2, &old, 0, 8);
	if (r < 0)
		return;
	m->run.personality = let_randomize();
	m->run.exec_ns = now();
	sys3(SYS_execve, m->path, p->argv, envp);
	if (m->run.personality != PERSONALITY_KEPT)
		sys3(SYS_personality, m->run.personality, 0, 0);
	sys3(SYS_kill, m->args.child, 9, 0);
	sys4(SYS_wait4, m->args.child, 0, WALL, 0);
}

// Runs the image behind fd, which it closes, with the arguments. Returns only if nothing was done.
static void run_image(i64 fd, const char *name, u64 argc, char **args, char **envp, u64 flags, u64 start, const char *log, const char **again)
{
	u64 guards, guards_len, prog_len;
	struct room *m = 0;
	u8 *b = read_head(fd, &guards, &guards_len, &prog_len);
	u64 max = argc + 64, space = (sizeof *m + (max + 1) * sizeof(char *) + PAGE - 1) & ~(PAGE - 1ul);
	i64 at = b ? sys6(SYS_mmap, 0, space, PROT_R | PROT_W, MAP_PRIVATE | MAP_ANON, -1, 0) : -1;
	if (at > 0) {
		m = (struct room *)at;
		struct plan p = { .argv = (const char **)(m + 1) };
		struct reader r = { b + guards, b + guards + guards_len, 0 };
		m->run.flags = flags;
		m->run.image_fd = m->run.log_fd = CLOSED;
		if (find_parts(&m->args, b, prog_len) && check(&r, &p, &m->args, max, args, envp) && open_log(&m->run, log, name)) {
			for (u64 n = 0; again && *again && n < sizeof m->run.again - 1; again++)
				n = put(m->run.again, n, *again, sizeof m->run.again - 1) + 1;
			m->run.skip = p.words;
			// Without close-on-exec, clear of the low numbers that a program may count on.
			m->run.image_fd = sys3(SYS_fcntl, fd, F_DUPFD, 50);
			if (m->run.image_fd >= 0)
				launch(m, &p, envp, start);
			sys3(SYS_close, m->run.image_fd, 0, 0);
		}
		if (m->run.log_fd >= 0)
			sys3(SYS_close, m->run.log_fd, 0, 0);
		sys3(SYS_munmap, m, space, 0);
	}
	if (b)
		sys3(SYS_munmap, b, *(u64 *)(b + HEADER_NOTE + 8), 0);
	sys3(SYS_close, fd, 0, 0);
}

// pyfreeze launch FILE ARGS...: the kernel's words for a launcher, which begins with #!.
static void launch_launcher(u64 argc, char **argv, char **envp, u64 start)
{
	i64 at = sys6(SYS_mmap, 0, sizeof(struct launcher), PROT_R | PROT_W, MAP_PRIVATE | MAP_ANON, -1, 0);
	if (at <= 0)
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
			if (n < sizeof((struct run_block *)0)->again)
				run_image(fd, l->file, argc, argv + 3, envp, 0, start, log, again);
			else
				sys3(SYS_close, fd, 0, 0);
		}
	}
	sys3(SYS_munmap, at, sizeof *l, 0);
}

// Returns only if nothing was done.
__attribute__((used)) void launch_run(u64 *stack)
{
	u64 start = now(), argc = stack[0], flags = 0, i = 2;
	char **argv = (char **)(stack + 1), **envp = argv + argc + 1;
	if (argc < 3 || argc > MAX_ARGS)
		return;
	if (same(argv[1], "launch"))
		launch_launcher(argc, argv, envp, start);
	if (!same(argv[1], "run"))
		return;
	for (; i < argc && argv[i][0] == '-'; i++) {
		if (same(argv[i], "-v") || same(argv[i], "--verbose"))
			flags |= RUN_VERBOSE;
		else if (same(argv[i], "--timings"))
			flags |= RUN_TIMINGS;
		else
			return;
	}
	if (i >= argc)
		return;
	i64 fd = sys4(SYS_openat, AT_FDCWD, argv[i], O_CLOEXEC | 04000 /* O_NONBLOCK */, 0);
	if (fd >= 0)
		run_image(fd, argv[i], argc, argv + i + 1, envp, flags, start, env(envp, "PYFREEZE_LOG"), 0);
}
