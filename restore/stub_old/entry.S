// Where control enters the stub. Offsets of these are read from the table at the blob's start.
	.section .head, "ax"
	.globl stub_head
stub_head:
	.quad 0x317a657266797000
	.long 3                         // ABI_VERSION
	.long 0
	.long early_entry - stub_head
	.long stub_end - stub_head

	.text
// At the exec stop: %rdi = struct prog, %rsi = struct run_block, %rdx = the fresh stack pointer, %rcx = ld.so's base.
	.globl early_entry
early_entry:
	and $-16, %rsp
	call early
	int3                            // %rax: verdict for the tracer child
	ud2

// What ld.so takes for the program's entry point.
	.globl late_entry
	.hidden late_entry
late_entry:
	mov %rsp, %rdi
	mov %rdx, %rsi
	xor %ebp, %ebp
	and $-16, %rsp
	call late
	ud2

// One for each mmap and munmap of ld.so: a jump to here stands in place of `mov $9,%eax; syscall`, or $11.
// The code around it may keep data below the stack pointer (red zone).
	.macro SITE n
	.globl site\n
	.hidden site\n
site\n:
	lea -128(%rsp), %rsp
	push %rbp
	mov %rsp, %rbp
	push %rdi
	push %rsi
	push %rdx
	push %r10
	push %r8
	push %r9
	and $-16, %rsp
	mov %r10, %rcx
	push $0
	push $\n
	call hook
	lea -48(%rbp), %rsp
	pop %r9
	pop %r8
	pop %r10
	pop %rdx
	pop %rsi
	pop %rdi
	pop %rbp
	lea 128(%rsp), %rsp
	jmp *(site_back + 8 * \n)(%rip)
	.endm
	SITE 0
	SITE 1
	SITE 2
	SITE 3

	.section .note.GNU-stack,"",@progbits
