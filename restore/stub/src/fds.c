// Descriptors of the frozen process, made again under their numbers.
#include "stub.h"

i64 open_file(u32 off, i64 flags);

static u32 made;       // how many of the table
static i32 loose = -1; // one end of a pair in the making

static int taken(i32 fd) { return sys3(SYS_fcntl, fd, F_GETFD, 0) >= 0; }

void forget_descriptors(void)
{
	struct fd *f = AT(struct fd, H->fds);
	for (u32 i = 0; i < made; i++, f++) {
		if (f->kind == FD_EPOLL_ADD)
			continue;
		if (f->fd >= 0)
			sys3(SYS_close, f->fd, 0, 0);
		if ((f->kind == FD_PIPE || f->kind == FD_SOCKETS) && f->other >= 0)
			sys3(SYS_close, f->other, 0, 0);
	}
	if (loose >= 0)
		sys3(SYS_close, loose, 0, 0);
}

// Our own descriptors give way to the program's numbers.
static void give_way(i32 *ours, i32 want)
{
	if (*ours == want) {
		i64 n = sys3(SYS_fcntl, want, F_DUPFD_CLOEXEC, 512);
		if (FAILED(n))
			n = sys3(SYS_fcntl, want, F_DUPFD_CLOEXEC, 10);
		sys3(SYS_close, want, 0, 0);
		*ours = FAILED(n) ? -1 : n;
	}
}

// Puts fd where the program has it. Where that number is the caller's already and all that hold it are known, it gets another.
static i32 put(i64 fd, i32 want, u64 cloexec, u32 nholds, u32 holds)
{
	if (FAILED(fd))
		plain("a descriptor could not be opened again", fd);
	if (fd == want)
		return want;
	give_way(&R.log_fd, want);
	give_way(&R.verdict_fd, want);
	if (taken(want)) {
		u64 *at = AT(u64, holds);
		i64 n = nholds ? sys3(SYS_fcntl, fd, cloexec ? F_DUPFD_CLOEXEC : F_DUPFD, want) : -1;
		sys3(SYS_close, fd, 0, 0);
		if (FAILED(n))
			plain("the number of a descriptor that the image has is in use", want);
		for (u32 i = 0; i < nholds; i++)
			*(i32 *)at[i] = n;
		return n;
	}
	i64 r = sys3(SYS_dup3, fd, want, cloexec);
	sys3(SYS_close, fd, 0, 0);
	if (FAILED(r))
		plain("a descriptor could not be opened again", r);
	return want;
}

// Writes what waits at the other end, for which a fresh pair has room.
static void fill(i32 fd, u32 bytes, u64 n)
{
	if (n && sys3(SYS_write, fd, AT(char, bytes), n) != (i64)n)
		plain("what was in a pipe could not be written", -1);
}

// Gives one end of a pair the flags that it had.
static void like(i32 fd, u32 flags)
{
	enum { F_SETFL = 4, O_NONBLOCK = 04000, FD_CLOEXEC = 1 };
	i64 r = sys3(SYS_fcntl, fd, F_SETFD, flags & O_CLOEXEC ? FD_CLOEXEC : 0);
	if (!FAILED(r) && flags & O_NONBLOCK)
		r = sys3(SYS_fcntl, fd, F_SETFL, O_NONBLOCK);
	if (FAILED(r))
		plain("a pair of descriptors could not be made again", r);
}

static void make(struct fd *f)
{
	enum { O_NONBLOCK = 04000, SOCK_STREAM = 1, AF_UNIX = 1, CTL_ADD = 1 };
	u64 cloexec = f->flags & O_CLOEXEC, nonblock = f->flags & O_NONBLOCK;
	i32 ends[2] = { -1, -1 };
	i64 r = 0;
	switch (f->kind) {
	case FD_FILE:
		r = f->file ? open_file(f->file, f->flags) : sys4(SYS_openat, AT_FDCWD, AT(char, f->path), f->flags, 0);
		if (FAILED(r))
			plain(reason("cannot open again ", AT(char, f->path), ""), r);
		if (f->offset && FAILED(sys3(SYS_lseek, r, f->offset, 0))) {
			sys3(SYS_close, r, 0, 0);
			plain("a file cannot be read on where it was", -1);
		}
		f->fd = put(r, f->fd, cloexec, f->nholds, f->holds);
		return;
	case FD_NULL: // its number is kept from use, unless the caller passed it on
		if (!taken(f->fd))
			put(sys4(SYS_openat, AT_FDCWD, "/dev/null", O_RDWR | O_CLOEXEC, 0), f->fd, O_CLOEXEC, 0, 0);
		else
			f->fd = -1;
		return;
	case FD_PIPE:
		r = sys3(SYS_pipe2, ends, O_CLOEXEC, 0);
		break;
	case FD_SOCKETS:
		r = sys4(SYS_socketpair, AF_UNIX, SOCK_STREAM | O_CLOEXEC, 0, ends);
		break;
	case FD_EVENT:
		f->fd = put(sys3(SYS_eventfd, f->offset, cloexec | nonblock, 0), f->fd, cloexec, f->nholds, f->holds);
		return;
	case FD_EPOLL:
		f->fd = put(sys3(SYS_epoll_create, cloexec, 0, 0), f->fd, cloexec, f->nholds, f->holds);
		return;
	case FD_EPOLL_ADD: {
		struct { u32 events; u64 data; } __attribute__((packed)) ev = { f->flags, f->offset };
		r = sys4(SYS_epoll_ctl, f->fd, CTL_ADD, f->other, &ev);
		if (FAILED(r))
			plain("an epoll could not be made again", r);
		return;
	}
	}
	if (FAILED(r))
		plain("a pair of descriptors could not be made again", r);
	// Clear of each other's numbers.
	i64 second = sys3(SYS_fcntl, ends[1], F_DUPFD_CLOEXEC, f->other > f->fd ? f->other + 1 : f->fd + 1);
	sys3(SYS_close, ends[1], 0, 0);
	loose = FAILED(second) ? -1 : second;
	i32 a = put(ends[0], f->fd, O_CLOEXEC, 0, 0);
	loose = a;
	i32 b = put(second, f->other, O_CLOEXEC, 0, 0);
	loose = -1;
	f->fd = a;
	f->other = b;
	fill(b, f->path, f->offset);
	if (f->kind == FD_SOCKETS)
		fill(a, f->holds, f->nholds);
	like(a, f->flags);
	like(b, f->file);
}

void descriptors(void)
{
	for (made = 0; made < H->nfds; made++)
		make(AT(struct fd, H->fds) + made);
}
