/* A 32-bit program without a libc, so that no 32-bit libraries are needed to build it: pause() for ever. */
	.globl _start
_start:	mov	$29, %eax
	int	$0x80
	jmp	_start
	.section .note.GNU-stack, "", @progbits
