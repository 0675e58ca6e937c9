// The two ways into the launcher, at fixed places.
	.section .head, "ax"
	jmp stub_spawn
	.balign 8
	jmp launch_run
	.balign 8
	.section .note.GNU-stack,"",@progbits
