// What the program had set for itself in the kernel, which a child of it has, too. It is set when
// nothing else can lead to the plain command any more: that is to find all as it was given to us.
#include "stub.h"

enum { NO_NEW_PRIVS = 38 };

static int may_fail(struct change *c)
{
	u64 now[2] = { 0 };
	switch (c->kind) {
	case CHANGE_LIMIT:
		sys4(SYS_prlimit, 0, c->which, 0, now);
		return c->b > now[1];
	case CHANGE_NICE: // getpriority(2) gives 20 less the value
		return 20 - (i64)c->a > sys3(SYS_getpriority, 0, 0, 0);
	case CHANGE_CWD:
		return 1;
	}
	return 0;
}

static i64 change(struct change *c)
{
	u64 limit[2] = { c->a, c->b };
	switch (c->kind) {
	case CHANGE_LIMIT:
		return sys4(SYS_prlimit, 0, c->which, limit, 0);
	case CHANGE_NICE:
		return sys3(SYS_setpriority, 0, 0, c->a);
	case CHANGE_CWD:
		return sys3(SYS_chdir, AT(char, c->a), 0, 0);
	case CHANGE_UMASK:
		sys3(SYS_umask, c->a, 0, 0);
		return 0;
	case CHANGE_NO_NEW_PRIVS:
		return sys6(SYS_prctl, NO_NEW_PRIVS, 1, 0, 0, 0, 0);
	}
	return 0; // the launcher has looked at it
}

void set_changes(void)
{
	struct way *w = &H->ways[R.mode];
	for (int may = 1; may >= 0; may--) { // first what may fail
		struct change *c = AT(struct change, w->changes);
		for (u32 i = 0; i < w->nchanges; i++, c++) {
			if (may_fail(c) != may)
				continue;
			i64 r = change(c);
			if (FAILED(r) && may)
				plain("what the program had set for itself cannot be set here", r);
		}
	}
}
