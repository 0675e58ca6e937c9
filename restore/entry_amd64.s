#include "textflag.h"

// entry is the program's entry point when linked with -E pyfreeze/restore.entry
// (the Makefile does). It notes what the Go runtime is about to change of
// the process it was given, so that the command gets it unchanged: which of the
// standard descriptors are closed (the runtime opens /dev/null in their place) and
// the signal mask.
TEXT ·entry(SB), NOSPLIT|NOFRAME, $0
	MOVL	$2, BX
next:
	MOVL	$72, AX // fcntl
	MOVL	BX, DI
	MOVL	$1, SI // F_GETFD
	SYSCALL
	TESTQ	AX, AX
	JGE	open
	BTSL	BX, ·startClosed(SB)
open:
	DECL	BX
	JGE	next
	MOVL	$14, AX // rt_sigprocmask
	XORL	DI, DI
	XORL	SI, SI
	LEAQ	·startMask(SB), DX
	MOVL	$8, R10
	SYSCALL
	MOVL	$1, ·startKnown(SB)
	MOVQ	SP, DI // argc, argv, envp; aligned as the C ABI wants it before a call
	LEAQ	·launcher(SB), AX
	ADDQ	$8, AX
	CALL	AX // returns if it leaves this run to the Go code
	JMP	_rt0_amd64_linux(SB)

// func launcherAddr() uintptr
TEXT ·launcherAddr(SB), NOSPLIT, $0-8
	LEAQ	·launcher(SB), AX
	MOVQ	AX, ret+0(FP)
	RET

// func callOnStack(fn, arg, stack uintptr) int64
TEXT ·callOnStack(SB), NOSPLIT, $0-32
	MOVQ	fn+0(FP), AX
	MOVQ	arg+8(FP), DI
	MOVQ	stack+16(FP), BX
	MOVQ	SP, R12 // kept by the callee, as BX and R13 to R15 are
	ANDQ	$~15, BX
	MOVQ	BX, SP
	CALL	AX
	MOVQ	R12, SP
	MOVQ	AX, ret+24(FP)
	RET

// func cpuid(leaf uint32) (eax, ebx, ecx, edx uint32)
TEXT ·cpuid(SB), NOSPLIT, $0-24
	MOVL	leaf+0(FP), AX
	XORL	CX, CX
	CPUID
	MOVL	AX, eax+8(FP)
	MOVL	BX, ebx+12(FP)
	MOVL	CX, ecx+16(FP)
	MOVL	DX, edx+20(FP)
	RET
