// The contract between the stub and the Go code that writes thaw programs.
// Every structure here has a twin in restore/program_encode.go; ABI_VERSION changes with either.
#ifndef PYFREEZE_ABI_H
#define PYFREEZE_ABI_H

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long u64;
typedef int i32;
typedef long i64;

#define ABI_MAGIC 0x317a657266797000ul /* "\0pyfrez1" */
#define ABI_VERSION 3

// What spawn() and the tracer child share. Lives in memory of the spawning process.
struct spawn_args {
	u64 stack_top;    // of the tracer child's stack
	u64 tracee;       // tid that will call execve
	i32 image_fd;     // descriptor of the image, open in the tracee across its execve
	i32 pad;
	u64 map_off;      // page-aligned file offset of the bytes to map
	u64 map_len;      // how many
	u64 stub_off;     // of the stub inside the mapping
	u64 prog_off;     // of the program inside the mapping
	u64 syscall_delta;// address of a `syscall` instruction in ld.so minus ld.so's entry point
	u64 ld_entry;     // ld.so's entry point relative to its base
	u64 early_off;    // early_entry inside the stub
	u64 exe_path;     // NUL-terminated path of the interpreter, for another try
	u64 run;          // struct run_block to copy into the tracee
	u64 run_off;      // where, inside the mapping
	u64 sources;      // guards of source files that the tracer child checks while the tracee goes on, and their end
	u64 sources_end, nsources;
	u64 cpu;          // that the parent ran on; filled by spawn
	// results
	volatile u32 state; // 0 starting, 1 seized, 2 failed
	volatile i32 error; // errno of a failed seize
	volatile i64 child; // pid of the tracer child
};

#define STALE 3 // exit status of the tracer child: a source file has changed
#define RUN_VERBOSE 1
#define RUN_TIMINGS 2
#define RUN_SHUFFLE 4
#define NPHASE 16
#define PERSONALITY_KEPT (~0ul)

// What one launch tells the stub. Copied into the mapping by the tracer child.
struct run_block {
	u32 flags;
	i32 image_fd;
	i32 log_fd;      // -1: none
	i32 tracer_pid;  // to be reaped; filled by the tracer child
	u64 map_base;    // where the mapping lies in the tracee; filled by the tracer child
	u64 start_ns;    // CLOCK_MONOTONIC at the start of pyfreeze
	u64 exec_ns;     // ... just before execve
	u64 attempts;    // how many layouts were tried
	i64 verdict;     // of the last of them: 0, or the error that stood against it
	u64 skip;        // words of argv before the user's
	u64 personality; // to go back to once the layout is made; PERSONALITY_KEPT: it was not changed
	char comm[16];   // "" keeps the kernel's
	char stale[512]; // the source file that has changed, if the tracer child found one
	char again[1024]; // four words that tell of a stale image with the user's arguments behind, in place of the plain command; "": none
	char log_ok[1024];   // line for the log when Python code is about to run
	char log_fail[1024]; // beginning of the line when it never will
};

struct lib {
	u64 ino, size, mtime_ns; // identity of the file; of the vDSO 0, a place in it, and the word there
	u64 base;                // where it lay when frozen
	u64 span;                // bytes from base to its end
	u64 fresh;               // where it lies now; 0 until loaded
	u32 fixed;               // 1: comes back at base, 0: may move
	u32 pad;
};

struct map {
	u64 addr, mem_len, file_off, file_len;
	u32 prot, pad;
};

// A piece of a library that is mapped without ld.so.
struct file {
	u64 ino, size, mtime_ns;
	u64 addr, len, off, prot;
	u64 path; // the same for neighbours of one file
};

struct range { u64 lo, hi; };

struct piece { u64 off, len; }; // off: from the base

struct prog {
	u64 magic;
	u32 version, size;
	u64 exe_entry;          // AT_ENTRY of the interpreter; of one that is position-independent, relative to its base
	u32 exe_path;           // offset of a NUL-terminated string; all offsets are from the program's start
	u32 nlibs, libs;
	u32 nmaps, maps;        // placed before ld.so runs
	u32 nsites; u32 sites[4]; // ld.so's `mov $9,%eax; syscall`, then those of $11, relative to its base
	u32 ld_text_lo, ld_text_hi; // pages to make writable for that, relative to its base
	u32 nranges, ranges;    // frozen memory the malloc filter leaves alone, sorted
	u32 nops, ops;
	u32 libc, ldso;         // indices in libs
	u32 nfiles, files;      // libraries mapped without ld.so
	u32 exe;                // the executable in libs, if it is position-independent; else no index
	u32 npieces, pieces;    // of one that comes back at its base: the parts that the kernel mapped
	u32 pad;
	u64 start_main;         // __libc_start_main, malloc, free, ... relative to libc's base
	u64 f_malloc, f_free, f_realloc, f_usable;
};

struct op {
	u8 code, dst;
	u8 kind[6];
	u64 a[6];
};

enum { K_IMM, K_REG, K_LIB, K_PROG };
enum {
	OP_END, OP_CALL, OP_SYSCALL, OP_STORE64, OP_STORE32, OP_SKIPZ, OP_SKIPNZ, OP_FAILZ, OP_FAILNZ,
	OP_MAP, OP_PREAD, OP_SAVE, OP_RESTORE, OP_RELOC, OP_FILTER, OP_LIBAT, OP_UNHOOK, OP_ARGS, OP_SIGIGN,
	OP_THREAD, OP_PHASE, OP_READY, OP_FALLBACK, OP_LOAD64, OP_DIE, OP_RESERVE, OP_AND, OP_SUB, OP_EXTENSIONS
};
enum { R_ARGC = 24, R_FLAGS = 27, NREG = 32 }; // those that the stub fills

#endif
