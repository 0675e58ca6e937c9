package snapshot

import (
	"bytes"
	"math/rand/v2"
	"os"
	"reflect"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"pyfreeze/procmem"
	"pyfreeze/restore/guard"
	"pyfreeze/restore/internal/target"
	"pyfreeze/tracer"
)

// A frame has every register where the kernel takes it from, and a state of the vector registers
// that it accepts, whatever was saved: struct sigcontext of arch/x86/include/uapi/asm.
func FuzzFrame(f *testing.F) {
	f.Add(uint64(1), []byte(nil), uint64(0x1000))
	f.Add(uint64(2), bytes.Repeat([]byte{0xff}, 2696), ^uint64(0)&^63)
	f.Add(uint64(3), bytes.Repeat([]byte{0xff}, 575), uint64(0))
	f.Add(uint64(4), bytes.Repeat([]byte{1}, 1<<14), uint64(1<<40))
	order := strings.Fields("R8 R9 R10 R11 R12 R13 R14 R15 Rdi Rsi Rbp Rbx Rdx Rax Rcx Rsp Rip Eflags")
	f.Fuzz(func(t *testing.T, seed uint64, xstate []byte, at uint64) {
		random := rand.New(rand.NewPCG(seed, 0))
		at &^= 63
		var r unix.PtraceRegs
		v := reflect.ValueOf(&r).Elem()
		for i := range v.NumField() {
			v.Field(i).SetUint(random.Uint64())
		}
		r.Cs, r.Ss = 0x33, 0x2b
		stack := [24]byte{1, 2, 3}
		b := Frame(at, &r, xstate, seed, stack)
		for i, name := range order {
			if got, want := le.Uint64(b[40+8*i:]), v.FieldByName(name).Uint(); got != want {
				t.Errorf("%s is %#x, want %#x", name, got, want)
			}
		}
		if le.Uint64(b[FrameRSP:]) != r.Rsp || le.Uint64(b[296:]) != seed ||
			!bytes.Equal(b[16:40], stack[:]) {
			t.Error("the stack, its alternate or the mask are elsewhere")
		}
		features, size := guard.XSave()
		fp := b[le.Uint64(b[224:])-at:]
		software := fp[464:512]
		if (le.Uint64(b[224:])%64) != 0 || le.Uint32(software) != 0x46505853 ||
			le.Uint32(software[16:]) != uint32(size) || uint64(len(fp)) != size+4 ||
			le.Uint32(fp[size:]) != 0x46505845 {
			t.Errorf("what is behind is no state of %d bytes: % x", size, software)
		}
		if has := le.Uint64(fp[512:]); has&^features != 0 || bytes.ContainsFunc(fp[520:576], notZero) {
			t.Errorf("it has features %#x of %#x", has, features)
		}
		if len(xstate) >= xsaveExtended && !bytes.Equal(fp[:464], xstate[:464]) {
			t.Error("the registers of the processor's old part have changed")
		}
		if len(xstate) < xsaveExtended && (le.Uint32(fp[24:]) != 0x1f80 || le.Uint16(fp) != 0x37f) {
			t.Error("without a state it is not that of a new process")
		}
	})
}

func notZero(r rune) bool { return r != 0 }

// A system call that a stop has interrupted is made again; one that has ended is not; a thread that
// was in none keeps its place.
func TestCallAgain(t *testing.T) {
	const none = ^uint64(0)
	for _, c := range []struct{ orig, rax, rip, wantRax, wantRip uint64 }{
		{0, none - 511, 100, 0, 98},                                // ERESTARTSYS
		{230, none - 515, 100, 230, 98},                            // ERESTART_RESTARTBLOCK
		{202, none - 512, 100, 202, 98},                            // ERESTARTNOINTR
		{34, none - 513, 100, 34, 98},                              // ERESTARTNOHAND
		{0, 5, 100, 5, 100},                                        // five bytes were read
		{0, none - uint64(unix.EINTR) + 1, 100, ^uint64(3), 100},   // a handler has run
		{none, none - 511, 100, none - 511, 100},                   // the number is the program's
		{none - 1, none - 511, 100, none - 511, 100},               // no call
		{0, none - 514, 100, none - 514, 100},                      // -515 is no restart
		{39, uint64(0xfffffe00), 100, uint64(0xfffffe00), 100},     // 32 bits of one
		{uint64(unix.SYS_FUTEX), none - 511, 2, unix.SYS_FUTEX, 0}, // at the edge
	} {
		r := unix.PtraceRegs{Orig_rax: c.orig, Rax: c.rax, Rip: c.rip}
		callAgain(&r)
		if r.Rax != c.wantRax || r.Rip != c.wantRip || int64(r.Orig_rax) >= 0 {
			t.Errorf("%+v becomes %#x at %d, %#x", c, r.Rax, r.Rip, r.Orig_rax)
		}
		again := r
		if callAgain(&again); again != r { // of a copy's registers nothing is left to do
			t.Errorf("%+v: it is done twice", c)
		}
	}
}

// A nested call leaves the red zone alone and begins as a function expects: the stack is aligned
// as behind a call, no flag of the interrupted code matters.
func TestNestedCall(t *testing.T) {
	for rsp := uint64(0x7000); rsp < 0x7040; rsp++ {
		r := unix.PtraceRegs{Rsp: rsp, Eflags: ^uint64(0), Rax: 5, Orig_rax: 7}
		nestedCall(&r, 0x1234)
		if r.Rsp > rsp-128 || r.Rsp%16 != 0 || rsp-r.Rsp > 256 || r.Rip != 0x1234 {
			t.Errorf("from %#x to %#x at %#x", rsp, r.Rsp, r.Rip)
		}
		if r.Eflags&(1<<10|1<<8) != 0 || r.Eflags|1<<10|1<<8 != ^uint64(0) || int64(r.Orig_rax) >= 0 {
			t.Errorf("flags %#x, call %d", r.Eflags, r.Orig_rax)
		}
	}
	r := unix.PtraceRegs{Rax: 77, Orig_rax: unix.SYS_CLONE, Rdi: 9}
	if flags, behind := cloneFlags(&r); flags != 9 || behind != 0 || !makesProcess(r.Orig_rax) {
		t.Errorf("clone has flags %d, %d", flags, behind)
	}
	r.Orig_rax = unix.SYS_CLONE3
	if flags, behind := cloneFlags(&r); flags != 0 || behind != 9 || !makesProcess(r.Orig_rax) {
		t.Errorf("clone3 has flags %d, %d", flags, behind)
	}
	if asChild(&r); r.Rax != 0 || int64(r.Orig_rax) >= 0 || makesProcess(unix.SYS_EXECVE) {
		t.Errorf("the child has %d", r.Rax)
	}
}

// The C library's word for a thread's id is found where glibc has it, else by its value, and not
// at all where two words have that.
func TestTidAt(t *testing.T) {
	const fs, usual = 0x10000, 0x2d0
	for _, c := range []struct {
		size int
		at   []int
		want procmem.Addr
	}{
		{0x900, []int{usual}, fs + usual}, {0x900, []int{usual, 8}, fs + usual},
		{0x900, []int{0x300}, fs + 0x300}, {0x900, []int{0x300, 0x304}, 0}, {0x900, nil, 0},
		{0x900, []int{0x8fc}, fs + 0x8fc}, {0x2d2, []int{0x10}, fs + 0x10}, {0, nil, 0},
		{0x900, []int{0x302}, 0}, // not aligned
	} {
		b := make([]byte, c.size)
		for _, at := range c.at {
			le.PutUint32(b[at:], 4711)
		}
		if got := tidAt(sliceMemory{fs, b}, fs, 4711); got != c.want {
			t.Errorf("%v of %#x: %v, want %v", c.at, c.size, got, c.want)
		}
	}
}

// What the kernel clears is the thread's id, but for a glibc that keeps its state where others have
// a pointer.
func TestClearAt(t *testing.T) {
	const fs, id = 0x10000, 0x102d0
	for word, want := range map[uint64]procmem.Addr{0: id, 2: fs + 0x628, 3: fs + 0x628, 1: id,
		0x7f0000000002: fs + 0x628, 0x7f00000006c0: id} {
		b := make([]byte, 0x900)
		le.PutUint64(b[0x628:], word)
		if got := clearAt(sliceMemory{fs, b}, fs, id); got != want {
			t.Errorf("%#x: %v, want %v", word, got, want)
		}
	}
	if got := clearAt(sliceMemory{fs, nil}, fs, id); got != id {
		t.Errorf("without memory: %v", got)
	}
}

// stackAbove returns the stack of process p from rsp to its end, which is near where its
// environment is small.
func stackAbove(t *testing.T, p *tracer.Process, pid int, rsp uint64) []byte {
	t.Helper()
	maps, err := procmem.ReadMaps(pid)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range maps {
		if procmem.Addr(rsp) < m.Start || procmem.Addr(rsp) >= m.End {
			continue
		}
		b := make([]byte, uint64(m.End)-rsp)
		if _, err := p.ReadAt(b, procmem.Addr(rsp)); err != nil {
			t.Fatal(err)
		}
		return b
	}
	t.Fatalf("no mapping holds the stack pointer %#x", rsp)
	return nil
}

// What the kernel keeps is read from a stopped process by its own system calls: its registers, its
// stack and its signals are then as they were.
func TestReadKernelChangesNothing(t *testing.T) {
	p := target.Talk(t, target.Debian, `
import ctypes, faulthandler, signal, sys
faulthandler.enable(); faulthandler.register(10)
signal.signal(12, signal.SIG_IGN)
print('ready'); sys.stdin.readline(); print('on')`)
	p.Reading()
	tr, err := tracer.Attach(p.PID())
	if err != nil {
		t.Fatal(err)
	}
	regs, err := tr.Regs(p.PID())
	if err != nil {
		t.Fatal(err)
	}
	read := func() []byte {
		b := make([]byte, 4096)
		if _, err := tr.ReadAt(b, procmem.Addr(regs.Rsp)-procmem.Addr(len(b))); err != nil {
			t.Fatal(err)
		}
		return append(b, stackAbove(t, tr, p.PID(), regs.Rsp)...)
	}
	stack := read()
	k, err := readKernel(tr, p.PID())
	if err != nil {
		t.Fatal(err)
	}
	if now, err := tr.Regs(p.PID()); err != nil || now != regs || !bytes.Equal(read(), stack) {
		t.Errorf("its registers or its stack have changed: %v", err)
	}
	if err := tr.Detach(); err != nil {
		t.Fatal(err)
	}
	const restorer, onStack = 0x04000000, 0x08000000
	if k.Actions[11][0] != 1 || k.Actions[10][0] < 4096 ||
		k.Actions[10][1]&(restorer|onStack) != restorer|onStack {
		t.Errorf("actions of SIGUSR2 and SIGSEGV: %x %x", k.Actions[11], k.Actions[10])
	}
	sp, size, off := le.Uint64(k.Stack[:]), le.Uint64(k.Stack[16:]), le.Uint32(k.Stack[8:])
	if sp == 0 || size < 2048 || off != 0 {
		t.Errorf("the alternate stack: % x", k.Stack)
	}
	blocked, ignored, err := readSignals(p.PID())
	if err != nil || blocked != 0 || ignored&(1<<11) == 0 || ignored&(1<<9) != 0 {
		t.Errorf("it blocks %#x and ignores %#x, %v", blocked, ignored, err)
	}
	flags := readFlags(p.PID())
	maps, err := procmem.ReadMaps(p.PID())
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range maps {
		if has := strings.Join(flags[m.Start], " "); m.Write != strings.Contains(has, "wr") {
			t.Errorf("%v %s has the flags %s", m.Range, m.Path, has)
		}
	}
	if id := innerID(os.Getpid(), os.Getpid()); id <= 0 {
		t.Errorf("an id is %d", id)
	}
	if got := p.Ask(""); got != "on" {
		t.Errorf("it says %q", got)
	}
}
