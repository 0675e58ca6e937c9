#!/bin/sh
# Builds the loader stub as a flat, position-independent binary into $1. `make stub` and CI call it.
set -eu
case $1 in /*) out=$1 ;; *) out=$PWD/$1 ;; esac
cd "$(dirname "$0")"
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
# No SSE: the hook runs inside ld.so with live vector registers. No unwind tables, no build paths: the bytes depend on the sources
# and the compiler alone.
flags="-O2 -std=gnu11 -Wall -Wextra -Werror -ffreestanding -fno-stack-protector -fpie -fvisibility=hidden -mgeneral-regs-only
 -fno-asynchronous-unwind-tables -fno-unwind-tables -fcf-protection=none -fno-builtin -fno-tree-loop-distribute-patterns -fno-jump-tables -fno-ident"
for f in spawn.c early.c late.c entry.S; do
	gcc $flags -c "$f" -o "$tmp/$f.o"
done
ld -pie --no-dynamic-linker -T stub.ld -nostdlib --no-warn-rwx-segments -z noexecstack --build-id=none -o "$tmp/stub.elf" "$tmp/entry.S.o" "$tmp/spawn.c.o" "$tmp/early.c.o" "$tmp/late.c.o"
if readelf -rW "$tmp/stub.elf" | grep -q R_X86_64; then
	echo "the stub needs relocations" >&2
	exit 1
fi
objcopy -O binary "$tmp/stub.elf" "$out"
