// A static program that is no Python, and not C either.
package main

import "time"

func main() {
	time.Sleep(time.Hour)
}
