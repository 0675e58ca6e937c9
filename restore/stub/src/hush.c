// What the program traces, profiles, monitors or audits is its own work, not ours: while the agent
// works, its hooks are off. snapshot/hush.go says where.
#include "stub.h"

static u64 get(u64 at, u32 size)
{
	return size == 1 ? *(u8 *)at : size == 4 ? *(u32 *)at : *(u64 *)at;
}

static void put(u64 at, u32 size, u64 value)
{
	if (size == 1)
		*(u8 *)at = value;
	else if (size == 4)
		*(u32 *)at = value;
	else
		*(u64 *)at = value;
}

void hush(struct hushed *h)
{
	struct poke *p = AT(struct poke, H->hush);
	h->n = H->nhush < HUSHED ? H->nhush : HUSHED;
	for (u64 i = 0; i < h->n; i++) {
		h->was[i] = (struct was){ p[i].addr, get(p[i].addr, p[i].size), p[i].value, p[i].size };
		put(p[i].addr, p[i].size, p[i].value);
	}
}

// What a handler of the program's has set meanwhile stays.
void unhush(struct hushed *h)
{
	for (u64 i = 0; h && i < h->n; i++)
		if (get(h->was[i].addr, h->was[i].size) == h->was[i].hushed)
			put(h->was[i].addr, h->was[i].size, h->was[i].value);
	if (h)
		h->n = 0;
}
