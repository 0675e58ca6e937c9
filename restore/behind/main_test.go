package behind

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pyfreeze/pyheap"
	"pyfreeze/restore/internal/copied"
	"pyfreeze/restore/internal/target"
)

func TestMain(m *testing.M) { target.Main(m) }

// executor runs what it is told, each line in its __main__.
const executor = `
import sys
sys.path.insert(0, sys.argv[1])
print('ready')
for line in sys.stdin:
    exec(line)
    print('done')
`

// process is a Python with modules of a test's.
type process struct {
	t *testing.T
	p *target.Process
}

// start starts an interpreter whose modules have these texts.
func start(t *testing.T, exe string, modules map[string]string) *process {
	t.Helper()
	dir := t.TempDir()
	for name, text := range modules {
		path := filepath.Join(dir, strings.ReplaceAll(name, ".", "/")+".py")
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return &process{t, target.Talk(t, exe, executor, dir)}
}

// runs has it run a line.
func (p *process) runs(line string) {
	p.t.Helper()
	if got := p.p.Ask(line); got != "done" {
		p.t.Fatalf("%s: %s", line, got)
	}
}

// heap reads its objects as they are now.
func (p *process) heap() *pyheap.Heap {
	p.t.Helper()
	p.p.Reading()
	c := copied.Of(p.t, p.p.PID())
	h, err := pyheap.Open(c.Space, c.Interp, c.Layout)
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { _ = h.Close() })
	return h
}

// lines are the entries of a report below a module, as text.
func lines(r *Report, module string) string {
	var b strings.Builder
	for _, e := range r.Entries {
		if path, ok := strings.CutPrefix(e.Path, "sys.modules['"+module+"']"); ok {
			b.WriteString(path + ": " + e.Was + " -> " + e.Is + "\n")
		}
	}
	return b.String()
}
