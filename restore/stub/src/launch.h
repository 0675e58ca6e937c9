// The launcher's parts: text of pyfreeze itself, which runs before the Go runtime starts. It has no variables.
#ifndef PYFREEZE_LAUNCH_H
#define PYFREEZE_LAUNCH_H
#include "sys.h"

enum { CLOSED = -1, OURS = 50 /* our descriptors keep clear of the low numbers that a program may count on */, TEXT = 4096 };

// ---- text

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

static inline u64 put(char *to, u64 at, const char *s, u64 max)
{
	while (*s && at < max - 1)
		to[at++] = *s++;
	to[at] = 0;
	return at;
}

static inline u64 put_num(char *to, u64 at, u64 v, u64 max)
{
	char d[24];
	int n = sizeof d - 1;
	d[n] = 0;
	do
		d[--n] = '0' + v % 10;
	while (v /= 10);
	return put(to, at, d + n, max);
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

// FNV-1a, mixed: without that the last byte of a string changes little of its hash, and sums of
// hashes were often equal. guard.Mix.
static inline u64 mix(const u8 *s, u64 n)
{
	u64 h = 0xcbf29ce484222325ul;
	while (n--)
		h = (h ^ *s++) * 0x100000001b3ul;
	h = (h ^ h >> 32) * 0x9e3779b97f4a7c15ul;
	return h ^ h >> 29;
}

enum { O_DIRECTORY = 0200000, SYS_readlinkat = 267 };

// ---- the image (image.c)

struct image { u8 *head; u64 len, guards, guards_len, program, program_len; };
enum image_state { IMAGE_GOOD, IMAGE_CUT, IMAGE_BAD }; // cut: its head is whole, and tells the command

enum image_state read_image(i32 fd, struct image *im); // forget_image gives back what it took
void forget_image(struct image *im);

// ---- what a run is about

// One run: what to start, and from what.
struct request {
	const char *image;     // path, for people
	char **args;           // of the user
	char **envp;
	u64 *stack;            // as the kernel left it
	u64 flags, mode, start;
	int strict;            // compare what is in each file
	int way;               // 'h': in this process, 'e': by an exec, 0: as it may be
	const char *log;
	const char *entry[3];  // other words in place of the script's, 0 at the end
	const char **again;    // words of a launcher that make a stale image anew
	int elsewhere;         // set where the image would fit in another environment, directory, terminal
	int fits;              // set where the image cannot be used now, and another would be no better
};

struct plan {
	struct spawn *a;
	const char *exe, *comm, *which;
	const char **argv;     // of the command, plain or thawed
	const char *plain_exe, **plain; // of the plain command
	u64 argc, words;       // words before the arguments
	u64 files, files_end, nfiles;
	char why[TEXT];        // why it cannot be thawed
	int elsewhere;         // it could be in another environment
};

// ---- guards (guards.c)

struct reader { const u8 *p, *end; int bad; };

int read_command(struct reader *r, struct plan *p, struct request *q, u64 max); // 0: the guards are damaged
int check_guards(struct reader *r, struct plan *p, char **envp);                // 0: p->why says why it does not fit
int check_sources(struct spawn *a, const char **which);
int listed(const char *entry, const char *words);
u64 num(struct reader *r);
const char *str(struct reader *r);

// ---- what was read before the point (reads.c)

int same_facts(struct reader *r, const char **why);  // 0: why says what is another
int same_reads(struct reader *r, int strict, const char **which); // 0: which has changed

// ---- what is switched on (sets.c)

u64 set_of(const char *sets, const char *names, const char *files, char **args, char **envp);

// ---- logs and the plain way (plain.c)

void log_lines(struct run *run, const char *image);
i32 open_log(const char *path);
void log_plain(const char *path, const char *image, const char *why);

// ---- the tracer child (spawn.c)

i64 spawn_tracer(struct spawn *a); // 0, or why this process may not be traced
i64 spawn_checker(struct spawn *a); // the id of a child that only looks at the sources

// ---- dispatch

void run_image(i64 fd, struct request *q, char *why); // returns only if the image cannot be run, nor its command; why has TEXT bytes
int launch(u64 *stack, char **argv, char **envp, u64 start); // a launcher; returns if it is none
#endif
