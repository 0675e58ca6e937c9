// The way into the launcher, at a fixed place.
	.section .head, "ax"
	jmp launch_run
	.balign 8
	.section .note.GNU-stack,"",@progbits
