// Package memory decides what becomes of each page of a copy, and writes the steps that place them in a thaw.
//
// All of user space comes back, libc and ld.so included, each page at its address: clean pages of files from their files, all others from
// the image. An image's pages are mapped where the allocator that owns them never asks the kernel for zeros in their place; memory
// of whom nothing is known is read into anonymous memory, which behaves as it did. See docs/design.md.
package memory
