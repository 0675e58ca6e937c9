// System calls and string helpers of a program without a libc.
#ifndef PYFREEZE_SYS_H
#define PYFREEZE_SYS_H
#include "abi.h"

// Everything lies in one piece: no address goes through a table.
#pragma GCC visibility push(hidden)

#define hidden __attribute__((visibility("hidden")))

static inline i64 sys6(u64 n, u64 a, u64 b, u64 c, u64 d, u64 e, u64 f)
{
	register u64 r10 __asm__("r10") = d;
	register u64 r8 __asm__("r8") = e;
	register u64 r9 __asm__("r9") = f;
	i64 ret;
	__asm__ volatile("syscall" : "=a"(ret) : "0"(n), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9) : "rcx", "r11", "memory");
	return ret;
}
#define sys3(n, a, b, c) sys6(n, (u64)(a), (u64)(b), (u64)(c), 0, 0, 0)
#define sys4(n, a, b, c, d) sys6(n, (u64)(a), (u64)(b), (u64)(c), (u64)(d), 0, 0)

enum {
	SYS_read = 0, SYS_write = 1, SYS_close = 3, SYS_stat = 4, SYS_fstat = 5, SYS_mmap = 9, SYS_mprotect = 10, SYS_munmap = 11, SYS_sigaction = 13,
	SYS_sigprocmask = 14, SYS_pread = 17, SYS_mremap = 25, SYS_getpid = 39, SYS_clone = 56, SYS_execve = 59, SYS_exit = 60,
	SYS_wait4 = 61, SYS_getrlimit = 97, SYS_getrusage = 98, SYS_ptrace = 101, SYS_personality = 135, SYS_prctl = 157, SYS_gettid = 186, SYS_futex = 202,
	SYS_clock_gettime = 228, SYS_exit_group = 231, SYS_fcntl = 72, SYS_openat = 257, SYS_sched_setaffinity = 203, SYS_getcpu = 309, SYS_getrandom = 318, SYS_dup3 = 292, SYS_vm_readv = 310, SYS_vm_writev = 311,
};
enum { PROT_R = 1, PROT_W = 2, PROT_X = 4, MAP_PRIVATE = 2, MAP_FIXED = 0x10, MAP_ANON = 0x20, MAP_NORESERVE = 0x4000, MAP_NOREPLACE = 0x100000, MREMAP_MAYMOVE = 1, MREMAP_FIXED = 2 };
enum { RLIMIT_STACK = 3 };
enum { PR_SET_NAME = 15, PR_SET_PTRACER = 0x59616d61 };
enum { F_SETFD = 2, AT_FDCWD = -100, O_CLOEXEC = 02000000 };
enum { EEXIST = 17, EINTR = 4, WALL = 0x40000000, PAGE = 4096 };

static inline u64 now(void)
{
	u64 ts[2];
	sys3(SYS_clock_gettime, 1, ts, 0);
	return ts[0] * 1000000000ul + ts[1];
}
static inline void copy(void *to, const void *from, u64 n)
{
	__asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(n) : : "memory");
}
static inline u64 length(const char *s)
{
	u64 n = 0;
	while (s[n])
		n++;
	return n;
}
#endif
