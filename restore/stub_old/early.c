// Runs at the exec stop, before ld.so: places the frozen memory while the address space is still empty, keeps room for
// libraries that must come back at their addresses, and hooks ld.so's mmap so that they do.
#include "state.h"

hidden struct stub_state S = { .ld_base = 1 };
hidden u64 site_back[4] = { 1 };
extern char site0[] hidden, site1[] hidden, site2[] hidden, site3[] hidden;

static const struct lib *find_lib(i32 fd, struct lib **out)
{
	u64 st[18];
	*out = 0;
	if (sys3(SYS_fstat, fd, st, 0) < 0)
		return 0;
	// struct stat: st_ino at 8, st_size at 48, st_mtim at 88
	struct lib *l = AT(struct lib, S.prog->libs);
	for (u32 i = 0; i < S.prog->nlibs; i++)
		if (l[i].ino == st[1] && l[i].size == st[6] && l[i].mtime_ns == st[11] * 1000000000ul + st[12])
			return *out = &l[i];
	return 0;
}

// For tests: a library that may move gets a base that has nothing to do with any other's.
static i64 anywhere(u64 len, u64 prot, u64 flags, u64 fd, u64 off)
{
	u64 r = 0;
	if (sys3(SYS_getrandom, &r, sizeof r, 0) != sizeof r)
		return -1;
	u64 lo = 0x100000000000ul, hi = 0x7c0000000000ul;
	u64 addr = (lo + r % (hi - lo)) & ~0xffful;
	return sys6(SYS_mmap, addr, len, prot, flags | MAP_NOREPLACE, fd, off) == (i64)addr ? (i64)addr : -1;
}

// For a library whose segments are aligned to more than pages, ld.so (glibc 2.35 on) first takes room of its length and the alignment, maps
// it with MAP_FIXED at the first aligned place in that, and unmaps what is left over at either side. It is told that the room begins at the
// library's base; what is left over is not its own, then. Which library it is, its descriptor tells, which is open.
static i64 aligned_room(u64 len)
{
	for (i32 fd = 0; fd < 1024; fd++) {
		struct lib *l;
		find_lib(fd, &l);
		if (l && l->fixed && !l->fresh && len > l->span) {
			S.trim = l->base + l->span;
			S.trim_len = l->base + ((len + PAGE - 1) & -PAGE) - S.trim;
			return l->base;
		}
	}
	return 0;
}

static int unmaps(u32 site) { return S.text[site][1] == SYS_munmap; }

// Stands in for each mmap that ld.so makes, and each munmap. The first mmap of a library covers all of it.
__attribute__((used)) hidden i64 hook(u64 addr, u64 len, u64 prot, u64 flags, u64 fd, u64 off, u64 site)
{
	struct lib *l = 0;
	if (unmaps(site)) {
		int trim = S.trim && addr == S.trim && ((len + PAGE - 1) & -PAGE) == S.trim_len;
		return trim ? 0 : sys3(SYS_munmap, addr, len, 0);
	}
	if (!addr && (i32)fd < 0 && !prot && unmaps(S.prog->nsites - 1)) {
		i64 r = aligned_room(len);
		if (r)
			return r;
	}
	if ((i32)fd >= 0 && flags & MAP_FIXED && !off) {
		find_lib(fd, &l);
		if (l && l->fresh)
			l = 0;
	}
	if (!addr && (i32)fd >= 0 && !(flags & MAP_FIXED)) {
		find_lib(fd, &l);
		if (l && l->fresh)
			l = 0;
		if (l && l->fixed && len <= l->span) {
			addr = l->base;
			flags |= MAP_FIXED;
		} else if (l && !l->fixed && S.run->flags & RUN_SHUFFLE) {
			i64 r = anywhere(len, prot, flags, fd, off);
			if (r > 0) {
				l->fresh = r;
				return r;
			}
		}
	}
	i64 r = sys6(SYS_mmap, addr, len, prot, flags, fd, off);
	if (l && (r > 0 || r < -4096))
		l->fresh = r;
	return r;
}

hidden int patch_sites(int hooked)
{
	struct prog *p = S.prog;
	char *targets[4] = { site0, site1, site2, site3 };
	u64 lo = S.ld_base + p->ld_text_lo, n = p->ld_text_hi - p->ld_text_lo;
	if (sys3(SYS_mprotect, lo, n, PROT_R | PROT_W | PROT_X) < 0)
		return -1;
	for (u32 i = 0; i < p->nsites && i < 4; i++) {
		u8 *at = (u8 *)(S.ld_base + p->sites[i]);
		if (!hooked) {
			copy(at, S.text[i], 7);
			continue;
		}
		i64 rel = targets[i] - (char *)(at + 5);
		if (rel != (i32)rel || at[0] != 0xb8 || at[5] != 0x0f || at[6] != 0x05)
			return -1;
		copy(S.text[i], at, 7);
		i32 rel32 = rel;
		at[0] = 0xe9; // jmp rel32
		copy(at + 1, &rel32, 4);
		at[5] = at[6] = 0x90;
		site_back[i] = (u64)at + 7;
	}
	return sys3(SYS_mprotect, lo, n, PROT_R | PROT_X) < 0 ? -1 : 0;
}

static i64 place(u64 addr, u64 len, u64 prot, u64 flags, i32 fd, u64 off)
{
	i64 r = sys6(SYS_mmap, addr, len, prot, MAP_PRIVATE | MAP_NOREPLACE | flags, fd, off);
	if (r == (i64)addr)
		return 0;
	return r < 0 && r > -4096 ? r : -EEXIST; // before 4.17 the flag is only a hint
}

// Where the main stack may grow to, and the pages that the kernel keeps free below it. A frozen stack that comes back there as a ghost
// would end it early, in the middle of a recursion.
static u64 stack_floor(u64 sp)
{
	const u64 gap = 1ul << 20, most = 1ul << 30; // stack_guard_gap of the kernel, 256 pages; more than that nobody uses up
	u64 limit[2];
	if (sys3(SYS_getrlimit, RLIMIT_STACK, limit, 0) < 0 || limit[0] == -1ul)
		limit[0] = 64ul << 20; // no limit: bounded by what else is mapped
	u64 room = (limit[0] < most ? limit[0] : most) + gap;
	return room < sp ? sp - room : 0;
}

static i64 place_files(struct prog *p)
{
	struct file *f = AT(struct file, p->files), *end = f + p->nfiles;
	i32 fd = -1;
	for (u64 open = 0; f < end; f++) {
		if (f->path != open) {
			u64 st[18];
			if (fd >= 0)
				sys3(SYS_close, fd, 0, 0);
			fd = sys4(SYS_openat, AT_FDCWD, AT(char, f->path), O_CLOEXEC, 0);
			if (fd < 0 || sys3(SYS_fstat, fd, st, 0) < 0)
				return -1;
			if (st[1] != f->ino || st[6] != f->size || st[11] * 1000000000ul + st[12] != f->mtime_ns)
				return -1;
			open = f->path;
		}
		i64 r = place(f->addr, f->len, f->prot, 0, fd, f->off);
		if (r)
			return r;
	}
	if (fd >= 0)
		sys3(SYS_close, fd, 0, 0);
	return 0;
}

// Takes a position-independent executable from where the kernel has put it to where it was frozen. Nothing of it has run, and only
// the auxiliary vector tells where it lies: ld.so takes it for having been there all the time.
static i64 move_exe(struct prog *p, struct lib *l, u64 from, u64 *phdr_slot)
{
	struct piece *s = AT(struct piece, p->pieces);
	if (from == l->base)
		return 0;
	i64 r = place(l->base, l->span, 0, MAP_ANON | MAP_NORESERVE, -1, 0);
	for (u32 i = 0; !r && i < p->npieces; i++, s++) {
		u64 to = l->base + s->off;
		i64 at = sys6(SYS_mremap, from + s->off, s->len, s->len, MREMAP_MAYMOVE | MREMAP_FIXED, to, 0);
		if (at != (i64)to)
			r = at < 0 && at > -4096 ? at : -1;
	}
	*phdr_slot += l->base - from;
	return r;
}

__attribute__((used)) hidden i64 early(struct prog *p, struct run_block *run, u64 *stack, u64 ld_base)
{
	S.early_ns = now();
	S.prog = p;
	S.run = run;
	S.stack = stack;
	S.ld_base = ld_base;
	S.entry_slot = 0;
	u64 *q = stack + 1 + stack[0] + 1;
	while (*q)
		q++;
	u64 vdso = 0, *phdr_slot = 0;
	for (q++; q[0]; q += 2) {
		if (q[0] == 9 /* AT_ENTRY */)
			S.entry_slot = q + 1;
		if (q[0] == 3 /* AT_PHDR */)
			phdr_slot = q + 1;
		if (q[0] == 33 /* AT_SYSINFO_EHDR */)
			vdso = q[1];
	}
	if (!S.entry_slot || !phdr_slot || (p->exe >= p->nlibs && *S.entry_slot != p->exe_entry))
		return -1;
	struct lib *exe = p->exe < p->nlibs ? AT(struct lib, p->libs) + p->exe : 0;
	u64 exe_at = *S.entry_slot - p->exe_entry;
	if (exe && exe->fixed) {
		i64 r = move_exe(p, exe, exe_at, phdr_slot);
		if (r)
			return r;
		exe_at = exe->base;
	}

	struct map *m = AT(struct map, p->maps);
	u64 sp = (u64)stack, floor = stack_floor(sp);
	for (u32 i = 0; i < p->nmaps; i++, m++) {
		if (m->addr < sp && m->addr + m->mem_len > floor)
			return -EEXIST; // another try gets another stack
		i64 r = m->file_len ? place(m->addr, m->file_len, m->prot, 0, run->image_fd, m->file_off) : 0;
		if (!r && m->mem_len > m->file_len)
			r = place(m->addr + m->file_len, m->mem_len - m->file_len, m->prot, MAP_ANON | MAP_NORESERVE, -1, 0);
		if (r)
			return r;
	}
	i64 fr = place_files(p);
	if (fr)
		return fr;
	struct lib *l = AT(struct lib, p->libs);
	for (u32 i = 0; i < p->nlibs; i++, l++) {
		l->fresh = 0;
		if (!l->ino && vdso && *(u64 *)(vdso + l->size) == l->mtime_ns)
			l->fresh = vdso;
		if (l->fixed && l != exe) {
			i64 r = place(l->base, l->span, 0, MAP_ANON | MAP_NORESERVE, -1, 0);
			if (r)
				return r;
		}
	}
	AT(struct lib, p->libs)[p->ldso].fresh = ld_base;
	if (exe)
		exe->fresh = exe_at;
	if (patch_sites(1) < 0)
		return -1;
	*S.entry_slot = (u64)late_entry;
	if (run->personality != PERSONALITY_KEPT)
		sys3(SYS_personality, run->personality, 0, 0);
	// No other try: the plain command, should it come to that, gets neither of these.
	sys3(SYS_fcntl, run->image_fd, F_SETFD, 1);
	if (run->log_fd >= 0)
		sys3(SYS_fcntl, run->log_fd, F_SETFD, 1);
	return 0;
}
