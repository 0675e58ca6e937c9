// A launcher file (launcher/file.go writes it): what program it stands for, and where its images are.
#include "launch.h"

enum { LAUNCHER_MAX = 8192, LAUNCHER_PATH = 4096, O_NOFOLLOW = 0400000, O_NONBLOCK = 04000,
	X_OK = 1, RETRY_AFTER = 3600, VARIANTS = 4 };
enum { SYS_fork = 57, SYS_setsid = 112, SYS_close_range = 436, SYS_utimensat = 280,
	SYS_ioctl_ = 16, TCGETS_ = 0x5401, TIOCGWINSZ_ = 0x5413 };

struct launcher {
	char text[LAUNCHER_MAX + 1];
	const char *name, *program, *cache, *env;
	const char *sets, *set_env, *set_files;
	char path[LAUNCHER_PATH]; // of the program
	char file[LAUNCHER_PATH]; // of an image
	char tried[LAUNCHER_PATH]; // of the one that was tried last
	char log[LAUNCHER_PATH];
	char why[TEXT], reason[TEXT / 2]; // why there is no image
	u64 dev, ino;             // of the launcher itself
};

// Reads "# KEY: VALUE" lines. 0: no launcher that we know.
static int read_launcher(struct launcher *l, const char *path)
{
	u64 st[18];
	i64 fd = sys4(SYS_openat, AT_FDCWD, path, O_CLOEXEC, 0), n;
	if (fd < 0)
		return 0;
	n = sys3(SYS_fstat, fd, st, 0) < 0 ? -1 : sys3(SYS_read, fd, l->text, LAUNCHER_MAX);
	sys3(SYS_close, fd, 0, 0);
	if (n <= 0 || n >= LAUNCHER_MAX)
		return 0;
	l->text[n] = 0;
	l->dev = st[0], l->ino = st[1];
	int version = 0;
	for (char *s = l->text; *s;) {
		char *line = s;
		while (*s && *s != '\n')
			s++;
		if (*s)
			*s++ = 0;
		const char *v;
		if (same(line, "# pyfreeze launcher 1"))
			version = 1;
		else if ((v = starts(line, "# name: ")))
			l->name = v;
		else if ((v = starts(line, "# program: ")))
			l->program = v;
		else if ((v = starts(line, "# cache: ")))
			l->cache = v;
		else if ((v = starts(line, "# env: ")))
			l->env = v;
		else if ((v = starts(line, "# sets: ")))
			l->sets = v;
		else if ((v = starts(line, "# set-env: ")))
			l->set_env = v;
		else if ((v = starts(line, "# set-files: ")))
			l->set_files = v;
	}
	return version && l->name && l->program && l->cache && l->env;
}

// Another launcher is no program: they would start each other for ever.
static int is_launcher(const char *path)
{
	static const char marker[] = "\n# pyfreeze launcher ";
	char b[513];
	i64 fd = sys4(SYS_openat, AT_FDCWD, path, O_CLOEXEC | O_NONBLOCK, 0), n;
	if (fd < 0)
		return 0;
	n = sys3(SYS_read, fd, b, sizeof b - 1);
	sys3(SYS_close, fd, 0, 0);
	b[n > 0 ? n : 0] = 0;
	for (char *s = b; *s; s++)
		if (starts(s, marker))
			return 1;
	return 0;
}

static int is_program(struct launcher *l)
{
	u64 st[18];
	if (sys4(SYS_fstatat, AT_FDCWD, l->path, st, 0) < 0 || (st[3] & 0170000) != 0100000 || (st[0] == l->dev && st[1] == l->ino))
		return 0;
	return sys3(SYS_faccessat, AT_FDCWD, l->path, X_OK) == 0 && !is_launcher(l->path);
}

// Finds the program on PATH, as a shell would if the launcher were not there.
static int find_program(struct launcher *l, char **envp)
{
	if (*l->program == '/') {
		put(l->path, 0, l->program, LAUNCHER_PATH);
		return is_program(l);
	}
	const char *p = env(envp, "PATH");
	if (!p)
		return 0;
	for (;;) {
		u64 n = 0;
		for (; *p && *p != ':'; p++)
			if (n < LAUNCHER_PATH - 300)
				l->path[n++] = *p;
		if (!n)
			l->path[n++] = '.';
		l->path[n++] = '/';
		put(l->path, n, l->program, LAUNCHER_PATH);
		if (is_program(l))
			return 1;
		if (!*p++)
			return 0;
	}
}

static u64 hash(const char *s) { return mix((const u8 *)s, length(s)); }

// The name of the image for this program and environment; launcher/key.go.
static u64 image_key(struct launcher *l, char **envp)
{
	u64 key = hash(l->path);
	for (; *envp; envp++)
		if (listed(*envp, l->env))
			key += hash(*envp);
	return key;
}

// Notes that an image is used, at most once a second: those longest not used go first. Where that is not allowed, it is
// noted when the file is read, by most systems once a day.
static void note_use(i64 fd)
{
	enum { NOW = 0x3fffffff, OMIT = 0x3ffffffe };
	u64 st[18], now[2], times[4] = { 0, NOW, 0, OMIT };
	if (sys3(SYS_fstat, fd, st, 0) == 0 && sys3(SYS_clock_gettime, 0, now, 0) == 0 && now[0] != st[9])
		sys4(SYS_utimensat, fd, 0, times, 0);
}

// Sixteen digits.
static void put_key(char *to, u64 key)
{
	for (int i = 16; i-- > 0; key >>= 4)
		to[i] = "0123456789abcdef"[key & 15];
}

// Reads why there is no image, the first line.
static void read_reason(struct launcher *l, i64 dir, const char *name)
{
	i64 fd = sys4(SYS_openat, dir, name, O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0), n = 0;
	if (fd >= 0) {
		n = sys3(SYS_read, fd, l->reason, sizeof l->reason - 1);
		sys3(SYS_close, fd, 0, 0);
	}
	l->reason[n < 0 ? 0 : n] = 0;
	for (char *c = l->reason; *c; c++)
		if (*c == '\n')
			*c-- = 0;
}

// Opens an image in one directory, which must be ours alone. failed is set where there is none for
// a reason that was found not long ago, and the program has not changed since. There are several
// for a key, where a program has asked for what is another in each: a terminal, a directory.
static i64 open_image(struct launcher *l, const char *dir, const char *sub, u64 key, int variant,
	int *failed)
{
	char name[48] = "/0000000000000000.pyfreeze";
	u64 st[18], program[18], now[2], n = put(l->file, 0, dir, LAUNCHER_PATH);
	n = put(l->file, n, sub, LAUNCHER_PATH);
	n = put(l->file, n, "/", LAUNCHER_PATH);
	n = put(l->file, n, l->name, LAUNCHER_PATH);
	i64 d = sys4(SYS_openat, AT_FDCWD, l->file, O_CLOEXEC | O_DIRECTORY | O_NOFOLLOW, 0), fd = -1;
	if (d < 0)
		return d;
	put_key(name + 1, key);
	if (sys3(SYS_fstat, d, st, 0) == 0 && !(st[3] & 077) && st[3] >> 32 == (u64)sys3(SYS_geteuid, 0, 0, 0)) {
		if (variant) {
			char end[] = "-0.pyfreeze";
			end[1] += variant;
			put(name, 17, end, sizeof name);
		}
		fd = sys4(SYS_openat, d, name + 1, O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0);
		if (fd >= 0)
			note_use(fd);
		put(l->log, put(l->log, 0, l->file, LAUNCHER_PATH), "/log", LAUNCHER_PATH);
		if (fd < 0) {
			put(name, 17, ".failed", sizeof name);
			sys3(SYS_clock_gettime, 0, now, 0);
			if (sys4(SYS_fstatat, d, name + 1, st, 0) == 0 && now[0] - st[11] < RETRY_AFTER &&
			    !(sys4(SYS_fstatat, AT_FDCWD, l->path, program, 0) == 0 && program[13] > st[11]))
				*failed = 1, read_reason(l, d, name + 1);
		}
	}
	sys3(SYS_close, d, 0, 0);
	put(l->file, n, name, LAUNCHER_PATH);
	return fd;
}

// Finds the image, in the order of directories of launcher/cache.go.
static i64 find_image(struct launcher *l, char **envp, u64 key, int variant, int *failed)
{
	const char *v;
	i64 fd = -1;
	if (*l->cache == '/')
		fd = open_image(l, l->cache, "", key, variant, failed);
	else if ((v = env(envp, "XDG_CACHE_HOME")) && *v == '/')
		fd = open_image(l, v, "/pyfreeze", key, variant, failed);
	else if ((v = env(envp, "HOME")) && *v == '/')
		fd = open_image(l, v, "/.cache/pyfreeze", key, variant, failed);
	if (fd < 0 && (v = env(envp, "XDG_RUNTIME_DIR")) && *v == '/')
		fd = open_image(l, v, "/pyfreeze", key, variant, failed);
	if (fd < 0) {
		char dir[40];
		put_num(dir, put(dir, 0, "/tmp/pyfreeze-", sizeof dir), (u32)sys3(SYS_getuid, 0, 0, 0), sizeof dir);
		fd = open_image(l, dir, "", key, variant, failed);
	}
	return fd;
}

// What a standard stream is: t for a terminal, whose size goes to window, p for a pipe, f for a
// file, s for a socket, - for others.
static char kind_of_stream(int fd, u64 *window)
{
	u64 st[18];
	u8 mode[64];
	if (sys3(SYS_ioctl_, fd, TCGETS_, mode) == 0) {
		sys3(SYS_ioctl_, fd, TIOCGWINSZ_, window);
		return 't';
	}
	switch (sys3(SYS_fstat, fd, st, 0) < 0 ? 0 : st[3] & 0170000) {
	case 0010000:
		return 'p';
	case 0100000:
		return 'f';
	case 0140000:
		return 's';
	}
	return '-';
}

// What a builder is to make, beside the image for any: one that has something switched on.
struct want { u64 set; char **args; int other; };

enum { MOST_ARGS = 256 }; // an image for a command of more is not worth its while

// The words of a builder, from n on.
static void put_want(const char **argv, u64 n, char *set, const char *file, const struct want *want)
{
	if (want->set) {
		put_key(set, want->set);
		argv[n++] = "--set", argv[n++] = set;
		if (want->other)
			argv[n++] = "--other";
	}
	argv[n++] = file;
	for (char **a = want->args; want->set && *a; a++) // no more than MOST_ARGS
		argv[n++] = *a;
	argv[n] = 0;
}

// Becomes a builder.
static void build_now(const char *file, char **envp, const struct want *want)
{
	char set[17] = "";
	const char *argv[MOST_ARGS + 16] = { "pyfreeze", "build" };
	put_want(argv, 2, set, file, want);
	sys3(SYS_execve, "/proc/self/exe", argv, envp);
}

// Leaves a builder behind that waits for the end of this process. It is no child of it, which the program that this process becomes would
// notice: the one between has ended. What stands against it is nothing that the user's command should stop for.
static void start_builder(const char *file, char **envp, const struct want *want)
{
	char self[LAUNCHER_PATH], pid[24], size[24], set[17] = "", streams[4] = "---";
	const char *argv[MOST_ARGS + 16] = { self, "build", "--after", pid, "--streams", streams, "--window", size };
	u64 window = 0;
	u64 pending = 0, after = 0, all = ~0ul, old, chld = 1ul << (SIGCHLD_ - 1), zero[2] = { 0 };
	i64 n = sys4(SYS_readlinkat, AT_FDCWD, "/proc/self/exe", self, sizeof self - 1);
	if (n <= 0)
		return;
	self[n] = 0;
	put_num(pid, 0, sys3(SYS_getpid, 0, 0, 0), sizeof pid);
	put_want(argv, 8, set, file, want);
	for (int fd = 0; fd < 3; fd++)
		streams[fd] = kind_of_stream(fd, &window);
	put_num(size, 0, window, sizeof size);
	sys3(SYS_sigpending, &pending, 8, 0);
	sys4(SYS_sigprocmask, SIG_SETMASK, &all, &old, 8);
	i64 child = sys3(SYS_fork, 0, 0, 0);
	if (child == 0) {
		sys3(SYS_setsid, 0, 0, 0);
		if (sys3(SYS_fork, 0, 0, 0) == 0) {
			sys3(SYS_close_range, 0, ~0u, 0);
			i64 null = sys4(SYS_openat, AT_FDCWD, "/dev/null", O_RDWR, 0);
			sys3(SYS_dup3, null, 1, 0);
			sys3(SYS_dup3, null, 2, 0);
			sys4(SYS_sigprocmask, SIG_SETMASK, &old, 0, 8);
			sys3(SYS_execve, self, argv, envp);
		}
		sys3(SYS_exit_group, 0, 0, 0);
	}
	while (child > 0 && sys4(SYS_wait4, child, 0, WALL, 0) == -EINTR)
		;
	sys3(SYS_sigpending, &after, 8, 0);
	if (after & ~pending & chld)
		sys4(SYS_sigtimedwait, &chld, 0, zero, 8);
	sys4(SYS_sigprocmask, SIG_SETMASK, &old, 0, 8);
}

// Has a file been changed within the hour? 0 where there is none.
static int is_new(const char *path)
{
	u64 st[18], now[2];
	sys3(SYS_clock_gettime, 0, now, 0);
	return sys4(SYS_fstatat, AT_FDCWD, path, st, 0) == 0 && now[0] - st[11] < RETRY_AFTER;
}

// Is there a use in a builder? None where several images of sets were made not long ago: scripts
// may switch on other things in each command.
static int is_crowded(struct launcher *l)
{
	char path[LAUNCHER_PATH];
	u64 n = put(path, 0, l->log, LAUNCHER_PATH);
	put(path, n < 3 ? 0 : n - 3, "crowded", LAUNCHER_PATH);
	return is_new(path);
}

// Runs the images of a key, one after the other. It returns how many there are.
static int run_images(struct launcher *l, struct request *q, u64 key, int *failed)
{
	const char *log = env(q->envp, "PYFREEZE_LOG");
	int v = 0;
	q->fits = *failed = 0;
	for (i64 fd; v < VARIANTS && (fd = find_image(l, q->envp, key, v, failed)) >= 0; v++) {
		q->elsewhere = 0;
		q->log = log && *log ? log : l->log;
		put(l->tried, 0, l->file, LAUNCHER_PATH);
		run_image(fd, q, l->why); // a launcher's image names no command: that is the launcher's
		if (!q->elsewhere)
			return v + 1;
	}
	return v;
}

// pyfreeze launch FILE ARGS...: the kernel's words for a launcher, which begins with #!. Before
// FILE may be what a thaw has found out, and told the log: --stale, its image does not fit;
// --other, it was made for what is not switched on here. Or --make: a builder is to take over, as
// for a run here and now.
int launch(u64 *stack, char **argv, char **envp, u64 start)
{
	int told = same(argv[2], "--stale"), other = same(argv[2], "--other"), make = same(argv[2], "--make"), failed = 0, n = 0;
	char **file = argv + 2 + (told | other | make);
	i64 at = *file ? (i64)sys6(SYS_mmap, 0, sizeof(struct launcher), PROT_R | PROT_W, MAP_PRIVATE | MAP_ANON, -1, 0) : -1;
	if (FAILED(at))
		return 0;
	struct launcher *l = (struct launcher *)at;
	if (**file != '-' && read_launcher(l, *file) && find_program(l, envp)) {
		const char *again[] = { argv[0], "launch", "--stale", *file, 0 }, *log = env(envp, "PYFREEZE_LOG");
		struct want want = { .args = file + 1, .other = other };
		u64 key = image_key(l, envp), argc = 0;
		while (argc <= MOST_ARGS && file[1 + argc])
			argc++;
		if (l->sets && l->set_env && l->set_files && argc <= MOST_ARGS)
			want.set = set_of(l->sets, l->set_env, l->set_files, file + 1, envp);
		if (make) {
			build_now(*file, envp, &want);
			return 0;
		}
		struct request q = { .image = l->file, .args = file + 1, .envp = envp, .stack = stack, .start = start, .again = again };
		u64 size = 0;
		for (int i = 0; i < 4; i++)
			size += length(again[i]) + 1;
		if (size >= sizeof((struct run *)0)->again)
			q.again = 0;
		int build = 1;
		if (want.set && !told) {
			if (other) {
				i64 fd = find_image(l, envp, key + want.set, 0, &failed);
				sys3(SYS_close, fd, 0, 0);
				build = fd < 0 || !is_new(l->file);
			} else {
				run_images(l, &q, key + want.set, &failed);
				build = !failed && !q.fits;
			}
			build = build && !is_crowded(l);
		}
		if (!told) {
			if (want.set && build) {
				// One for any will do meanwhile.
				i64 fd = find_image(l, envp, key, 0, &failed);
				sys3(SYS_close, fd, 0, 0);
				if (fd >= 0) {
					start_builder(*file, envp, &want);
					build = 0;
				}
			}
			n = run_images(l, &q, key, &failed);
			if (!n)
				put(l->why, put(l->why, 0, failed ? "there is no image: " : "there is no image yet", TEXT),
				    failed ? l->reason : "", TEXT);
			log_plain(log && *log ? log : l->log, n ? l->tried : "", l->why);
		}
		if (!failed && !q.fits && (build || !want.set))
			start_builder(*file, envp, &want);
		file[0] = (char *)l->name;
		sys3(SYS_execve, l->path, file, envp);
	}
	sys3(SYS_munmap, at, sizeof *l, 0);
	return 0;
}
