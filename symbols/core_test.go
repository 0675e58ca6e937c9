package symbols

import (
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"pyfreeze/procmem"
)

// A core file has no inodes, and may lack file pages: the same answers come out of it.
func TestIdentifyCore(t *testing.T) {
	gcore, err := exec.LookPath("gcore")
	if err != nil {
		t.Skip("no gcore here")
	}
	all := interps(t)
	for _, in := range []interp{all[0], all[len(all)-1]} {
		t.Run(in.name, func(t *testing.T) {
			pid := target(t, in.exe, "-I", "-S", "-c", block)
			maps, live := memory(t, pid)
			want, err := Identify(maps, live)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = want.Module.File.Close() }()
			prefix := filepath.Join(t.TempDir(), "core")
			if out, err := exec.Command(gcore, "-o", prefix, strconv.Itoa(pid)).CombinedOutput(); err != nil {
				t.Skipf("gcore: %v\n%s", err, out)
			}
			core, err := procmem.LoadCore(prefix + "." + strconv.Itoa(pid))
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = core.Close() }()
			var cm []procmem.Mapping
			for _, s := range core.Space.Segments() {
				cm = append(cm, s.Mapping)
			}
			got, err := Identify(cm, core.Space)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = got.Module.File.Close() }()
			if got.Exe != want.Exe || got.Version != want.Version || got.Bias != want.Bias || got.Module.Range != want.Module.Range {
				t.Errorf("core: %+v\nlive: %+v", got, want)
			}
		})
	}
}
