package snapshot

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pyfreeze/restore/internal/target"

	"golang.org/x/sys/unix"
)

// What the kernel keeps is read as the process itself is told it.
func TestReadState(t *testing.T) {
	told := filepath.Join(t.TempDir(), "limits")
	p := target.Talk(t, target.Debian, `
import ctypes, json, os, resource, sys
os.umask(0o153); os.chdir('/usr'); os.nice(4)
resource.setrlimit(resource.RLIMIT_NOFILE, (300, 400))
ctypes.CDLL(None).prctl(38, 1, 0, 0, 0)
with open(sys.argv[1], 'w') as f:
    json.dump([[v % 2**64 for v in resource.getrlimit(n)] for n in range(16)], f)
print('ready'); sys.stdin.readline()`, told)
	before, err := readState(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	s, err := readState(p.PID())
	if err != nil {
		t.Fatal(err)
	}
	if s.Cwd != "/usr" || s.Umask != 0o153 || s.Nice != before.Nice+4 ||
		!s.NoNewPrivs || before.NoNewPrivs {
		t.Errorf("before %+v, then %+v", before, s)
	}
	b, err := os.ReadFile(told)
	if err != nil {
		t.Fatal(err)
	}
	var want [Limits][2]uint64
	if err := json.Unmarshal(b, &want); err != nil || s.Limits != want ||
		want[unix.RLIMIT_NOFILE] != [2]uint64{300, 400} {
		t.Errorf("limits %v, it says %v, %v", s.Limits, want, err)
	}
	for what, value := range s.Fixed {
		if before.Fixed[what] != value && !strings.HasPrefix(what, "its standard ") { // pipes of the test
			t.Errorf("%s: %q before, then %q", what, before.Fixed[what], value)
		}
	}
}

// Lines that are cut or no numbers are errors.
func TestParseLimits(t *testing.T) {
	b, err := os.ReadFile("/proc/self/limits")
	if err != nil {
		t.Fatal(err)
	}
	text := string(b)
	if _, err := parseLimits(text); err != nil {
		t.Error(err)
	}
	for _, bad := range []string{"", text[:200], strings.Replace(text, "unlimited", "many     ", 1),
		strings.ReplaceAll(text, " ", "")} {
		if _, err := parseLimits(bad); err == nil {
			t.Errorf("no error for %q", bad)
		}
	}
}
