// Package restore freezes a stopped interpreter into an image and thaws
// images into fresh processes.
//
// Freezing: Freeze stops the target (package tracer), copies its memory
// (package procmem), walks its heap (package pyheap), decides page by page
// what is frozen and what is fresh, and compiles the thaw program into the
// image (package image).
//
// Thawing: Run checks an image against the machine and starts its command. The
// calling process becomes the interpreter, steered at its execve by a tracer
// child; the loader stub (restore/stub) then carries out the thaw program. A
// thaw that is not possible ends in the plain command.
package restore
