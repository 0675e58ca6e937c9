// What the early and the late part share.
#ifndef PYFREEZE_STATE_H
#define PYFREEZE_STATE_H
#include "sys.h"

struct stub_state {
	struct prog *prog;
	struct run_block *run;
	u64 *stack;      // as the kernel left it: argc, argv, NULL, envp, NULL, auxv
	u64 *entry_slot; // AT_ENTRY's value in the auxiliary vector
	u64 ld_base;
	u8 text[4][7];   // what stood where ld.so's hooks are
	u64 trim, trim_len; // what ld.so will unmap of no room of its own
	u64 early_ns;
};
extern struct stub_state S;
extern u64 site_back[4];

#define AT(type, off) ((type *)((char *)S.prog + (off)))

int patch_sites(int hooked);
void late_entry(void);
#endif
