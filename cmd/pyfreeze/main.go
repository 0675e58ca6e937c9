// The Makefile builds with an older module of Go's cryptography, for its size alone.
//
//go:debug fips140=off

// Command pyfreeze freezes running CPython processes into images and thaws
// images into fresh processes.
package main

import (
	"os"
)

func main() {
	os.Exit(execute(newRoot()))
}
