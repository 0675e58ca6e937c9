// Command pyfreeze freezes running CPython processes into images and thaws
// images into fresh processes.
package main

import (
	"os"

	"pyfreeze/restore"
)

func main() {
	start := restore.Monotonic()
	os.Exit(execute(newRoot(start)))
}
