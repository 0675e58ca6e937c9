#include "textflag.h"

// entry is the program's entry point when linked with -E pyfreeze/restore/stub.entry (the
// Makefile does). It notes what the Go runtime is about to change of the process it was given, so
// that the command gets it unchanged: which of the standard descriptors are closed (the runtime
// opens /dev/null in their place), the signal mask, and the signals that are ignored (it installs
// handlers, which are gone after an exec).
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
	CALL	AX // returns if it leaves this run to the Go code
	MOVL	$64, BX
ask:
	MOVL	$13, AX // rt_sigaction
	MOVL	BX, DI
	XORL	SI, SI
	LEAQ	-64(SP), DX // struct sigaction; its handler is first
	MOVQ	SI, (DX)
	MOVL	$8, R10
	SYSCALL
	CMPQ	-64(SP), $1 // SIG_IGN
	JNE	other
	LEAL	-1(BX), AX
	BTSQ	AX, ·startIgnored(SB)
other:
	DECL	BX
	JNZ	ask
	JMP	_rt0_amd64_linux(SB)
