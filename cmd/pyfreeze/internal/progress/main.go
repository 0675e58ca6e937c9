// Command progress runs `go test` with the arguments that it is given, and shows people that it
// goes on: a line for each package that has ended, what failed, and every twenty seconds the test
// that runs.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"

	"pyfreeze/tracer/inherit"
)

// interval is how long it may be silent.
const interval = 20 * time.Second

// event is one line of go test -json (cmd/test2json).
type event struct {
	Action, Package, Test, Output string
	Elapsed                       float64 // seconds
}

// report follows the tests. Its lock guards the rest.
type report struct {
	sync.Mutex
	running string
	ended   int
	said    time.Time
	output  map[string][]string // of tests that may still fail, by package and name
}

func main() {
	if err := inherit.Usual(); err != nil {
		fmt.Fprintln(os.Stderr, "progress:", err)
		os.Exit(1)
	}
	cmd := exec.Command("go", append([]string{"test", "-json"}, os.Args[1:]...)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "progress:", err)
		os.Exit(1)
	}
	r := &report{said: time.Now(), output: map[string][]string{}}
	go r.remind()
	lines := bufio.NewReader(out)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			r.take(line)
		}
		if err != nil {
			break
		}
	}
	if cmd.Wait() != nil {
		os.Exit(1)
	}
}

// remind says what runs whenever nothing was said for a while.
func (r *report) remind() {
	for range time.Tick(time.Second) {
		r.Lock()
		if time.Since(r.said) >= interval {
			r.say("...  %s, %d tests have passed", r.running, r.ended)
		}
		r.Unlock()
	}
}

func (r *report) say(format string, a ...any) {
	fmt.Printf(format+"\n", a...)
	r.said = time.Now()
}

// take reads one line.
func (r *report) take(line []byte) {
	r.Lock()
	defer r.Unlock()
	var e event
	if json.Unmarshal(line, &e) != nil { // what the build says
		r.say("%s", strings.TrimSuffix(string(line), "\n"))
		return
	}
	key := e.Package + " " + e.Test
	switch e.Action {
	case "run":
		r.running = strings.TrimPrefix(e.Package, "pyfreeze/") + " " + e.Test
	case "output", "build-output":
		r.output[key] = append(r.output[key], e.Output)
	case "pass", "skip":
		if e.Test == "" {
			r.say("ok    %s  %.1f s", e.Package, e.Elapsed)
		} else {
			r.ended++
		}
		delete(r.output, key)
	case "fail", "build-fail":
		r.say("FAIL  %s  %.1f s\n%s", key, e.Elapsed, strings.Join(r.output[key], ""))
		delete(r.output, key)
	}
}
