// What a program has switched on: a guess, by which an image is chosen that has it loaded. A recipe
// tells where to look (SETS, SET_ENV, SET_FILES of docs/recipes.md). It need not be right: the thaw
// looks again, as the program itself would, and where it finds something else another image is
// taken.
#include "launch.h"

enum { SET_PATH = 4096, SET_TEXT = 8192, WORD = 256 };

// Takes the next word of a list. 0: there is none.
static const char *next_word(const char *list, char *to)
{
	u64 n = 0;
	while (*list == ' ')
		list++;
	if (!*list)
		return 0;
	for (; *list && *list != ' '; list++)
		if (n < WORD - 1)
			to[n++] = *list;
	to[n] = 0;
	return list;
}

// A file as it is: another one, or another time, another sum.
static u64 file_sum(const char *path)
{
	u64 st[18];
	if (sys4(SYS_fstatat, AT_FDCWD, path, st, 0) < 0)
		return 0;
	u64 id[6] = { mix((const u8 *)path, length(path)), st[0], st[1], st[6], st[11], st[12] };
	return mix((const u8 *)id, sizeof id);
}

// $NAME stands for all the paths that a variable has, ~ for the user's directory.
static u64 files_sum(const char *files, char **envp)
{
	char word[WORD], path[SET_PATH];
	const char *home = env(envp, "HOME"), *v;
	u64 sum = 0;
	while ((files = next_word(files, word))) {
		if (word[0] == '~' && home) {
			put(path, put(path, 0, home, SET_PATH), word + 1, SET_PATH);
			sum += file_sum(path);
		} else if (word[0] == '$') {
			for (v = env(envp, word + 1); v && *v; v += *v == ':') {
				u64 n = 0;
				for (; *v && *v != ':'; v++)
					if (n < SET_PATH - 1)
						path[n++] = *v;
				path[n] = 0;
				sum += file_sum(path);
			}
		} else {
			sum += file_sum(word);
		}
	}
	return sum;
}

// The lines of one section of a file of settings.
static u64 section_sum(const char *path, const char *section)
{
	char text[SET_TEXT];
	i64 fd = sys4(SYS_openat, AT_FDCWD, path, O_CLOEXEC | 04000 /* O_NONBLOCK */, 0), n = -1;
	if (fd < 0)
		return 0;
	n = sys3(SYS_read, fd, text, SET_TEXT - 1);
	sys3(SYS_close, fd, 0, 0);
	if (n < 0)
		return 0;
	if (n == SET_TEXT - 1)
		return file_sum(path); // more than is looked at
	text[n] = 0;
	u64 sum = 0;
	int in = 0;
	for (const char *s = text; *s;) {
		const char *line = s, *v;
		while (*s && *s != '\n')
			s++;
		if (*line == '[')
			in = (v = starts(line + 1, section)) && *v == ']';
		else if (s > line && (in || *line == '%')) // %include FILE
			sum = mix((const u8 *)line, s - line) + 31 * sum;
		s += *s == '\n';
	}
	return sum;
}

// The file of the nearest directory above a path that has the file's own; exact: of this one alone.
static u64 up_sum(char *path, u64 n, const char *file, const char *section, int exact)
{
	u64 own = 0, st[18];
	for (u64 i = 0; file[i]; i++)
		own = file[i] == '/' ? i : own;
	for (;;) {
		u64 end = put(path, put(path, n, "/", SET_PATH), file, SET_PATH);
		path[end - length(file) + own] = 0;
		if (sys4(SYS_fstatat, AT_FDCWD, path, st, 0) == 0) {
			put(path, put(path, n, "/", SET_PATH), file, SET_PATH);
			return section_sum(path, section);
		}
		while (n && path[n - 1] != '/')
			n--;
		while (n && path[n - 1] == '/')
			n--;
		if (exact || !n)
			return 0;
	}
}

// The value of an option, in this word or the next.
static const char *value_of(char **arg, const char *option)
{
	const char *v = starts(*arg, option);
	if (!v)
		return 0;
	if (!*v)
		return arg[1];
	if (option[1] == '-')
		return *v == '=' ? v + 1 : 0;
	return v;
}

// sets: the file, its section, the option whose value may begin with that, options for the file's
// directory, of which the last is for the one to begin at.
u64 set_of(const char *sets, const char *names, const char *files, char **args, char **envp)
{
	char file[WORD] = "", section[WORD] = "", option[WORD] = "", word[WORD], path[SET_PATH];
	const char *at = 0, *from = 0, *v;
	u64 sum = files_sum(files, envp);
	if (!(sets = next_word(sets, file)) || !(sets = next_word(sets, section)) || !(sets = next_word(sets, option)))
		return 0;
	for (char **e = envp; *e; e++)
		if (listed(*e, names))
			sum += mix((const u8 *)*e, length(*e));
	for (; *args && !same(*args, "--"); args++) {
		if ((v = value_of(args, option))) {
			const char *name = starts(v, section);
			if (name && *name == '.')
				sum = sum * 31 + mix((const u8 *)v, length(v));
		} else {
			for (const char *w = sets; (w = next_word(w, word));)
				if ((v = value_of(args, word)))
					*(*w ? &at : &from) = v;
		}
	}
	i64 n = sys3(SYS_getcwd, path, SET_PATH - 2 * WORD, 0) - 1;
	if (n < 0)
		return sum;
	const char *more[] = { from, at };
	for (int i = 0; i < 2; i++)
		if (more[i])
			n = *more[i] == '/' ? put(path, 0, more[i], SET_PATH - WORD)
					    : put(path, put(path, n, "/", SET_PATH - WORD), more[i], SET_PATH - WORD);
	return sum + up_sum(path, n, file, section, at != 0);
}
