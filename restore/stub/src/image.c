// The head of an image: read into memory of our own, which nobody can change any more, and checked as image.Open does.
// The format is that of docs/image-format.md.
#include "launch.h"

enum { HEADER_NOTE = 88, PROGRAM = 144, NOTE_FIXED = 24, MAX_HEAD = 64 << 20, FORMAT_VERSION = 2, NOTE_GUARDS = 0x50460004 };

static int pread_all(i32 fd, u8 *to, u64 n, u64 off)
{
	while (n) {
		i64 r = sys4(SYS_pread, fd, to, n, off);
		if (r == -EINTR)
			continue;
		if (r <= 0)
			return 0;
		to += r, off += r, n -= r;
	}
	return 1;
}

static int has_crc32(void)
{
	u32 a = 1, b, c = 0, d;
	__asm__("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	return c >> 20 & 1; // SSE4.2
}

static u32 checksum(u32 crc, const u8 *p, u64 n, int fast)
{
	if (fast)
		return crc32c(crc, p, n);
	for (crc = ~crc; n; n--) {
		crc ^= *p++;
		for (int i = 0; i < 8; i++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0);
	}
	return ~crc;
}

// An image runs with all our rights, so whoever could have written it must have them anyway.
static int trusted(const u64 *st)
{
	enum { SYS_getresuid = 118 };
	// struct stat: st_mode at 24, st_uid at 28, st_gid at 32
	u32 mode = st[3], uid = st[3] >> 32, gid = st[4], ids[3] = { -1, -1, -1 };
	if ((mode & 0170000) != 0100000 || mode & 002 || (mode & 020 && gid))
		return 0;
	sys3(SYS_getresuid, ids, ids + 1, ids + 2);
	return !uid || (uid == ids[0] && uid == ids[1] && uid == ids[2]);
}

// The parts of the program note: the stub as far as it is not zero, struct head with its tables.
static int known_program(const u8 *p, u64 len)
{
	const struct stub *s = (const struct stub *)p;
	if (len < sizeof *s || s->magic != ABI_MAGIC || s->version != ABI_VERSION || s->used > s->end || s->used + sizeof(struct head) > len)
		return 0;
	const struct head *h = (const struct head *)(p + s->used);
	return h->magic == ABI_MAGIC && h->version == ABI_VERSION && h->size == len - s->used &&
	       (u64)s->end + h->size <= REGION_ARGS;
}

enum image_state read_image(i32 fd, struct image *im)
{
	u8 h[PROGRAM];
	u64 st[18];
	int fast = has_crc32();
	if (sys3(SYS_fstat, fd, st, 0) < 0 || !trusted(st) || !pread_all(fd, h, sizeof h, 0))
		return IMAGE_BAD;
	u64 head = *(u64 *)(h + HEADER_NOTE + 8), size = *(u64 *)(h + HEADER_NOTE + 16);
	if (*(u32 *)h != 0x464c457f || *(u32 *)(h + HEADER_NOTE) != FORMAT_VERSION || head < PROGRAM + 64 || head > MAX_HEAD)
		return IMAGE_BAD;
	u8 *b = (u8 *)sys6(SYS_mmap, 0, head, PROT_R | PROT_W, MAP_PRIVATE | MAP_ANON, -1, 0);
	if (FAILED(b))
		return IMAGE_BAD;
	im->head = b;
	im->len = head;
	if (!pread_all(fd, b, head, 0) || checksum(checksum(0, b, HEADER_NOTE + 4, fast), b + HEADER_NOTE + 8, head - HEADER_NOTE - 8, fast) != *(u32 *)(b + HEADER_NOTE + 4))
		return IMAGE_BAD;
	u64 at = PROGRAM - NOTE_FIXED;
	im->program = PROGRAM;
	im->program_len = *(u32 *)(b + at + 4);
	at += NOTE_FIXED + ((im->program_len + 3) & ~3ul);
	if (at + NOTE_FIXED > head || *(u32 *)(b + at + 8) != NOTE_GUARDS)
		return IMAGE_BAD;
	im->guards = at + NOTE_FIXED;
	im->guards_len = *(u32 *)(b + at + 4);
	if (im->guards + im->guards_len > head || !known_program(b + PROGRAM, im->program_len))
		return IMAGE_BAD;
	// Written for ourselves alone, as others may change what the group may.
	if (st[3] & 020)
		return IMAGE_CUT;
	return size == st[6] ? IMAGE_GOOD : IMAGE_CUT;
}

void forget_image(struct image *im)
{
	if (im->head)
		sys3(SYS_munmap, im->head, im->len, 0);
	im->head = 0;
}
