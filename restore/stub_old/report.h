// What the stub tells people: the log of runs, the timings, why a thaw was given up.
#ifndef PYFREEZE_REPORT_H
#define PYFREEZE_REPORT_H
#include "state.h"

static char line[1400] = { 1 };
static u32 line_n = 0;

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

static void say(const char *s)
{
	add(s);
	flush_to(2);
}

static void add_reason(const char *what, u64 n)
{
	u32 from = line_n;
	add(what);
	if (n != -1ul) {
		add(" ");
		add_num(n, 1);
	}
	for (; from < line_n; from++) // it goes into JSON
		if (line[from] == '"' || line[from] == '\\' || (u8)line[from] < ' ')
			line[from] = '\'';
}

static void log_failure(const char *what, u64 n)
{
	if (S.run->flags & RUN_VERBOSE) {
		add("pyfreeze: plain start: ");
		add_reason(what, n);
		say("\n");
	}
	if (S.run->log_fd >= 0) {
		add(S.run->log_fail);
		add_reason(what, n);
		add("\"}\n");
		flush_to(S.run->log_fd);
	}
}

static void log_success(void)
{
	if (S.run->log_fd < 0)
		return;
	add(S.run->log_ok);
	flush_to(S.run->log_fd);
	sys3(SYS_close, S.run->log_fd, 0, 0);
}

static u64 last_ns = 1, last_faults = 1;

// Ends a phase. The numbers are the time and the page faults since the phase before.
static void phase(const char *name)
{
	if (!(S.run->flags & RUN_TIMINGS))
		return;
	u64 usage[18], t = now();
	sys3(SYS_getrusage, 0, usage, 0);
	if (last_ns == 1) { // the first one: account for what came before
		add("pyfreeze:      us  faults  phase\n");
		add("pyfreeze: ");
		add_num((S.run->exec_ns - S.run->start_ns) / 1000, 7);
		add("       0  checks, until execve\npyfreeze: ");
		add_num((S.early_ns - S.run->exec_ns) / 1000, 7);
		add("       0  execve, tries of a layout: ");
		add_num(S.run->attempts, 1);
		add("\n");
		last_ns = S.early_ns;
		last_faults = 0;
	}
	add("pyfreeze: ");
	add_num((t - last_ns) / 1000, 7);
	add(" ");
	add_num(usage[8] + usage[9] - last_faults, 7); // ru_minflt, ru_majflt
	add("  ");
	add(name);
	say("\n");
	last_ns = t;
	last_faults = usage[8] + usage[9];
}
#endif
