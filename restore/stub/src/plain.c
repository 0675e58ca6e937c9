// What is written about a run: one JSON object a line.
#include "launch.h"

// Text inside a JSON string.
static u64 put_json(char *to, u64 at, const char *s, u64 max)
{
	for (; *s && at + 8 < max; s++) {
		u8 c = *s;
		if (c == '"' || c == '\\') {
			to[at++] = '\\';
			to[at++] = c;
		} else if (c < ' ') {
			at = put(to, at, "\\u00", max);
			to[at++] = '0' + (c >> 4);
			to[at++] = "0123456789abcdef"[c & 15];
		} else {
			to[at++] = c;
		}
	}
	to[at] = 0;
	return at;
}

static u64 put_head(char *to, const char *image, u64 max)
{
	u64 at = put(to, 0, "{\"image\":\"", max);
	at = put_json(to, at, image, max - 100);
	at = put(to, at, "\",\"pid\":", max);
	return put_num(to, at, sys3(SYS_getpid, 0, 0, 0), max);
}

// The lines of a thaw that succeeds, and the beginning of that of one that fails.
void log_lines(struct run *run, const char *image)
{
	enum { MAX = sizeof run->log_ok };
	u64 at = put_head(run->log_ok, image, MAX);
	copy(run->log_fail, run->log_ok, at + 1);
	put(run->log_ok, at, ",\"thawed\":true,\"reason\":\"\"}\n", MAX);
	put(run->log_fail, at, ",\"thawed\":false,\"reason\":\"", MAX);
}

// Opens a log, clear of the standard descriptors, which may be closed.
i32 open_log(const char *path)
{
	enum { O_WRONLY = 1, O_CREAT = 0100, O_APPEND = 02000, O_NOCTTY = 0400, O_NONBLOCK = 04000 };
	if (!path || !*path)
		return CLOSED;
	i64 fd = sys4(SYS_openat, AT_FDCWD, path, O_WRONLY | O_APPEND | O_CREAT | O_NOCTTY | O_NONBLOCK | O_CLOEXEC, 0600);
	if (fd < 0)
		return CLOSED;
	i64 n = sys3(SYS_fcntl, fd, F_DUPFD, OURS);
	if (n < 0)
		n = sys3(SYS_fcntl, fd, F_DUPFD, 3);
	sys3(SYS_close, fd, 0, 0);
	return n < 0 ? CLOSED : n;
}

// Tells the log of a plain start.
void log_plain(const char *path, const char *image, const char *why)
{
	char line[2 * TEXT];
	i32 fd = open_log(path);
	if (fd == CLOSED)
		return;
	u64 at = put_head(line, image, sizeof line - TEXT);
	at = put(line, at, ",\"thawed\":false,\"reason\":\"", sizeof line);
	at = put_json(line, at, why, sizeof line - 8);
	at = put(line, at, "\"}\n", sizeof line);
	sys3(SYS_write, fd, line, at);
	sys3(SYS_close, fd, 0, 0);
}
