// The beginning of every pyfreeze, before the Go runtime starts: `pyfreeze run IMAGE ARGS...` and launchers become their command here, thawed
// or plain, in a fraction of the time that a runtime takes to start, and in the little memory that a limit may leave. All else, and what is
// no image, is left to the Go code.
#include "launch.h"

enum { STACK = 64 << 10, MAX_ARGS = 1 << 20 };

struct room { // everything that the tracer child needs, in memory of its own
	struct spawn args;
	struct run run;
	struct plan plan;
	u8 stack[STACK];
};

// Thaws in this process: no exec, no tracer. Only the link /proc/self/exe needs a right to be set.
static void thaw_here(struct room *m, struct request *q, int set_exe)
{
	struct plan *p = &m->plan;
	struct stub *s = (struct stub *)m->args.program;
	struct head *h = (struct head *)(m->args.program + s->used);
	u64 tables = m->args.program_len - s->used, size = PAGES(s->end + tables), base = h->base;
	if (sys6(SYS_mmap, base, size, PROT_R | PROT_W, MAP_PRIVATE | MAP_ANON | MAP_NOREPLACE, -1, 0) != (i64)base) {
		put(p->why, 0, "no memory for the loader stub", TEXT);
		return;
	}
	m->run.flags |= set_exe ? RUN_EXE : 0;
	m->run.argc = p->argc;
	m->run.argv = (u64)p->argv;
	m->run.envp = (u64)q->envp;
	m->run.exec_ns = now();
	copy((void *)base, s, s->used);
	copy((void *)(base + s->end), h, tables);
	copy((void *)(base + s->run), &m->run, sizeof m->run);
	if (sys3(SYS_mprotect, base, s->text, PROT_R | PROT_X)) {
		sys3(SYS_munmap, base, size, 0);
		put(p->why, 0, "the kernel lets no memory be executed that was written", TEXT);
		return;
	}
	((void (*)(void))(base + s->thaw))();
	__builtin_trap();
}

static void close_verdict(struct room *m)
{
	sys3(SYS_close, m->run.verdict_fd, 0, 0);
	m->run.verdict_fd = CLOSED;
}

// Makes a child that looks at the sources, and a pipe by which it tells what it finds: that is read
// when the thaw script has run. Returns what spawn returns, or an error.
static i64 make_child(struct room *m, i64 (*spawn)(struct spawn *))
{
	u64 all = ~0ul, old;
	i32 ends[2];
	struct spawn *a = &m->args;
	a->sources = m->plan.files;
	a->sources_end = m->plan.files_end;
	a->nsources = m->plan.nfiles;
	i64 r = sys3(SYS_pipe2, ends, O_CLOEXEC, 0);
	if (r < 0)
		return r;
	a->verdict_fd = ends[1];
	r = sys3(SYS_fcntl, ends[0], F_DUPFD, OURS);
	if (r < 0)
		r = sys3(SYS_fcntl, ends[0], F_DUPFD, 3);
	m->run.verdict_fd = r;
	sys3(SYS_close, ends[0], 0, 0);
	if (r >= 0) {
		sys3(SYS_sigpending, &m->run.signals, 8, 0);
		sys4(SYS_sigprocmask, SIG_SETMASK, &all, &old, 8);
		r = spawn(a);
		sys4(SYS_sigprocmask, SIG_SETMASK, &old, 0, 8);
		if (r < 0)
			close_verdict(m);
	}
	sys3(SYS_close, ends[1], 0, 0);
	return r;
}

// Ends a child that is not needed any more.
static void end_child(struct room *m, i64 pid)
{
	close_verdict(m);
	sys3(SYS_kill, pid, 9, 0);
	while (sys4(SYS_wait4, pid, 0, WALL, 0) == -EINTR)
		;
	m->run.child_pid = 0;
}

// Would a child be the first process of a new namespace, and its end the end of that? unshare(2).
static int begins_namespace(void)
{
	u64 own[18] = { 0 }, childrens[18] = { 1 };
	return sys4(SYS_fstatat, AT_FDCWD, "/proc/self/ns/pid", own, 0) < 0 ||
	       sys4(SYS_fstatat, AT_FDCWD, "/proc/self/ns/pid_for_children", childrens, 0) < 0 ||
	       own[1] != childrens[1];
}

// A child looks at the sources while this process becomes the thawed one. Returns 0 where there
// can be none.
static int check_meanwhile(struct room *m)
{
	enum { FEW = 40 }; // a child takes as long as they do
	i64 pid = -1;
	if (m->plan.nfiles >= FEW && !begins_namespace())
		pid = make_child(m, spawn_checker);
	m->run.child_pid = pid < 0 ? 0 : pid;
	return pid >= 0;
}

// The process becomes the interpreter by an exec, of which a child takes hold. Returns 0 where no
// child may do so.
static int thaw_by_exec(struct room *m, struct request *q)
{
	struct spawn *a = &m->args;
	struct plan *p = &m->plan;
	a->stack_top = (u64)m->stack + STACK;
	a->tracee = sys3(SYS_getpid, 0, 0, 0);
	a->run = (u64)&m->run;
	put(p->why, 0, "no descriptor for the answer of the tracer child", TEXT);
	if (make_child(m, spawn_tracer) < 0)
		return 0;
	m->run.exec_ns = now();
	sys3(SYS_execve, p->exe, p->argv, q->envp);
	end_child(m, a->child);
	put(p->why, 0, "the interpreter could not be executed", TEXT);
	return 1;
}

// May this process change /proc/self/exe? prctl(2), PR_SET_MM_MAP.
static int may_set_exe(void)
{
	enum { SYS_ADMIN = 21, CHECKPOINT_RESTORE = 40 };
	struct { u32 version; i32 pid; } header = { 0x20080522, 0 };
	u32 data[6] = { 0 }; // effective, permitted, inheritable; twice
	if (sys3(SYS_capget, &header, data, 0) < 0)
		return 0;
	return data[SYS_ADMIN / 32] >> SYS_ADMIN % 32 & 1 || data[3] >> (CHECKPOINT_RESTORE - 32) & 1;
}

// Has a libc begun in this process? It told the kernel of its rseq area, of which nobody but it can tell the kernel to forget it.
static int has_libc(char **envp)
{
	enum { AT_BASE = 7 };
	while (*envp++)
		;
	for (u64 *aux = (u64 *)envp; aux[0]; aux += 2)
		if (aux[0] == AT_BASE)
			return aux[1] != 0;
	return 0;
}

// Returns only if nothing was done; plan.why says why.
static void thaw(struct room *m, struct request *q)
{
	struct plan *p = &m->plan;
	int may = may_set_exe();
	if (has_libc(q->envp))
		q->way = 'e';
	if (q->way == 'e' || (q->way != 'h' && !may)) {
		if (thaw_by_exec(m, q) || q->way == 'e')
			return; // else tracing is forbidden
	}
	struct spawn files = { .sources = p->files, .sources_end = p->files_end, .nsources = p->nfiles,
			       .strict = m->args.strict };
	if (!check_meanwhile(m) && !check_sources(&files, &p->which)) {
		u64 n = put(p->why, 0, "the image does not fit: ", TEXT);
		n = put(p->why, n, p->which, TEXT);
		put(p->why, n, " has changed since", TEXT);
		return;
	}
	thaw_here(m, q, may);
	if (m->run.child_pid)
		end_child(m, m->run.child_pid);
}

// What stands against the changes that a program has made to what the kernel keeps of it; 0:
// nothing.
static const char *no_change(const struct head *h, const struct way *w)
{
	const struct change *c = (const struct change *)((const char *)h + w->changes);
	char cwd[4096];
	for (u32 i = 0; i < w->nchanges; i++, c++) {
		// It may have named the new directory from where it was started.
		if (c->kind == CHANGE_CWD &&
		    (sys3(SYS_getcwd, cwd, sizeof cwd, 0) <= 0 || !same(cwd, (const char *)h + c->b)))
			return "the program changes its directory, and was started in another one";
		if (c->kind == CHANGE_USER &&
		    ((u64)sys3(SYS_geteuid, 0, 0, 0) != c->a || (u64)sys3(SYS_getegid, 0, 0, 0) != c->b))
			return "the frozen process had another user, or another group";
	}
	return 0;
}

// Can the image do what is asked of it? plan.why says why not.
static int check_way(const struct image *im, struct request *q, struct plan *p)
{
	const struct stub *s = (const struct stub *)(im->head + im->program);
	const struct head *h = (const struct head *)((const u8 *)s + s->used);
	const struct way *w = &h->ways[q->mode];
	const char *why = 0;
	i64 pid = sys3(SYS_getpid, 0, 0, 0);
	if (!w->way)
		why = "the image cannot be run in this way";
	else if (q->entry[0] && w->flags & HEAD_RESUME)
		why = "the image goes on at its point: it runs no other script, module or code";
	else if ((why = no_change(h, w)))
		q->fits = 1;
	else if (h->pid == pid || h->hooks_pid == pid) { // who tells a fork by that would see none
		why = "this process has the number of the frozen one, which no child of it could have";
		q->fits = 1;
	}
	put(p->why, 0, why ? why : "", TEXT);
	return !why;
}

// Runs the image behind fd, which it closes, with the arguments: thawed, else plain; a launcher's only thawed. Returns if that is not possible.
void run_image(i64 fd, struct request *q, char *why)
{
	struct image im = { 0 };
	enum image_state state = read_image(fd, &im);
	u64 max = q->stack[0] + 64, space = PAGES(sizeof(struct room) + 2 * (max + 1) * sizeof(char *));
	i64 at = state == IMAGE_BAD ? -1 : (i64)sys6(SYS_mmap, 0, space, PROT_R | PROT_W, MAP_PRIVATE | MAP_ANON, -1, 0);
	put(why, 0, "it is no image, or not to be trusted", TEXT);
	if (!FAILED(at)) {
		struct room *m = (struct room *)at;
		struct plan *p = &m->plan;
		struct reader r = { im.head + im.guards, im.head + im.guards + im.guards_len, 0 };
		p->a = &m->args;
		m->args.strict = q->strict;
		p->argv = (const char **)(m + 1);
		m->args.program = (u64)im.head + im.program;
		m->args.program_len = im.program_len;
		m->run.flags = q->flags;
		m->run.mode = q->mode;
		m->run.start_ns = q->start;
		m->run.stack = (u64)q->stack;
		m->run.image_fd = m->run.log_fd = m->run.verdict_fd = CLOSED;
		if (read_command(&r, p, q, max)) {
			if (state == IMAGE_CUT) {
				put(p->why, 0, "the image was cut short, or others may write to it", TEXT);
			} else if (!check_guards(&r, p, q->envp)) {
				q->elsewhere = p->elsewhere;
			} else if (check_way(&im, q, p)) {
				u64 n = 0;
				for (const char **w = q->again; w && *w && n < sizeof m->run.again - 1; w++)
					n = put(m->run.again, n, *w, sizeof m->run.again - 1) + 1;
				for (n = 0; p->comm[n] && n < 15; n++)
					m->run.comm[n] = p->comm[n];
				m->run.skip = p->words;
				m->run.log_fd = open_log(q->log);
				if (m->run.log_fd >= 0)
					log_lines(&m->run, q->image);
				m->run.image_fd = sys3(SYS_fcntl, fd, F_DUPFD, OURS);
				if (m->run.image_fd < 0)
					m->run.image_fd = sys3(SYS_fcntl, fd, F_DUPFD, 3);
				put(p->why, 0, "no descriptor for the image", TEXT);
				if (m->run.image_fd >= 0) {
					sys3(SYS_close, fd, 0, 0);
					thaw(m, q);
					fd = m->run.image_fd;
				}
				if (m->run.log_fd >= 0)
					sys3(SYS_close, m->run.log_fd, 0, 0);
			}
			put(why, 0, p->why, TEXT);
			if (!q->again) {
				if (q->flags & RUN_VERBOSE) {
					char line[TEXT + 64];
					u64 n = put(line, 0, "pyfreeze: plain start: ", sizeof line);
					n = put(line, n, p->why, sizeof line);
					sys3(SYS_write, 2, line, put(line, n, "\n", sizeof line));
				}
				log_plain(q->log, q->image, p->why);
				sys3(SYS_close, fd, 0, 0);
				sys3(SYS_execve, p->plain_exe, p->plain, q->envp);
				put(why, 0, "the plain command could not be started either", TEXT);
			}
		}
		sys3(SYS_munmap, m, space, 0);
	}
	forget_image(&im);
	sys3(SYS_close, fd, 0, 0);
}

// Returns only if nothing was done.
__attribute__((used)) void launch_run(u64 *stack)
{
	u64 argc = stack[0], i = 2;
	char **argv = (char **)(stack + 1), **envp = argv + argc + 1, why[TEXT];
	struct request q = { .start = now(), .envp = envp, .stack = stack };
	if (argc < 3 || argc > MAX_ARGS)
		return;
	if (same(argv[1], "launch"))
		launch(stack, argv, envp, q.start);
	if (!same(argv[1], "run"))
		return;
	for (; i < argc && argv[i][0] == '-'; i++) {
		const char *v = argv[i + 1];
		if (same(argv[i], "-v") || same(argv[i], "--verbose"))
			q.flags |= RUN_VERBOSE;
		else if (same(argv[i], "-q") || same(argv[i], "--quiet"))
			q.flags |= RUN_QUIET;
		else if (same(argv[i], "--timings"))
			q.flags |= RUN_TIMINGS;
		else if (same(argv[i], "--strict"))
			q.strict = 1;
		else if (same(argv[i], "--resume"))
			q.mode = MODE_RESUME;
		else if (same(argv[i], "--way=here") || same(argv[i], "--way=exec"))
			q.way = argv[i][6];
		else if (v && same(argv[i], "--entry"))
			q.entry[0] = v, q.entry[1] = 0, i++;
		else if (v && (same(argv[i], "-m") || same(argv[i], "-c")))
			q.entry[0] = argv[i], q.entry[1] = v, i++;
		else
			return;
	}
	if (i >= argc)
		return;
	if (q.entry[0]) // whoever names what is run knows what it runs on
		q.flags |= RUN_QUIET;
	i64 fd = sys4(SYS_openat, AT_FDCWD, argv[i], O_CLOEXEC | 04000 /* O_NONBLOCK */, 0);
	q.image = argv[i];
	q.args = argv + i + 1;
	q.log = env(envp, "PYFREEZE_LOG");
	if (fd >= 0)
		run_image(fd, &q, why);
}
