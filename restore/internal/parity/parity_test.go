package parity

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
)

// recorder is a test that notes why it was ended.
type recorder struct {
	testing.TB
	why string
}

func (r *recorder) Helper() {}

func (r *recorder) Fatalf(format string, args ...any) {
	r.why = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

// TestAsk sends words of all kinds, which come through as they are.
func TestAsk(t *testing.T) {
	d := Start(t)
	for _, word := range []string{"", "a", "a b\n", "\xff\xfe", strings.Repeat("x", 1<<20)} {
		if got := d.Says("env", "A", "B=1", "A="+word); got != word {
			t.Errorf("%.20q comes back as %.20q", word, got)
		}
		// Bytes of !-questions may have NULs.
		if got := d.Ask("!crc", word+"\x00", "0"); got[0] != got[len(got)-1] {
			t.Errorf("%.20q has the sums %q", word, got)
		}
	}
	if got := d.Ask("lines", "x"); len(got) != 2 {
		t.Errorf("an answer of two fields is %q", got)
	}
	if d.True("listed", "A=1", "B") || !d.True("listed", "A=1", "B A") {
		t.Error("yes is no")
	}
}

// TestEndIsSeen shows that a test fails where the C side reads a byte too far: words end where
// memory does.
func TestEndIsSeen(t *testing.T) {
	d := Start(t)
	fatal := func(what string, words ...string) string {
		r := &recorder{TB: t}
		done := make(chan struct{})
		go func() {
			defer close(done)
			other := *d
			other.t = r
			other.Ask(what, words...)
		}()
		<-done
		return r.why
	}
	if why := fatal("!crc", "four", "4"); why != "" {
		t.Errorf("all of its bytes may be read: %s", why)
	}
	if why := fatal("!crc", "four", "5"); !strings.Contains(why, "the C side ended at !crc") {
		t.Errorf("a byte too far is read, and nobody sees it: %q", why)
	}
	d.died = true // as was asked of it
}

// TestProc is about the right process, of which only one is left when a test is over.
func TestProc(t *testing.T) {
	proc := ""
	t.Run("", func(t *testing.T) {
		d := Start(t)
		proc = d.Proc("comm")
		if _, err := os.ReadFile(proc); err != nil || d.For(t).Proc("comm") != proc {
			t.Errorf("%v; for others it is %s", err, d.For(t).Proc("comm"))
		}
	})
	if _, err := os.ReadFile(proc); err == nil {
		t.Error("the C side is there after its test")
	}
}
