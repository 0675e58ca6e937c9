// Where control enters the stub. Offsets of these are in struct stub, at the blob's start.
#include "abi.h"

	.section .head, "ax"
	.globl stub_start
stub_start:
	.quad ABI_MAGIC
	.long ABI_VERSION
	.long stub_vars - stub_start
	.long stub_used - stub_start
	.long stub_end - stub_start
	.long R - stub_start
	.long stack_end - stub_start
	.long thaw_entry - stub_start
	.long agent_entry - stub_start
	.long trap_entry - stub_start
	.long restorer - stub_start

	.text
// A thaw begins. The process may still be as the kernel has made it, or that of the launcher.
thaw_entry:
	lea stack_end(%rip), %rsp
	xor %ebp, %ebp
	call thaw
	ud2

// At the freeze, on the stack of the main thread, aligned for a call.
agent_entry:
	xor %ebp, %ebp
	call agent
	ud2

// A signal handler: the program goes on behind what a debug register stopped it for. It is set for as long as there are
// such registers, in case pyfreeze should be killed: the kernel would then end the program. rdx is a ucontext_t.
trap_entry:
	orl $0x10000, 176(%rdx)          // uc_mcontext.eflags: RF, no stop for the next instruction
	ret
restorer:
	mov $15, %eax                    // rt_sigreturn
	syscall

	.globl sigreturn
	.hidden sigreturn
sigreturn:
	mov %rdi, %rsp
	mov $15, %eax
	syscall
	hlt

// switch_to(stack, function): goes on with a function on another stack, for good.
	.globl switch_to
	.hidden switch_to
switch_to:
	mov %rdi, %rsp
	xor %ebp, %ebp
	call *%rsi
	ud2

// make_thread(flags, stack, clear_at, fs, thread): clone; the new thread calls
// begin_thread(thread).
	.globl make_thread
	.hidden make_thread
make_thread:
	mov %rcx, %r9
	mov %r8, (%rsi)
	mov %rdx, %r10                   // child_tid
	mov %r9, %r8                     // tls
	xor %edx, %edx
	mov $56, %eax
	syscall
	test %rax, %rax
	jnz 1f
	xor %ebp, %ebp
	mov (%rsp), %rdi
	and $-16, %rsp
	call begin_thread
	ud2
1:	ret

	.section .note.GNU-stack,"",@progbits
