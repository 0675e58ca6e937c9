// Extension modules that are mapped without ld.so, for the interpreter's own dlopen and dlsym: when it loads one again (for a sub-interpreter, or since it was
// taken out of sys.modules), it gets the one that is there, as it would from ld.so, and no second copy with other static types.
#ifndef PYFREEZE_EXTENSIONS_H
#define PYFREEZE_EXTENSIONS_H
#include "state.h"

// A function that an extension module exports; those of one file are neighbours.
struct export {
	u64 ino, size, mtime_ns; // of the file
	u64 name;                // in the program
	u64 addr;
};

static struct {
	struct export *first, *end;
	u64 (*dlopen)(const char *, u64);
	u64 (*dlsym)(u64, const char *);
} X = { (struct export *)1, 0, 0, 0 }; // no .bss in a flat binary

static void extensions(struct export *first, u64 n, u64 dlopen, u64 dlsym)
{
	X.first = first, X.end = first + n;
	X.dlopen = (u64 (*)(const char *, u64))dlopen, X.dlsym = (u64 (*)(u64, const char *))dlsym;
}

static int same_file(const struct export *a, const struct export *b)
{
	return a->ino == b->ino && a->size == b->size && a->mtime_ns == b->mtime_ns;
}

// The handle is the file's first function.
static u64 filter_dlopen(const char *path, u64 flags)
{
	u64 st[18];
	if (path && !sys3(SYS_stat, path, st, 0)) {
		struct export file = { st[1], st[6], st[11] * 1000000000ul + st[12], 0, 0 };
		for (struct export *e = X.first; e < X.end; e++)
			if (same_file(e, &file))
				return (u64)e;
	}
	return X.dlopen(path, flags);
}

static u64 filter_dlsym(u64 handle, const char *name)
{
	struct export *e = (struct export *)handle;
	if (e < X.first || e >= X.end)
		return X.dlsym(handle, name);
	for (struct export *f = e; f < X.end && same_file(e, f); f++) {
		const char *a = AT(char, f->name), *b = name;
		while (*a && *a == *b)
			a++, b++;
		if (*a == *b)
			return f->addr;
	}
	return 0;
}
#endif
