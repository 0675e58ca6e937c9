// Command pyfreeze freezes running CPython processes into images and thaws
// images into fresh processes.
package main

import (
	"os"
)

func main() {
	os.Exit(execute(newRoot()))
}
