// The guards of an image: what must be as it was. package guard writes them.
#include "guards.h"

u64 get_num(struct reader *r)
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

const char *get_str(struct reader *r)
{
	u64 n = get_num(r);
	const char *s = (const char *)r->p;
	if (r->bad || n >= (u64)(r->end - r->p) || s[n]) {
		r->bad = 1;
		return "";
	}
	r->p += n + 1;
	return s;
}

// Appends a list of strings to argv.
u64 get_list(struct reader *r, const char **argv, u64 at, u64 max)
{
	u64 n = get_num(r);
	for (; n && !r->bad; n--) {
		if (at >= max)
			r->bad = 1;
		else
			argv[at++] = get_str(r);
	}
	return at;
}

int utf8_mode(char **envp)
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

// Says whether the name of an environment entry is among words, which may end in *; what a thaw makes up for is not among those.
int listed(const char *entry, const char *words)
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

// Variables that tell ld.so and libc what to do when a program starts.
static const char *of_libc(const char *e)
{
	static const char names[5][16] = { "LD_LIBRARY_PATH", "LD_PRELOAD", "LD_AUDIT", "GLIBC_TUNABLES", "MALLOC_" };
	for (int i = 0; i < 5; i++) {
		const char *v = starts(e, names[i]);
		if (v && (i == 4 || *v == '='))
			return v;
	}
	return 0;
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
int same_environment(struct reader *r, char **envp)
{
	const char *names = get_str(r);
	u64 want = get_num(r), have = 0;
	for (char **e = envp; *e; e++)
		have += counts(*e, names);
	if (want != have)
		return 0;
	for (; want && !r->bad; want--) {
		const char *w = get_str(r);
		char **e = envp;
		while (*e && !same(*e, w))
			e++;
		if (!*e)
			return 0;
	}
	return 1;
}

static int same_file(const char *path, u64 size, u64 mtime, u64 ino)
{
	u64 st[18];
	if (sys4(SYS_fstatat, AT_FDCWD, path, st, 0) < 0)
		return 0;
	return st[6] == size && st[11] * 1000000000ul + st[12] == mtime && (!ino || st[1] == ino);
}

// Compares n files with how they were; the stub itself compares those that have a build-id when it opens them, but for the first two:
// the interpreter and its loader.
int same_files(struct reader *r, u64 n, int first, const char **which)
{
	for (u64 i = 0; i < n && !r->bad; i++) {
		const char *path = get_str(r);
		u64 size = get_num(r), mtime = get_num(r), ino = get_num(r);
		int library = *get_str(r);
		*which = path;
		if (!r->bad && (!library || (first && i < 2)) && !same_file(path, size, mtime, library ? ino : 0))
			return 0;
	}
	return !r->bad;
}

int check_sources(struct spawn *a, const char **which)
{
	struct reader r = { (const u8 *)a->sources, (const u8 *)a->sources_end, 0 };
	return same_files(&r, a->nsources, 0, which);
}
