package pyheap

import (
	"encoding/json"
	"strings"
	"testing"
)

// tellAll begins the scripts of tests that compare what is read from outside with what Python says.
// A forked child asks Python, so that asking changes nothing in the process that is read.
const tellAll = `
import gc, json, os, sys, types
NEW = sys.version_info[:2]
def name_of(t):
    return "%s.%s" % (t.__module__, t.__qualname__)
def tell(ask):
    gc.collect()
    gc.disable()
    sys.stdout.flush()
    child = os.fork()
    if not child:
        try:
            print(json.dumps(ask()))
            sys.stdout.flush()
            os._exit(0)
        except BaseException:
            import traceback
            traceback.print_exc()
            sys.stderr.flush()
        os._exit(1)
    if os.waitpid(child, 0)[1]:
        os._exit(1)
    print("READY", flush=True)
    sys.stdin.readline()
`

// toldBy runs a script up to where it waits in tell(ask), and decodes what ask() gave.
func toldBy(t testing.TB, python, script string, into any, args ...string) *target {
	t.Helper()
	tg := start(t, python, append([]string{"-c", tellAll + script}, args...)...)
	if len(tg.lines) == 0 {
		t.Fatal("the script told nothing")
	}
	if err := json.Unmarshal([]byte(tg.lines[len(tg.lines)-1]), into); err != nil {
		t.Fatal(err)
	}
	return tg
}

// eachPython runs a test with every interpreter.
func eachPython(t *testing.T, test func(t *testing.T, python string)) {
	t.Helper()
	for _, python := range pythons(t) {
		t.Run(strings.ReplaceAll(python, "/", "_"), func(t *testing.T) { test(t, python) })
	}
}

// minor gives the minor version of an interpreter of a target.
func (tg *target) minor() int { return tg.heap.in.Version.Minor }
