// A launcher file (launcher/file.go writes it): what program it stands for, and where its images are.
#ifndef PYFREEZE_LAUNCHER_H
#define PYFREEZE_LAUNCHER_H
#include "guards.h"

enum { LAUNCHER_MAX = 8192, LAUNCHER_PATH = 4096, O_DIRECTORY = 0200000, O_NOFOLLOW = 0400000, X_OK = 1 };

struct launcher {
	char text[LAUNCHER_MAX + 1];
	const char *name, *program, *cache, *env;
	char path[LAUNCHER_PATH]; // of the program
	char file[LAUNCHER_PATH]; // of an image
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
	}
	return version && l->name && l->program && l->cache && l->env;
}

// Finds the program on PATH, as a shell would if the launcher were not there.
static int find_program(struct launcher *l, char **envp)
{
	u64 st[18];
	if (*l->program == '/') {
		put(l->path, 0, l->program, LAUNCHER_PATH);
		return 1;
	}
	const char *p = env(envp, "PATH");
	if (!p)
		return 0;
	while (*p) {
		u64 n = 0;
		for (; *p && *p != ':'; p++)
			if (n < LAUNCHER_PATH - 300)
				l->path[n++] = *p;
		if (*p)
			p++;
		if (!n || l->path[0] != '/')
			continue; // relative: left to the Go code, should nothing else be found
		l->path[n++] = '/';
		put(l->path, n, l->program, LAUNCHER_PATH);
		if (sys4(SYS_fstatat, AT_FDCWD, l->path, st, 0) < 0 || (st[3] & 0170000) != 0100000 || (st[0] == l->dev && st[1] == l->ino))
			continue;
		if (sys3(SYS_faccessat, AT_FDCWD, l->path, X_OK) == 0)
			return 1;
	}
	return 0;
}

static u64 fnv(const char *s)
{
	u64 h = 0xcbf29ce484222325ul;
	while (*s)
		h = (h ^ (u8)*s++) * 0x100000001b3ul;
	return h;
}

// The name of the image for this program and environment; launcher/key.go.
static u64 image_key(struct launcher *l, char **envp)
{
	u64 key = fnv(l->path);
	for (; *envp; envp++)
		if (listed(*envp, l->env))
			key += fnv(*envp);
	return key;
}

// Opens the image in one directory, which must be ours alone.
static i64 open_image(struct launcher *l, const char *dir, const char *sub, u64 key)
{
	u64 st[18], n = put(l->file, 0, dir, LAUNCHER_PATH);
	n = put(l->file, n, sub, LAUNCHER_PATH);
	n = put(l->file, n, "/", LAUNCHER_PATH);
	n = put(l->file, n, l->name, LAUNCHER_PATH);
	i64 d = sys4(SYS_openat, AT_FDCWD, l->file, O_CLOEXEC | O_DIRECTORY | O_NOFOLLOW, 0), fd = -1;
	if (d < 0)
		return d;
	char name[] = "/0000000000000000.pyfreeze";
	for (int i = 16; i > 0; i--, key >>= 4)
		name[i] = "0123456789abcdef"[key & 15];
	if (sys3(SYS_fstat, d, st, 0) == 0 && !(st[3] & 077) && st[3] >> 32 == (u64)sys3(SYS_geteuid, 0, 0, 0))
		fd = sys4(SYS_openat, d, name + 1, O_CLOEXEC | O_NOFOLLOW | 04000 /* O_NONBLOCK */, 0);
	sys3(SYS_close, d, 0, 0);
	put(l->file, n, name, LAUNCHER_PATH);
	return fd;
}

// Finds the image, in the order of directories of launcher/cache.go.
static i64 find_image(struct launcher *l, char **envp)
{
	u64 key = image_key(l, envp);
	const char *v;
	i64 fd = -1;
	if (*l->cache == '/')
		fd = open_image(l, l->cache, "", key);
	else if ((v = env(envp, "XDG_CACHE_HOME")) && *v == '/')
		fd = open_image(l, v, "/pyfreeze", key);
	else if ((v = env(envp, "HOME")) && *v == '/')
		fd = open_image(l, v, "/.cache/pyfreeze", key);
	if (fd < 0 && (v = env(envp, "XDG_RUNTIME_DIR")) && *v == '/')
		fd = open_image(l, v, "/pyfreeze", key);
	if (fd < 0) {
		char dir[] = "/tmp/pyfreeze-0000000000";
		u64 n = 14, uid = sys3(SYS_geteuid, 0, 0, 0), power = 1;
		while (uid / power > 9)
			power *= 10;
		for (; power; power /= 10)
			dir[n++] = '0' + uid / power % 10;
		dir[n] = 0;
		fd = open_image(l, dir, "", key);
	}
	return fd;
}
#endif
