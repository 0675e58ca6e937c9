// Package snapshot makes a consistent copy of a process: its memory, its threads, and what the kernel keeps of it.
//
// [Command] runs a command of ours to a point and copies it there, as the child that a fork() would have made, or as it stands.
// [Attach] copies a process that runs already, by a twin, and changes nothing in it. [Inspect] does so for inspection alone.
// What the copy means for a thaw is other packages' business.
package snapshot
