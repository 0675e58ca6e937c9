// What a program read before its point, and whether it would read the same here: package guard
// writes it (guard/reads.go), and checks the same.
#include "launch.h"

enum { READ_ABSENT = 1, READ_DIRECTORY, READ_NAMES, READ_IMPORT, READ_LINK,
	READ_OTHER, READ_CONTENT, READ_STATUS, READ_ACCESS };
enum { FACT_CWD = 1, FACT_HOST, FACT_TERMINAL, FACT_SIZE, FACT_USER, FACT_CPUS,
	FACT_UMASK, FACT_STREAM, FACT_LIMIT, FACT_NICE, FACT_GROUPS, FACT_SCHEDULING };
enum { SYS_ioctl = 16, SYS_uname = 63, SYS_sched_getaffinity = 204,
	SYS_getdents = 217, SYS_getgroups = 115, SYS_sched_getparam = 143, SYS_sched_getscheduler = 145,
	SYS_faccessat2 = 439 };
enum { TCGETS = 0x5401, TIOCGWINSZ = 0x5413 };
enum { S_IFMT = 0170000, S_IFDIR = 0040000, DT_FILE = 8 };

static int ends(const char *name, const char *with)
{
	u64 n = length(name), m = length(with);
	return n >= m && same(name + n - m, with);
}

// Could this entry of a directory be a module, a package, or what site looks for? A directory
// without __init__.py is none, but for an import that finds nothing else.
static int importable(i64 dir, const char *name, int type)
{
	char init[300];
	if (type != DT_FILE &&
	    put(init, put(init, 0, name, sizeof init), "/__init__.py", sizeof init) < sizeof init - 1 &&
	    sys3(SYS_faccessat, dir, init, 0) == 0)
		return 1;
	return ends(name, ".py") || ends(name, ".pyc") || ends(name, ".so") || ends(name, ".pth") ||
	       ends(name, ".zip") || ends(name, ".egg");
}

// The sum of a directory's names; sum() of guard/reads.go.
static u64 names(const char *path, int import)
{
	struct entry { u64 ino; i64 off; u16 len; u8 type; char name[]; } *e;
	u8 buffer[2048] __attribute__((aligned(8)));
	u64 sum = 0;
	i64 d = sys4(SYS_openat, AT_FDCWD, path, O_CLOEXEC | O_DIRECTORY, 0), n;
	if (d < 0)
		return 1;
	while ((n = sys3(SYS_getdents, d, buffer, sizeof buffer)) > 0)
		for (i64 at = 0; at < n; at += e->len) {
			e = (struct entry *)(buffer + at);
			if (same(e->name, ".") || same(e->name, "..") || (import && !importable(d, e->name, e->type)))
				continue;
			sum += mix((const u8 *)e->name, length(e->name));
		}
	sys3(SYS_close, d, 0, 0);
	return sum;
}

// The sum of what a file of the kernel's says; guard/reads.go.
static u64 content(const char *path)
{
	enum { MOST = 64 << 10 };
	i64 d = sys4(SYS_openat, AT_FDCWD, path, O_CLOEXEC | 04000 /* O_NONBLOCK */, 0), n = 0, r;
	u8 *b = d < 0 ? 0 : (u8 *)sys6(SYS_mmap, 0, MOST, PROT_R | PROT_W, MAP_PRIVATE | MAP_ANON, -1, 0);
	if (d < 0 || FAILED(b))
		return 1;
	while (n < MOST && (r = sys3(SYS_read, d, b + n, MOST - n)) > 0)
		n += r;
	u64 sum = mix(b, n);
	sys3(SYS_munmap, b, MOST, 0);
	sys3(SYS_close, d, 0, 0);
	return sum;
}

static int same_read(u64 kind, const char *path, u64 a, u64 b, u64 c, int strict)
{
	char target[4096];
	u64 st[18];
	i64 n;
	if (kind == READ_LINK) {
		n = sys4(SYS_readlinkat, AT_FDCWD, path, target, sizeof target);
		return n >= 0 && mix((u8 *)target, n) == c;
	}
	if (kind == READ_CONTENT)
		return content(path) == c;
	if (kind == READ_ACCESS) // AccessOf() of guard/access.go
		return (u64)-(a >> 3 ? sys4(SYS_faccessat2, AT_FDCWD, path, a & 7, a >> 3) :
			sys3(SYS_faccessat, AT_FDCWD, path, a & 7)) == b;
	int there = sys4(SYS_fstatat, AT_FDCWD, path, st, 0) == 0;
	if (kind == READ_ABSENT)
		return !there;
	if (!there)
		return 0;
	if (kind == READ_STATUS)
		return st[11] * 1000000000ul + st[12] == a && st[3] == b && (u32)st[4] == c;
	if (kind == READ_OTHER)
		return (st[3] & S_IFMT) == a;
	if ((st[3] & S_IFMT) != S_IFDIR)
		return 0;
	return kind == READ_DIRECTORY || (!strict && st[11] * 1000000000ul + st[12] == a && st[1] == b) ||
	       names(path, kind == READ_IMPORT) == c;
}

// Compares what was read with what is there now.
int same_reads(struct reader *r, int strict, const char **which)
{
	for (u64 n = num(r); n && !r->bad; n--) {
		u64 kind = num(r), a = num(r), b = num(r), c = num(r);
		const char *path = str(r);
		*which = path;
		if (!r->bad && !same_read(kind, path, a, b, c, strict))
			return 0;
	}
	return !r->bad;
}

// What the kernel keeps of a process for all that it starts; guard/facts.go.
static const char *other_of_process(u64 kind, u64 a, u64 b, u64 c)
{
	enum { MOST = 1024 };
	u32 groups[MOST];
	u64 limit[2];
	i64 n;
	switch (kind) {
	case FACT_LIMIT:
		return sys3(SYS_getrlimit, a, limit, 0) == 0 && limit[0] == b && limit[1] == c ? 0 :
		       "the program has asked for a limit, which was another";
	case FACT_NICE:
		return (u64)sys3(SYS_getpriority, 0, 0, 0) == a ? 0 :
		       "the program has asked for its priority, which was another";
	case FACT_GROUPS:
		n = sys3(SYS_getgroups, 0, 0, 0);
		return (u64)n == a && mix((u8 *)groups, n > MOST ? 0 :
			4 * sys3(SYS_getgroups, MOST, groups, 0)) == c ? 0 :
		       "the program has asked for its groups, which were others";
	case FACT_SCHEDULING:
		groups[0] = 0;
		n = sys3(SYS_sched_getscheduler, 0, 0, 0);
		sys3(SYS_sched_getparam, 0, groups, 0);
		return (u64)n == a && groups[0] == b ? 0 :
		       "the program has asked how it is scheduled, which was otherwise";
	}
	return "it needs something that this pyfreeze does not know";
}

static u64 terminal_size(u64 fd)
{
	u64 size = 0;
	return sys3(SYS_ioctl, fd, TIOCGWINSZ, &size) == 0 ? size : ~0ul;
}

// Says what is another than when the image was made; 0: nothing.
static const char *other_fact(u64 kind, const char *text, u64 a, u64 b, u64 c)
{
	u8 buffer[4096] __attribute__((aligned(8)));
	i64 n;
	switch (kind) {
	case FACT_CWD:
		n = sys3(SYS_getcwd, buffer, sizeof buffer, 0);
		return n > 0 && same((char *)buffer, text) ? 0 :
		       "the program has looked where it runs, and that was elsewhere";
	case FACT_HOST: // struct utsname: 65 bytes each
		n = sys3(SYS_uname, buffer, 0, 0);
		return n == 0 && same((char *)buffer + 65, text) &&
		       mix(buffer + 130, length((char *)buffer + 130)) == c ? 0 :
		       "the program has asked for the host's name, which was another, or its kernel";
	case FACT_TERMINAL:
		n = sys3(SYS_ioctl, a, TCGETS, buffer);
		return (n == 0) == b ? 0 : b ? "a standard stream was a terminal" :
		       "a standard stream was no terminal";
	case FACT_SIZE:
		return terminal_size(a) == b ? 0 : "the terminal had another size";
	case FACT_USER:
		return ((u64)sys3(SYS_getuid, 0, 0, 0) << 32 | (u32)sys3(SYS_geteuid, 0, 0, 0)) == a &&
		       ((u64)sys3(SYS_getgid, 0, 0, 0) << 32 | (u32)sys3(SYS_getegid, 0, 0, 0)) == b ? 0 :
		       "the program has asked for its user, which was another";
	case FACT_CPUS:
		n = sys3(SYS_sched_getaffinity, 0, 1024, buffer);
		while (n > 0 && !buffer[n - 1])
			n--;
		return n > 0 && mix(buffer, n) == c ? 0 :
		       "the program has counted its processors, which were others";
	case FACT_UMASK:
		n = sys3(SYS_umask, 077, 0, 0);
		sys3(SYS_umask, n, 0, 0);
		return (u64)n == a ? 0 : "the program has asked for its umask, which was another";
	case FACT_STREAM:
		n = sys3(SYS_fstat, a, buffer, 0) < 0 ? 0 : ((u64 *)buffer)[3] & S_IFMT;
		return (u64)n == b ? 0 : "a standard stream was of another kind: a file, a pipe, a terminal";
	}
	return other_of_process(kind, a, b, c);
}

// Compares what the program has asked the kernel for; 0: something is another.
int same_facts(struct reader *r, const char **why)
{
	for (u64 n = num(r); n && !r->bad; n--) {
		u64 kind = num(r), a = num(r), b = num(r), c = num(r);
		const char *text = str(r);
		if (!r->bad && (*why = other_fact(kind, text, a, b, c)))
			return 0;
	}
	*why = "its guards are damaged";
	return !r->bad;
}
