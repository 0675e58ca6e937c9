package tracer

import (
	"testing"
	"time"
	"fmt"
	"pyfreeze/procmem"
)

func TestTiming(t *testing.T) {
	tg := start(t, "x=list(range(700000));print('ready')\nwhile 1: sum(x[:1000])")
	time.Sleep(300*time.Millisecond)
	for range 8 {
		t0 := time.Now()
		p := tg.attach()
		t1 := time.Now()
		_, _ = procmem.ReadMaps(tg.pid())
		t2 := time.Now()
		w, err := p.Twin(p.PID())
		if err != nil { t.Fatal(err) }
		t3 := time.Now()
		detach(t, p)
		t4 := time.Now()
		w.Detach()
		t5 := time.Now()
		fmt.Println("attach", t1.Sub(t0), "maps", t2.Sub(t1), "twin", t3.Sub(t2), "detach", t4.Sub(t3), "end", t5.Sub(t4), "stopped", p.StoppedFor(), T)
		T = nil
		time.Sleep(20*time.Millisecond)
	}
}
