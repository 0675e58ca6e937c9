// Package launcher puts images in front of programs: a small file, found before the program on PATH, that starts it from an image
// which is made, checked and replaced without the user's help. The fast way lies in stub/src/launcher.c, which runs before Go does; what is here
// does the same and all that it leaves: the plain command, images that are missing or stale.
package launcher
