// The launcher's parts: text of pyfreeze itself, which runs before the Go runtime starts.
#ifndef PYFREEZE_LAUNCH_H
#define PYFREEZE_LAUNCH_H
#include "sys.h"

i64 spawn_tracer(struct spawn *a); // 0, or why this process may not be traced
int check_sources(struct spawn *a, const char **which);

static inline int same(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return *a == *b;
}

static inline const char *starts(const char *s, const char *prefix)
{
	while (*prefix)
		if (*s++ != *prefix++)
			return 0;
	return s;
}

// The value of a variable, 0 if it is not set.
static inline const char *env(char **envp, const char *name)
{
	for (; *envp; envp++) {
		const char *v = starts(*envp, name);
		if (v && *v == '=')
			return v + 1;
	}
	return 0;
}

static inline u64 put(char *to, u64 at, const char *s, u64 max)
{
	while (*s && at < max - 1)
		to[at++] = *s++;
	to[at] = 0;
	return at;
}
#endif
