// The stub's own parts, and what they share.
#ifndef PYFREEZE_STUB_H
#define PYFREEZE_STUB_H
#include "sys.h"

extern struct run R;      // of this launch
extern char stub_end[];   // where the variables end
extern char stub_start[]; // of the text
extern u64 thawing;       // zero in a process that is being frozen
#define H ((struct head *)stub_end)
#define AT(type, off) ((type *)(stub_end + (off)))

// How the process was given to us, for the plain command and for Python.
extern struct fresh {
	u64 mask, ignored;    // signals blocked, signals ignored
	char **argv, **envp;  // pointers, in memory that stays
	char *words;          // all their bytes, one after the other
	u64 words_len, argc;
	u64 env_at;           // where the environment's begin in words
} fresh;

void __attribute__((noreturn)) plain(const char *what, i64 n); // the plain command takes over; n, if not -1, is told with the reason
void __attribute__((noreturn)) stale(const char *what);        // a launcher's image must be made anew
void __attribute__((noreturn)) other(const char *what);        // another image of a launcher may do
void __attribute__((noreturn)) not_same(const char *path);     // stale: so is this file
void __attribute__((noreturn)) sigreturn(u64 frame);
void forget_descriptors(void);
void reap_child(void);

void phase(const char *name); // ends a phase of the thaw, for `run --timings`
const char *reason(const char *before, const char *path, const char *after);
void log_failure(const char *what, i64 n);
void log_success(void);
void say(const char *s);

enum { HUSHED = 8 };
struct was { u64 addr, value, hushed; u64 size; };
struct hushed { u64 n; struct was was[HUSHED]; };
void hush(struct hushed *h);
void unhush(struct hushed *h);

void descriptors(void);
void python(struct hushed *h); // runs the thaw script; returns where the program goes on at its point
void set_changes(void);
void ready(void);  // the last step before code of the program runs
#endif
