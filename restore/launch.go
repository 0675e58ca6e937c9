package restore

import (
	"fmt"
	"os"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"pyfreeze/image"
)

func init() {
	// The tracer child seizes the thread that calls execve, which must be the
	// main one: the kernel reports the exec under the process's id.
	runtime.LockOSThread()
}

// spawnArgs is struct spawn_args of stub/abi.h.
type spawnArgs struct {
	stackTop     uint64
	tracee       uint64
	imageFd, pad int32
	mapOff       uint64
	mapLen       uint64
	stubOff      uint64
	progOff      uint64
	syscallDelta uint64
	ldEntry      uint64
	earlyOff     uint64
	exePath      uint64
	run          uint64
	runOff       uint64
	sources      [3]uint64 // none: all is checked before
	cpu          uint64
	state        uint32
	err          int32
	child        int64
}

// runBlock is struct run_block of stub/abi.h.
type runBlock struct {
	flags       uint32
	imageFd     int32
	logFd       int32
	tracerPid   int32
	mapBase     uint64
	startNs     uint64
	execNs      uint64
	attempts    uint64
	verdict     int64
	skip        uint64
	personality uint64
	comm        [16]byte
	stale       [512]byte
	again       [1024]byte
	logOK       [1024]byte
	logFail     [1024]byte
}

// runBlockSize is sizeof(struct run_block).
const runBlockSize = int(unsafe.Sizeof(runBlock{}))

const (
	runVerbose = 1
	runTimings = 2
	runShuffle = 4
)

// command is what execve gets.
type command struct {
	path string
	argv []string
	env  []string
	comm string
}

// exec becomes the command, untouched.
func (c command) exec() error {
	restoreStart()
	return &os.PathError{Op: "execve", Path: c.path, Err: syscall.Exec(c.path, c.argv, c.env)}
}

// Memory shared with the tracer child. It must not be the Go heap's, so it is
// mapped by hand: arguments, stack of this call, stack of the child.
const (
	arenaData  = 16 << 10
	arenaStack = 64 << 10
)

// execThawed becomes the command, thawed from the image. It returns only when
// that is impossible, with nothing changed, so that the caller can still exec
// the plain command.
func (c command) execThawed(im *image.Image, lp loadPlan, run runBlock) error {
	mem, err := unix.Mmap(-1, 0, arenaData+arenaStack, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return fmt.Errorf("memory for the launcher: %w", err)
	}
	defer func() { _ = unix.Munmap(mem) }()

	// Without close-on-exec, clear of the low numbers that a program may count on, yet below 64: a larger
	// table of descriptors costs a threaded process milliseconds (synchronize_rcu).
	fd, err := unix.FcntlInt(im.File().Fd(), unix.F_DUPFD, 50)
	if err != nil {
		return fmt.Errorf("image descriptor: %w", err)
	}
	defer unix.Close(fd)

	base := uintptr(unsafe.Pointer(&mem[0]))
	args := (*spawnArgs)(unsafe.Pointer(&mem[0]))
	block := (*runBlock)(unsafe.Pointer(&mem[1024]))
	path := mem[8192:]
	if len(c.path) >= 4096 {
		return &os.PathError{Op: "execve", Path: c.path, Err: unix.ENAMETOOLONG}
	}
	copy(path, c.path)
	copy(run.comm[:15], c.comm)
	run.imageFd = int32(fd)
	*args = spawnArgs{
		stackTop:     uint64(base) + uint64(len(mem)),
		tracee:       uint64(unix.Getpid()),
		imageFd:      int32(fd),
		mapOff:       lp.mapOff,
		mapLen:       lp.mapLen,
		stubOff:      lp.stubOff,
		progOff:      lp.progOff,
		syscallDelta: lp.syscallDelta,
		ldEntry:      lp.ldEntry,
		earlyOff:     uint64(lp.stub.early),
		exePath:      uint64(uintptr(unsafe.Pointer(&path[0]))),
		run:          uint64(uintptr(unsafe.Pointer(block))),
		runOff:       lp.runOff,
	}
	old, err := blockSignals()
	if err != nil {
		return fmt.Errorf("signal mask: %w", err)
	}
	*block = run
	stack := base + uintptr(len(mem)) - arenaStack/2 // the upper half is the child's
	rc := callOnStack(launcherAddr(), uintptr(unsafe.Pointer(args)), stack)
	_ = setSignalMask(old)
	if rc < 0 {
		return fmt.Errorf("a child may not trace this process: %w", syscall.Errno(-rc))
	}
	block.personality = letRandomize()
	block.execNs = Monotonic()
	err = c.exec()
	if block.personality != personalityKept {
		_, _, _ = unix.RawSyscall(unix.SYS_PERSONALITY, uintptr(block.personality), 0, 0)
	}
	_ = unix.Kill(int(args.child), unix.SIGKILL)
	_, _ = unix.Wait4(int(args.child), nil, unix.WALL, nil)
	return err
}

// personalityKept is PERSONALITY_KEPT of stub/abi.h.
const personalityKept = ^uint64(0)

// letRandomize switches address space randomization on for the process that this one becomes, and returns the personality that the stub
// goes back to: without it every try would find the layout that the first one found.
func letRandomize() uint64 {
	const query, addrNoRandomize = 0xffffffff, 0x40000
	old, _, e := unix.RawSyscall(unix.SYS_PERSONALITY, query, 0, 0)
	if e != 0 || old&addrNoRandomize == 0 {
		return personalityKept
	}
	if _, _, e := unix.RawSyscall(unix.SYS_PERSONALITY, old&^addrNoRandomize, 0, 0); e != 0 {
		return personalityKept
	}
	return uint64(old)
}

// Monotonic is CLOCK_MONOTONIC in nanoseconds, as the stub reads it.
func Monotonic() uint64 {
	var ts unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts)
	return uint64(ts.Nano())
}
