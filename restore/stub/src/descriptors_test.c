// The stub's making of descriptors, as a program of its own: descriptors_test TABLES LOG_FD makes
// those of the tables, which the Go side has written as for an image, and waits, so that the test
// can look at them. At a byte from the test it forgets them, as a thaw that is given up does.
#include <stdio.h>
#include <stdlib.h>
#include "stub.h"
#include "report.c"
#include "fds.c"

enum { HELD = 0x10000000, NHELD = 4 }; // where the program keeps numbers of descriptors

struct run R;
char stub_end[1 << 20];

static void tell(void)
{
	struct fd *f = AT(struct fd, H->fds);
	printf("log %d held", R.log_fd);
	for (int i = 0; i < NHELD; i++)
		printf(" %d", ((i32 *)HELD)[i]);
	printf(" made %u", made);
	for (u32 i = 0; i < made; i++)
		printf(" %d %d", f[i].fd, f[i].other);
	puts("");
	fflush(stdout);
}

void plain(const char *what, i64 n)
{
	forget_descriptors();
	printf("plain %s %ld\n", what, n);
	fflush(stdout);
	getchar();
	exit(0);
}

// That of thaw.c compares, too.
i64 open_file(u32 off, i64 flags)
{
	return sys4(SYS_openat, AT_FDCWD, AT(char, AT(struct file, off)->path), flags, 0);
}

int main(int argc, char **argv)
{
	FILE *f = argc == 3 ? fopen(argv[1], "re") : 0;
	if (!f || !fread(stub_end, 1, sizeof stub_end, f))
		abort();
	fclose(f);
	if (sys6(SYS_mmap, HELD, PAGE, PROT_R | PROT_W, MAP_PRIVATE | MAP_ANON | MAP_FIXED, -1, 0) != HELD)
		abort();
	R.image_fd = R.verdict_fd = -1;
	R.log_fd = atoi(argv[2]); // inherited
	descriptors();
	tell();
	getchar();
	forget_descriptors();
	puts("forgotten");
	fflush(stdout);
	getchar();
	return 0;
}
