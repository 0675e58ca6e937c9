// System calls and string helpers of a program without a libc.
#ifndef PYFREEZE_SYS_H
#define PYFREEZE_SYS_H
#include "abi.h"

// Everything lies in one piece: no address goes through a table.
#pragma GCC visibility push(hidden)

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
	SYS_read = 0, SYS_write = 1, SYS_close = 3, SYS_stat = 4, SYS_fstat = 5, SYS_lseek = 8, SYS_mmap = 9, SYS_mprotect = 10,
	SYS_munmap = 11, SYS_brk = 12, SYS_sigaction = 13, SYS_sigprocmask = 14, SYS_sigreturn = 15, SYS_pread = 17, SYS_mremap = 25,
	SYS_madvise = 28, SYS_getpid = 39, SYS_socketpair = 53, SYS_clone = 56, SYS_execve = 59, SYS_exit = 60, SYS_wait4 = 61,
	SYS_kill = 62, SYS_fcntl = 72, SYS_getcwd = 79, SYS_chdir = 80, SYS_umask = 95, SYS_getrlimit = 97,
	SYS_getrusage = 98, SYS_ptrace = 101, SYS_getuid = 102, SYS_getgid = 104,
	SYS_geteuid = 107, SYS_getegid = 108, SYS_capget = 125, SYS_sigpending = 127, SYS_sigtimedwait = 128, SYS_prctl = 157,
	SYS_getpriority = 140, SYS_setpriority = 141, SYS_prlimit = 302,
	SYS_arch_prctl = 158, SYS_gettid = 186, SYS_futex = 202, SYS_set_tid_address = 218, SYS_clock_gettime = 228,
	SYS_exit_group = 231, SYS_epoll_ctl = 233, SYS_openat = 257, SYS_fstatat = 262, SYS_faccessat = 269, SYS_set_robust_list = 273,
	SYS_eventfd = 290, SYS_epoll_create = 291, SYS_dup3 = 292, SYS_pipe2 = 293, SYS_vm_readv = 310, SYS_vm_writev = 311,
	SYS_getcpu = 309, SYS_sched_setaffinity = 203, SYS_rseq = 334,
};
enum { PROT_R = 1, PROT_W = 2, PROT_X = 4, MAP_PRIVATE = 2, MAP_FIXED = 0x10, MAP_ANON = 0x20, MAP_GROWSDOWN = 0x100,
	MAP_NORESERVE = 0x4000, MAP_NOREPLACE = 0x100000, MREMAP_MAYMOVE = 1, MREMAP_FIXED = 2 };
enum { PR_SET_NAME = 15, PR_SET_MM = 35, PR_SET_MM_MAP = 14, PR_SET_PTRACER = 0x59616d61, ARCH_SET_GS = 0x1001, ARCH_SET_FS = 0x1002 };
enum { F_DUPFD = 0, F_GETFD = 1, F_SETFD = 2, F_DUPFD_CLOEXEC = 1030, AT_FDCWD = -100, O_CLOEXEC = 02000000, O_RDWR = 2 };
enum { EINTR = 4, EBUSY = 16, ESTALE_ = 116, EEXIST = 17, EINVAL = 22, WALL = 0x40000000, PAGE = 4096, SIGCHLD_ = 17, SIG_SETMASK = 2, RLIMIT_STACK = 3 };
#define TASK_END 0x7ffffffff000ul
#define FAILED(r) ((u64)(r) > -4096ul)
#define PAGES(n) (((n) + PAGE - 1) & -(u64)PAGE)

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
static inline u32 crc32c(u32 crc, const u8 *p, u64 n)
{
	u64 c = (u32)~crc;
	for (; n >= 8; n -= 8, p += 8)
		__asm__("crc32q (%1), %0" : "+r"(c) : "r"(p) : "memory");
	for (; n; n--, p++)
		__asm__("crc32b (%1), %q0" : "+r"(c) : "r"(p) : "memory");
	return ~(u32)c;
}
#endif
