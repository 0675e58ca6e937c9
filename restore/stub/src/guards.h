// Numbers of eight bytes, strings with their length before and a NUL behind.
#ifndef PYFREEZE_GUARDS_H
#define PYFREEZE_GUARDS_H
#include "launch.h"

struct reader { const u8 *p, *end; int bad; };

u64 get_num(struct reader *r);
const char *get_str(struct reader *r);
u64 get_list(struct reader *r, const char **argv, u64 at, u64 max);
int utf8_mode(char **envp);
int listed(const char *entry, const char *words);
int same_environment(struct reader *r, char **envp);
int same_files(struct reader *r, u64 n, int first, const char **which);
#endif
