// What the C parts and the Go code share. Go has these structures in abi.go; layout.go is generated from
// this file and a test compares the two. ABI_VERSION changes with any of them.
#ifndef PYFREEZE_ABI_H
#define PYFREEZE_ABI_H

#define ABI_MAGIC 0x327a657266797000 /* "\0pyfrez2" */
#define ABI_VERSION 13

#ifndef __ASSEMBLER__
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long u64;
typedef int i32;
typedef long i64;

// The stub is planted into a region of its own, at an address that is chosen at the freeze: first the stub's
// text, then its variables (struct run first) with a stack, then struct head with its tables. All offsets in
// struct head and in the tables are from struct head. Behind these, at fixed distances, is room for what is
// only known at the thaw.
#define REGION 0x40000000ul    /* bytes of address space that the stub takes */
#define REGION_ARGS 0x10000000ul /* from the region's start: arguments and environment */
#define REGION_VDSO 0x20000000ul /* where the vDSO waits while everything else goes */
#define REGION_STACKS 0x30000000ul /* first stacks of threads */

// At the start of the stub's text. All are offsets from there.
struct stub {
	u64 magic;
	u32 version;
	u32 text;   // end of the text, in whole pages; variables follow
	u32 used;   // end of what is not zero
	u32 end;    // end of the variables, in whole pages; struct head follows
	u32 run;    // struct run
	u32 stack;  // end of the stub's own stack
	u32 thaw;   // entry points: of a thaw,
	u32 agent;  // of the nested call at the freeze,
	u32 trap;   // of a signal handler for what a debug register stops,
	u32 restorer; // and what that returns to
};

// What one launch tells the stub.
struct run {
	u32 flags;
	i32 image_fd;
	i32 log_fd;      // -1: none
	i32 child_pid;   // of the child that looks at the sources, to be reaped; 0: there is none
	i32 verdict_fd;  // where it tells what has become of them; -1: nothing to ask
	u32 mode;        // of MODE_
	u64 stack;       // as the kernel left it: argc, argv, NULL, envp, NULL, auxv
	u64 start_ns;    // CLOCK_MONOTONIC at the start of pyfreeze
	u64 exec_ns;     // just before execve
	u64 entry_ns;
	u64 skip;        // words of argv before the user's
	u64 argc, argv, envp; // of the plain command, where the process runs the launcher; else 0
	u64 signals;     // pending before the child was made
	char comm[16];   // "" keeps the frozen one
	char again[1024];    // words that tell of a stale image, with the user's arguments behind, in place of the plain command; "": none
	char log_ok[1024];   // line for the log when the program is about to go on
	char log_fail[1024]; // beginning of the line when it never will
};

enum { RUN_VERBOSE = 1, RUN_TIMINGS = 2, RUN_EXE = 4, RUN_QUIET = 8 }; // flags; RUN_EXE: /proc/self/exe is to be set
enum { MODE_RUN = 0, MODE_RESUME = 1 }; // what `run` does with the image; what `run --resume` does

// Functions that the stub calls: addresses in the frozen process.
enum {
	FN_BEFORE, FN_FORK, FN_PARENT, FN_CHILD, // PyOS_BeforeFork, fork of libc, PyOS_AfterFork_Parent, PyOS_AfterFork_Child
	FN_ENSURE, FN_RELEASE,                   // PyGILState_
	FN_LOADS,                                // PyMarshal_ReadObjectFromString
	FN_DICT, FN_DICT_SET, FN_DICT_GET,       // PyDict_New, PyDict_SetItemString, PyDict_GetItemString
	FN_TUPLE_GET,                            // PyTuple_GetItem
	FN_BYTES, FN_LONG, FN_UTF8,              // PyBytes_FromStringAndSize, PyLong_FromUnsignedLongLong, PyUnicode_AsUTF8
	FN_BUILTINS, FN_EVAL, FN_CALL,           // PyEval_GetBuiltins, PyEval_EvalCode, PyObject_CallObject
	FN_FETCH, FN_NORMALIZE, FN_TRACEBACK,    // PyErr_Fetch, PyErr_NormalizeException, PyException_SetTraceback
	FN_PRINT, FN_DECREF, FN_RESTORE,         // PyErr_Print, Py_DecRef, PyErr_Restore
	FN_RAW_MALLOC, FN_DECODE,                // PyMem_RawMalloc, Py_DecodeLocale
	FN_SYS,                                  // PySys_GetObject
	NFN
};

// How the frozen main thread comes to the thaw script, and what follows it.
enum {
	WAY_FORK = 1,   // it is the child of the agent's fork()
	WAY_HELD = 2,   // it stands at a point of its own and holds the GIL
	WAY_ENSURE = 3, // it waits in a system call without the GIL
};
enum {
	HEAD_RESUME = 1,  // after the script the program goes on at its point; else the script leaves what is to run
	HEAD_CHILD = 2,   // the other threads of Python are not there: PyOS_AfterFork_Child sees to that
	HEAD_EARLY = 4,   // other threads go on before the script: one of them holds the GIL
};

struct way {
	u32 way, flags, config, config_len, npokes, pokes;
	u32 nthreads;           // how many besides the main one are made
	u32 nchanges, changes, pad;
	u64 relock;             // a word that is set to 1 after the script of WAY_ENSURE
};

enum { OP_OPEN, OP_FILE, OP_ANON, OP_IMAGE, OP_READ, OP_STACK, OP_PROTECT, OP_ADVISE };

// One step of placing memory.
struct op {
	u64 addr, len, off; // OP_OPEN: off of struct file
	u32 kind, prot;
	u32 flags, pad;     // of mmap, or the advice of madvise
};

struct file { u64 dev, ino, size, mtime_ns; u32 path, pad; }; // size ~0: not compared

enum { FD_FILE, FD_PIPE, FD_SOCKETS, FD_EVENT, FD_EPOLL, FD_EPOLL_ADD, FD_NULL };

// A descriptor that is made again.
struct fd {
	i32 fd, other;      // other: the second end, or what an epoll watches
	u32 kind, flags;    // flags of open(2); of FD_EPOLL_ADD the events
	u64 offset;         // or the count, or the data of epoll, or how many bytes wait at the first end of a pair
	u32 path, nholds;   // path: or these bytes
	u32 holds, file;    // addresses of the C ints that keep its number, where all are known; struct file, 0: not compared
	                    // of a pair of sockets: the bytes that wait at the second end; of any pair:
	                    // its flags
};

struct thread {
	u64 fs, gs;
	u64 tid_at;               // where libc keeps the thread's id
	u64 clear_at;             // what the kernel clears at its end
	u64 rseq, rseq_len, rseq_sig;
	u64 robust, robust_len;
	u32 frame;                // what rt_sigreturn takes, at the rsp that it has
	u32 ntids, tids;          // more words that hold its id: addresses
	u32 pad;
	char name[16];
};

// What the program has set for itself in the kernel since its start.
enum { CHANGE_LIMIT, CHANGE_NICE, CHANGE_CWD, CHANGE_UMASK, CHANGE_NO_NEW_PRIVS, CHANGE_USER };
// Of a limit: the resource, soft, hard. Of a directory: its path, and that where the program was
// started. Of a user: the effective ids, which a thaw must have already. Else a value.
struct change { u32 kind, which; u64 a, b; };

struct poke { u64 addr, value; u32 size, pad; };

// What the agent is to do in place of what it does else: fork in earnest, and run in the child what
// the program has registered for the freeze. The code at head.code does so. The child then goes on
// at the point.
enum { HOOKS_NONE = 0, HOOKS_RUN = 1, HOOKS_DONE = 2 };

// From where the agent loads the code of modules that a thaw may import, and what the collector is
// not to notice of it. All 0: none is loaded.
struct learn {
	u64 code, len;             // marshalled, in memory
	u64 enabled, count, young; // of _gc_runtime_state: addresses of the flag, and of count and head of the youngest generation
};

struct head {
	u64 magic;
	u32 version, size;      // of this and the tables
	u64 base;               // where the region begins
	u64 fn[NFN];
	u64 point;              // address of what rt_sigreturn takes to go on at the point; 0: none
	u64 forked;             // set by the tracer when the agent's fork() has been taken
	u64 script;             // the thaw script, which the agent has loaded before its fork(); or 0:
	u32 code, code_len;     // it is loaded from here at the thaw
	u64 learned;            // code of modules, by path: a dict, which the agent has loaded as well; 0: none
	u64 hooks;              // of HOOKS_, or the address of a text: why one of them has failed
	struct learn learn;
	struct way ways[2];     // by MODE_; way 0: not possible
	u32 exe;                // path of the interpreter
	i32 pid;                // that the frozen process had for itself
	i32 hooks_pid, pad;     // that it had while what it registered for the freeze ran; 0: nothing did
	u32 nops, ops;
	u32 nfds, fds;
	u32 nthreads, threads;  // the main one first
	u32 nwords, words;      // addresses of words that point into the vDSO; bit 0: on a page that is not writable
	u32 nobjects, objects;  // addresses of objects that the thaw script gets
	u32 nhush, hush;        // pokes that keep tracing and auditing off while the agent works
	u32 note, note_len;     // what is told on standard error before the program runs again; 0: nothing
	u32 nplain, plain;      // where a wrapper started the interpreter: the wrapper's path, and its words one after the other
	u64 vdso[4][2];         // the vDSO's mappings, address and length: its data pages, its text last
	u32 nvdso, vdso_sum;    // checksum of the text
	u64 actions;            // u64[64][4], what rt_sigaction takes for signals 1 to 64
	u64 start_mask, start_ignored; // with which the frozen program was started
	u64 point_mask;         // signals that were blocked at the point
	u64 stack_low, stack_end, stack_floor; // used part of the main stack; nothing of it may lie below the floor
	u64 environ;            // address of libc's environ
	u64 mm[7];              // start_code, end_code, start_data, end_data, start_brk, brk, start_stack
	u64 auxv_at;            // the auxiliary vector on the stack
	u64 orig_argv;          // the interpreter's PyWideStringList for Py_GetArgcArgv(); 0: not known
	u32 auxv, auxv_len;
	char comm[16];
};

// What the launcher and the tracer child share.
struct spawn {
	u64 stack_top;     // of the tracer child's
	u64 tracee;        // tid that will call execve
	u64 program, program_len; // the stub and its tables, in memory
	u64 run;           // struct run
	i64 gate;          // a `syscall` instruction from the program's first instruction
	u64 sources, sources_end, nsources; // guards of source files, to be checked while the tracee goes on
	i32 verdict_fd;
	u32 cpu;           // that the parent ran on
	u32 strict;        // compare what is in each file
	volatile u32 state; // 0 starting, 1 seized, 2 failed
	volatile i32 error;
	volatile i64 child;
};
enum { VERDICT_FITS = 1, VERDICT_STALE = 2 }; // one byte; the path follows

#endif // __ASSEMBLER__
#endif
