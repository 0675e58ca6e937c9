// What the stub tells people: the log of runs, the timings, why a thaw was given up.
#include "stub.h"

static char line[1400];
static u32 line_n;

static void add(const char *s)
{
	while (*s && line_n < sizeof line - 1)
		line[line_n++] = *s++;
}

static void add_num(u64 v, int width)
{
	char d[24];
	int n = 0;
	do
		d[n++] = '0' + v % 10;
	while (v /= 10);
	while (n < width)
		d[n++] = ' ';
	while (n && line_n < sizeof line - 1)
		line[line_n++] = d[--n];
}

static void flush_to(i32 fd)
{
	sys3(SYS_write, fd, line, line_n);
	line_n = 0;
}

void say(const char *s)
{
	add(s);
	flush_to(2);
}

// Puts a path into a reason. The memory is that of the call before.
const char *reason(const char *before, const char *path, const char *after)
{
	static char text[4400];
	u64 n = length(before), m = length(path);
	if (m > 4096)
		m = 4096;
	copy(text, before, n);
	copy(text + n, path, m);
	copy(text + n + m, after, length(after) + 1);
	return text;
}

static void add_reason(const char *what, i64 n)
{
	u32 from = line_n;
	add(what);
	if (n != -1) {
		add(n < 0 ? ": error " : ": ");
		add_num(n < 0 ? -n : n, 1);
	}
	for (; from < line_n; from++) // it goes into JSON
		if (line[from] == '"' || line[from] == '\\' || (u8)line[from] < ' ')
			line[from] = '\'';
}

void log_failure(const char *what, i64 n)
{
	if (R.flags & RUN_VERBOSE) {
		add("pyfreeze: plain start: ");
		add_reason(what, n);
		say("\n");
	}
	if (R.log_fd >= 0) {
		add(R.log_fail);
		add_reason(what, n);
		add("\"}\n");
		flush_to(R.log_fd);
	}
}

void log_success(void)
{
	if (R.log_fd < 0)
		return;
	add(R.log_ok);
	flush_to(R.log_fd);
	sys3(SYS_close, R.log_fd, 0, 0);
}

static struct { const char *name; u64 ns, faults; } phases[16];
static u32 nphases;

void phase(const char *name)
{
	if (!(R.flags & RUN_TIMINGS) || nphases == sizeof phases / sizeof *phases)
		return;
	u64 usage[18];
	sys3(SYS_getrusage, 0, usage, 0);
	phases[nphases].name = name;
	phases[nphases].ns = now();
	phases[nphases++].faults = usage[8] + usage[9]; // ru_minflt, ru_majflt
}

static void row(u64 ns, u64 faults, const char *name)
{
	add("pyfreeze: ");
	add_num(ns / 1000, 7);
	add(" ");
	add_num(faults, 7);
	add("  ");
	add(name);
	say("\n");
}

// Told at the end, so that telling is not among what is measured.
void tell_phases(void)
{
	if (!nphases)
		return;
	add("pyfreeze:      us  faults  phase\n");
	row(R.exec_ns - R.start_ns, 0, "checks");
	row(R.entry_ns - R.exec_ns, phases[0].faults,
	    R.argv ? "the stub planted" : "execve, the stub planted");
	u64 last = R.entry_ns, faults = phases[0].faults;
	for (u32 i = 1; i < nphases; i++) {
		row(phases[i].ns - last, phases[i].faults - faults, phases[i].name);
		last = phases[i].ns;
		faults = phases[i].faults;
	}
}
