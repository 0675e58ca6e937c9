// A library for LD_PRELOAD: takes the place of a function of libc's, and has data of its own.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <string.h>
#include <sys/utsname.h>

static int (*of_libc)(struct utsname *) = 0;
static int calls = 0;

int uname(struct utsname *u)
{
	if (!of_libc)
		of_libc = (int (*)(struct utsname *))dlsym(RTLD_NEXT, "uname");
	if (of_libc(u) < 0)
		return -1;
	calls++;
	strcpy(u->nodename, calls > 0 ? "preloaded" : "broken");
	return 0;
}
