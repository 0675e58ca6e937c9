package pyheap

import (
	"os/exec"
	"testing"
)

const greenletsScript = `
import greenlet
class Own(greenlet.greenlet):
    pass
main = greenlet.getcurrent()
def outer(n):
    middle(n, "é")
def middle(n, text):
    return [inner(x) for x in range(n, n + 1)]
def inner(x):
    try:
        raise KeyError(x)
    except KeyError:
        main.switch(x)
def generates():
    yield main.switch()
def iterates():
    for x in generates():
        pass
kept = [greenlet.greenlet(outer), Own(outer), greenlet.greenlet(iterates), greenlet.greenlet(lambda: main.switch()),
    greenlet.greenlet(lambda: 1), greenlet.greenlet(outer)]
kept[0].switch(1); kept[1].switch(2); kept[2].switch(); kept[3].switch(); kept[4].switch()
def stack(g):
    out, f = [], g.gr_frame
    while f is not None:
        out.append([f.f_code.co_name, f.f_lineno, {n: id(v) for n, v in f.f_locals.items() if n != ".0"}])
        f = f.f_back
    return out
tell(lambda: {"stacks": {id(g): stack(g) for g in kept}, "own": id(kept[1]), "main": id(main), "other": id(kept)})
`

// TestGreenlets compares the frames of greenlets with gr_frame.
func TestGreenlets(t *testing.T) {
	if err := exec.Command(python311, "-c", "import greenlet").Run(); err != nil {
		t.Skip("greenlet is not installed")
	}
	var want struct {
		Stacks           map[Addr][][3]any
		Own, Main, Other Addr
	}
	tg := toldBy(t, python311, greenletsScript, &want)
	h, found := tg.heap, map[Addr]Greenlet{}
	for _, g := range tg.walk(t).Greenlets() {
		found[g.Addr] = g
	}
	many := 0
	for a, stack := range want.Stacks {
		frames := h.GreenletFrames(a)
		if len(frames) != len(stack) || len(found[a].Frames) != len(stack) || !h.IsGreenlet(a) {
			t.Errorf("%v has %d frames (in the list %d), Python says %d", a, len(frames), len(found[a].Frames), len(stack))
			continue
		}
		for i, w := range stack {
			many++
			f, locals := frames[i], w[2].(map[string]any)
			if f.Name != w[0] || f.Line != int(w[1].(float64)) {
				t.Errorf("frame %d of %v is %s:%d, Python says %v", i, a, f.Name, f.Line, w)
			}
			for _, l := range f.Locals {
				if id, ok := locals[l.Name]; l.Name != ".0" && (!ok || l.Value != Addr(id.(float64))) {
					t.Errorf("local %s of %s is %v, Python says %v", l.Name, f.Name, l.Value, id)
				}
			}
		}
	}
	if many < 10 {
		t.Errorf("%d frames were compared", many)
	}
	if n := found[want.Own].TypeName; n != "__main__.Own" {
		t.Errorf("the greenlet of a class of its own is a %q", n)
	}
	if h.IsGreenlet(want.Other) || h.GreenletFrames(want.Other) != nil || h.IsGreenlet(8) {
		t.Error("a list is a greenlet")
	}
}
