// The launcher's decisions, as a program of its own: tests send it vectors and compare what it says
// with what the Go code says (restore/internal/parity). It is no part of what build.sh makes.
//
// A question is a number of blobs, each with its length before it; the first names what is asked.
// An answer is one blob: fields with a NUL behind each. All numbers are u32.
//
// Blobs lie at the end of a page that nothing follows: a byte read too far ends the process, and
// the test sees that.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "image.c"
#include "guards.c"
#include "reads.c"
#include "plain.c"
#include "sets.c"
#include "launcher.c"

enum { MAX_BLOBS = 4096 };

struct blob { char *at; u64 len, map; char *base; };

static struct blob blobs[MAX_BLOBS];
static char *env_words[MAX_BLOBS];
static FILE *answer;

// launch() would go on here; no question comes so far.
void run_image(i64 fd, struct request *q, char *why)
{
	(void)fd, (void)q, (void)why;
	abort();
}

static void say(const char *s) { fwrite(s, strlen(s) + 1, 1, answer); }

static void say_num(u64 n)
{
	fprintf(answer, "%lu", n);
	fputc(0, answer);
}

// Room for n bytes that ends where a page of no rights begins.
static struct blob place(u64 n)
{
	struct blob b = { .len = n, .map = PAGES(n) + PAGE };
	b.base = (char *)sys6(SYS_mmap, 0, b.map, PROT_R | PROT_W, MAP_PRIVATE | MAP_ANON, -1, 0);
	if (FAILED(b.base) || sys3(SYS_mprotect, b.base + b.map - PAGE, PAGE, 0))
		abort();
	b.at = b.base + b.map - PAGE - n;
	return b;
}

static u32 read_num(void)
{
	u32 n;
	if (fread(&n, sizeof n, 1, stdin) != 1)
		exit(0); // the test is over
	return n;
}

// Reads the blobs of a question: strings, with a NUL behind; of !NAME the second one is bytes.
static u32 read_question(void)
{
	u32 count = read_num();
	if (!count || count > MAX_BLOBS - 1)
		abort();
	for (u32 i = 0; i < count; i++) {
		u32 n = read_num();
		int raw = i == 1 && blobs[0].at[0] == '!';
		blobs[i] = place(n + !raw);
		blobs[i].len = n;
		if (n && fread(blobs[i].at, n, 1, stdin) != 1)
			abort();
		if (!raw)
			blobs[i].at[n] = 0;
	}
	return count;
}

// The environment is what is left of the blobs.
static char **environment(u32 from, u32 count)
{
	u32 n = 0;
	for (u32 i = from; i < count; i++)
		env_words[n++] = blobs[i].at;
	env_words[n] = 0;
	return env_words;
}

// !guards GUARDS NARGS ENTRY ARG... ENV...: what run_image() makes of them, up to the thaw.
// ENTRY: "" or a name in place of the script.
static void ask_guards(u32 count)
{
	static const char *words[2 * MAX_BLOBS], *args[MAX_BLOBS];
	static struct plan p;
	static struct spawn a;
	u32 nargs = atoi(blobs[2].at);
	for (u32 i = 0; i < nargs; i++)
		args[i] = blobs[4 + i].at;
	args[nargs] = 0;
	struct reader r = { (u8 *)blobs[1].at, (u8 *)blobs[1].at + blobs[1].len, 0 };
	struct request q = { .args = (char **)args };
	if (blobs[3].len)
		q.entry[0] = blobs[3].at;
	memset(&p, 0, sizeof p);
	memset(&a, 0, sizeof a);
	p.a = &a;
	p.argv = words;
	u64 max = nargs + 3 + 64; // pyfreeze run IMAGE; as in run_image()
	char **envp = environment(4 + nargs, count);
	if (!read_command(&r, &p, &q, max)) {
		say("damaged");
		return;
	}
	struct spawn files = { 0 };
	int fits = check_guards(&r, &p, envp);
	files.sources = p.files, files.sources_end = p.files_end, files.nsources = p.nfiles;
	const char *which = "";
	if (!fits)
		say("unfit");
	else if (!check_sources(&files, &which))
		say("stale");
	else
		say("fits");
	say(fits ? which : p.why);
	say(p.exe);
	say(p.comm);
	say_num(a.gate);
	say_num(p.words);
	for (u64 i = 0; i < p.argc; i++)
		say(p.argv[i]);
	if (p.argv[p.argc])
		abort();
}

// image PATH
static void ask_image(void)
{
	static const char *states[] = { "good", "cut", "bad" };
	struct image im = { 0 };
	i64 fd = sys4(SYS_openat, AT_FDCWD, blobs[1].at, O_CLOEXEC | O_NONBLOCK, 0);
	if (fd < 0) {
		say("none");
		return;
	}
	enum image_state state = read_image(fd, &im);
	say(states[state]);
	say_num(im.len);
	if (state != IMAGE_BAD) {
		say_num(im.program), say_num(im.program_len);
		say_num(im.guards), say_num(im.guards_len);
	}
	forget_image(&im);
	sys3(SYS_close, fd, 0, 0);
}

// trusted PATH
static void ask_trusted(void)
{
	u64 st[18];
	i64 r = sys4(SYS_fstatat, AT_FDCWD, blobs[1].at, st, 0);
	say_num(r == 0 && trusted(st));
}

// !crc BYTES SPLIT: both ways to sum, in two parts.
static void ask_crc(void)
{
	const u8 *p = (u8 *)blobs[1].at;
	u64 n = blobs[1].len, k = atol(blobs[2].at);
	for (int fast = 0; fast <= has_crc32(); fast++)
		say_num(checksum(checksum(0, p, k, fast), p + k, n - k, fast));
}

static struct launcher *new_launcher(void)
{
	static struct launcher l;
	memset(&l, 0, sizeof l);
	return &l;
}

static void say_or_none(const char *s) { say(s ? s : "(none)"); }

// launcher PATH
static void ask_launcher(void)
{
	struct launcher *l = new_launcher();
	say_num(read_launcher(l, blobs[1].at));
	say_or_none(l->name), say_or_none(l->program), say_or_none(l->cache), say_or_none(l->env);
}

// program PATH ENV...: what a launcher starts.
static void ask_program(u32 count)
{
	struct launcher *l = new_launcher();
	if (!read_launcher(l, blobs[1].at))
		say("(no launcher)");
	else
		say(find_program(l, environment(2, count)) ? l->path : "");
}

// find PATH ENV...: where the image is for this program and environment, or where it was looked for
// last.
static void ask_find(u32 count)
{
	struct launcher *l = new_launcher();
	char **envp = environment(2, count), key[40];
	int failed = 0;
	if (!read_launcher(l, blobs[1].at) || !find_program(l, envp)) {
		say("(no launcher)");
		return;
	}
	i64 fd = find_image(l, envp, image_key(l, envp), 0, &failed);
	snprintf(key, sizeof key, "%016lx", image_key(l, envp));
	say(key);
	say(l->file);
	say(l->log);
	say_num(fd >= 0);
	say_num(failed);
	if (fd >= 0)
		sys3(SYS_close, fd, 0, 0);
}

// lines IMAGE: what a thaw writes to its log.
static void ask_lines(void)
{
	static struct run run;
	memset(&run, 0, sizeof run);
	log_lines(&run, blobs[1].at);
	say(run.log_ok);
	say(run.log_fail);
}

static int ask(u32 count)
{
	const char *what = blobs[0].at;
	if (same(what, "utf8"))
		say_num(utf8_mode(environment(1, count)));
	else if (same(what, "listed"))
		say_num(listed(blobs[1].at, blobs[2].at));
	else if (same(what, "counts"))
		say_num(counts(blobs[1].at, blobs[2].at));
	else if (same(what, "env"))
		say_or_none(env(environment(2, count), blobs[1].at));
	else if (same(what, "!guards"))
		ask_guards(count);
	else if (same(what, "image"))
		ask_image();
	else if (same(what, "trusted"))
		ask_trusted();
	else if (same(what, "!crc"))
		ask_crc();
	else if (same(what, "!program"))
		say_num(known_program((u8 *)blobs[1].at, blobs[1].len));
	else if (same(what, "launcher"))
		ask_launcher();
	else if (same(what, "is-launcher"))
		say_num(is_launcher(blobs[1].at));
	else if (same(what, "program"))
		ask_program(count);
	else if (same(what, "find"))
		ask_find(count);
	else if (same(what, "lines"))
		ask_lines();
	else if (same(what, "log"))
		log_plain(blobs[1].at, blobs[2].at, blobs[3].at);
	else
		return 0;
	return 1;
}

int main(void)
{
	for (;;) {
		u32 count = read_question();
		char *text = 0;
		size_t len = 0;
		answer = open_memstream(&text, &len);
		if (!answer || !ask(count))
			abort();
		fclose(answer);
		u32 n = len;
		fwrite(&n, sizeof n, 1, stdout);
		fwrite(text, 1, len, stdout);
		fflush(stdout);
		free(text);
		for (u32 i = 0; i < count; i++)
			sys3(SYS_munmap, blobs[i].base, blobs[i].map, 0);
	}
}
