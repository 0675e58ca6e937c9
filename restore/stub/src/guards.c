// The guards of an image: what must be as it was. package guard writes them, and checks the same.
#include "launch.h"

enum { GUARDS_VERSION = 8 };

u64 num(struct reader *r)
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

const char *str(struct reader *r)
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

// Appends a list of strings to argv, or where that is 0 reads over it.
static u64 list(struct reader *r, const char **argv, u64 at, u64 max)
{
	u64 n = num(r);
	for (; n && !r->bad; n--) {
		const char *s = str(r);
		if (at >= max)
			r->bad = 1;
		else if (argv)
			argv[at++] = s;
	}
	return at;
}

// The command that an image stands for, with the user's arguments.
int read_command(struct reader *r, struct plan *p, struct request *q, u64 max)
{
	if (num(r) != GUARDS_VERSION)
		return 0;
	p->exe = str(r);
	u64 n = list(r, p->argv, 0, max), script = n;
	if (q->entry[0]) {
		list(r, 0, 0, max);
		for (int i = 0; i < 3 && q->entry[i] && n < max; i++)
			p->argv[n++] = q->entry[i];
	} else {
		n = list(r, p->argv, n, max);
	}
	const char *dir = str(r), *given = str(r);
	char cwd[4096];
	if (!q->entry[0] && *dir && n > script &&
	    sys3(SYS_getcwd, (u64)cwd, sizeof cwd, 0) > 0 && same(cwd, dir))
		p->argv[script] = given; // as it was given in the same directory
	p->words = n;
	for (char **a = q->args; *a; a++) {
		if (n >= max)
			return 0;
		p->argv[n++] = *a;
	}
	p->argv[n] = 0;
	p->argc = n;
	p->comm = str(r);
	if (q->entry[0])
		p->comm = "";
	// What starts the plain command: a wrapper, or the interpreter itself.
	u64 nplain = num(r), m = 0;
	p->plain_exe = p->exe;
	p->plain = p->argv;
	if (nplain) {
		const char *path = str(r), **words = p->argv + max + 1;
		for (u64 i = 1; i < nplain && !r->bad && m < max; i++)
			words[m++] = str(r);
		if (q->entry[0])
			return !r->bad;
		p->plain_exe = path;
		p->plain = words;
		for (char **a = q->args; *a && m < max; a++)
			p->plain[m++] = *a;
		p->plain[m] = 0;
	}
	return !r->bad;
}

static void because(struct plan *p, const char *a, const char *b, const char *c, const char *d)
{
	u64 n = put(p->why, 0, "the image does not fit: ", TEXT);
	n = put(p->why, n, a, TEXT);
	n = put(p->why, n, b, TEXT);
	n = put(p->why, n, c, TEXT);
	put(p->why, n, d, TEXT);
}

static void cpuid(u32 leaf, u32 out[4])
{
	__asm__("cpuid" : "=a"(out[0]), "=b"(out[1]), "=c"(out[2]), "=d"(out[3]) : "0"(leaf), "2"(0));
}

// Features that libraries chose their functions by, and the kinds of registers; guard/cpu_amd64.go.
static int same_cpu(struct reader *r)
{
	u32 c1[4], c7[4], cd[4];
	cpuid(1, c1);
	cpuid(7, c7);
	cpuid(13, cd);
	u64 a = num(r), b = num(r), c = num(r);
	return a == ((u64)c1[2] << 32 | c1[3]) && b == ((u64)c7[1] << 32 | c7[2]) && c == cd[0];
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

// A thaw makes up for these (script/thaw.py).
static int repaired(const char *e)
{
	return starts(e, "PYTHONIOENCODING=") || starts(e, "PYTHONPATH=") || starts(e, "PYTHONUSERBASE=");
}

static int is_variable(const char *e)
{
	while (*e && *e != '=')
		e++;
	return *e == '=';
}

// Variables that tell where a shell is, or what it started last.
static int of_shell(const char *e)
{
	return starts(e, "_=") || starts(e, "SHLVL=") || starts(e, "PWD=") || starts(e, "OLDPWD=") || starts(e, "PYFREEZE_LOG=");
}

// Says whether the name of an environment entry is among words, which may end in *; what a thaw makes up for is not among those.
// What has no = is no variable.
int listed(const char *entry, const char *words)
{
	if (!is_variable(entry))
		return 0;
	while (*words) {
		const char *e = entry, *word = words;
		while (*words && *words != ' ' && *words != '*' && *e == *words)
			e++, words++;
		int all = word == words && !(words[0] && words[1] && words[1] != ' ') && of_shell(entry);
		if ((*words == '*' && !all && !repaired(entry)) || ((!*words || *words == ' ') && *e == '='))
			return 1;
		while (*words && *words != ' ')
			words++;
		while (*words == ' ')
			words++;
	}
	return 0;
}

// Variables that tell ld.so and libc what to do when a program starts.
static const char *of_libc(const char *e)
{
	const char *v = starts(e, "LD_");
	if (!v)
		v = starts(e, "MALLOC_");
	return v ? v : starts(e, "GLIBC_TUNABLES");
}

// A variable that an interpreter reads when it starts, and that a thaw could not make up for; or one that is named.
static int counts(const char *e, const char *names)
{
	const char *v = starts(e, "PYTHON");
	if (!v)
		v = of_libc(e);
	if (v && !repaired(e)) {
		while (*v && *v != '=')
			v++;
		if (v[0] == '=' && v[1])
			return 1;
	}
	return listed(e, names);
}

// The image's variables are all here, and no others.
static int same_environment(struct reader *r, struct plan *p, char **envp)
{
	const char *names = str(r);
	u64 want = num(r), have = 0;
	struct reader first = *r;
	for (u64 i = 0; i < want && !r->bad; i++) {
		const char *w = str(r);
		char **e = envp;
		while (*e && !same(*e, w))
			e++;
		if (!*e) {
			char name[256];
			u64 n = 0;
			for (; w[n] && w[n] != '=' && n < sizeof name - 1; n++)
				name[n] = w[n];
			name[n] = 0;
			because(p, name, " was \"", w[n] ? w + n + 1 : "", "\" when it was frozen");
			return 0;
		}
	}
	for (char **e = envp; *e; e++)
		have += counts(*e, names);
	if (have == want || r->bad)
		return 1;
	for (char **e = envp; *e; e++) {
		struct reader again = first;
		int known = !counts(*e, names);
		for (u64 i = 0; i < want && !known; i++)
			known = same(str(&again), *e);
		if (!known) {
			char name[256];
			u64 n = 0;
			for (; (*e)[n] && (*e)[n] != '=' && n < sizeof name - 1; n++)
				name[n] = (*e)[n];
			name[n] = 0;
			because(p, name, " was not set when it was frozen", "", "");
			return 0;
		}
	}
	because(p, "a variable is set twice", "", "", "");
	return 0;
}

// The checksum of a file, with a bit that says that it could be read; 0 where it could not.
// guard/sum.go.
static u64 content_sum(const char *path, i64 most)
{
	enum { PIECE = 64 << 10 };
	i64 d = sys4(SYS_openat, AT_FDCWD, path, O_CLOEXEC | 04000 /* O_NONBLOCK */, 0), n = -1, all = 0;
	u8 *b = d < 0 ? 0 : (u8 *)sys6(SYS_mmap, 0, PIECE, PROT_R | PROT_W, MAP_PRIVATE | MAP_ANON, -1, 0);
	u32 crc = 0;
	if (d >= 0 && !FAILED(b)) {
		while (all <= most && (n = sys3(SYS_read, d, b, PIECE)) > 0) {
			crc = crc32c(crc, b, n);
			all += n;
		}
		sys3(SYS_munmap, b, PIECE, 0);
	}
	if (d >= 0)
		sys3(SYS_close, d, 0, 0);
	return n ? 0 : 1ul << 32 | crc;
}

struct was { u64 size, mtime, ino, ctime, sum; int library; };

enum { MOST = 64 << 20 }; // maxSummed of guard/sum.go

// A source that has another inode, or was changed in another way than by writing to it, may have
// been copied with its times. A strict check does not trust times: it compares what is in each
// file.
static int same_file(const char *path, struct was *w, int strict)
{
	u64 st[18];
	if (sys4(SYS_fstatat, AT_FDCWD, path, st, 0) < 0 || st[6] != w->size || st[11] * 1000000000ul + st[12] != w->mtime)
		return 0;
	if (w->library && st[1] != w->ino)
		return 0;
	if (strict && w->sum)
		return content_sum(path, 1l << 62) == w->sum;
	if (w->library)
		return 1;
	return (st[1] == w->ino && st[13] * 1000000000ul + st[14] == w->ctime) || (w->sum && content_sum(path, MOST) == w->sum);
}

// Compares n files with how they were. The stub itself compares libraries, which have a build-id, when it opens them; but for the
// interpreter and its loader, with first; and in a strict check.
static int same_files(struct reader *r, u64 n, int first, int strict, const char **which)
{
	for (u64 i = 0; i < n && !r->bad; i++) {
		const char *path = str(r);
		struct was w;
		w.size = num(r);
		w.mtime = num(r);
		w.ino = num(r);
		w.library = *str(r);
		w.ctime = num(r);
		w.sum = num(r);
		*which = path;
		if (!r->bad && (!w.library || first || strict) && !same_file(path, &w, strict))
			return 0;
	}
	return !r->bad;
}

int check_guards(struct reader *r, struct plan *p, char **envp)
{
	if (!same_cpu(r)) {
		because(p, "it was frozen on another processor", "", "", "");
		return 0;
	}
	int was = num(r), is = utf8_mode(envp);
	if (was != is) {
		because(p, "UTF-8 mode by LC_ALL was ", was ? "true" : "false", " when it was frozen and is ", is ? "true now" : "false now");
		return 0;
	}
	p->a->gate = num(r);
	if (num(r))
		p->a->strict = 1;
	p->elsewhere = 1;
	if (!same_environment(r, p, envp))
		return 0;
	const char *other;
	if (!same_facts(r, &other)) {
		because(p, other, "", "", "");
		return 0;
	}
	p->elsewhere = 0;
	u64 count = p->nfiles = num(r);
	p->files = (u64)r->p;
	p->files_end = (u64)r->end;
	struct reader first = *r;
	int fits = same_files(&first, count < 2 ? count : 2, 1, p->a->strict, &p->which);
	if (first.bad) // where there is no file, p->which is 0
		because(p, "its guards are damaged", "", "", "");
	else if (!fits)
		because(p, p->which, " has changed since", "", "");
	return fits;
}

int check_sources(struct spawn *a, const char **which)
{
	struct reader r = { (const u8 *)a->sources, (const u8 *)a->sources_end, 0 };
	return same_files(&r, a->nsources, 0, a->strict, which) &&
	       same_reads(&r, a->strict, which);
}
