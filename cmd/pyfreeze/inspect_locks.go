package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"pyfreeze/pyheap"
)

// shownLocks is what inspect locks --json prints.
type shownLocks struct {
	Deadlocks [][]shownStep `json:"deadlocks"`
	Locks     []shownLock   `json:"locks"`
	GIL       []shownParty  `json:"wait_for_gil,omitempty"`
}

// shownParty is a thread or a task that holds a lock or waits for one.
type shownParty struct {
	Tid    int    `json:"tid,omitempty"`
	Ident  uint64 `json:"ident,omitempty"`
	Task   string `json:"task,omitempty"` // its address
	Name   string `json:"name,omitempty"`
	Gone   bool   `json:"ended,omitempty"` // there is no such thread any more
	Method string `json:"method,omitempty"`
	// the line that waits, outside of the standard library's own
	At string `json:"at,omitempty"`
}

// shownLock is a lock, or what is made of locks.
type shownLock struct {
	Addr     string       `json:"addr"`
	Type     string       `json:"type"`
	Kind     string       `json:"kind"`
	Path     string       `json:"path,omitempty"`
	Held     bool         `json:"held"`
	Count    *int64       `json:"count,omitempty"`
	Owners   []shownParty `json:"owners,omitempty"`
	Inferred bool         `json:"inferred,omitempty"`
	Waiters  []shownParty `json:"waiters,omitempty"`
	Method   string       `json:"method,omitempty"` // of inspect threads: in which the thread waits
}

// shownStep is a part of a deadlock: who waits for what.
type shownStep struct {
	shownParty
	Lock     string `json:"lock"`
	Kind     string `json:"kind"`
	Path     string `json:"path,omitempty"`
	Inferred bool   `json:"inferred,omitempty"` // who holds it is
}

// deadlockError makes the exit status of inspect locks.
type deadlockError struct{ n int }

func (e *deadlockError) Error() string {
	if e.n == 1 {
		return "there is a deadlock"
	}
	return fmt.Sprintf("there are %d deadlocks", e.n)
}

func newInspectLocks(f *inspectFlags) *cobra.Command {
	return &cobra.Command{
		Use:   "locks TARGET",
		Short: "Show what is locked, by whom, and what waits for it; tell deadlocks",
		Long: `Show every lock that is held and everything that a thread or a task of asyncio waits
for: locks, RLocks, Conditions, Events, Semaphores, Barriers, queues, futures, threads
that are joined, locks of imports, of streams and of multiprocessing, each by its path.
The whole heap is walked.

An RLock, a stream and a lock of an import keep the thread that holds them. A plain lock
does not: its owner is inferred, and said to be, where exactly one thread is within a
"with" block of it (also through a Condition, an ExitStack or a generator of
contextlib). One that was taken by acquire() alone has no known owner.

Threads or tasks that wait for each other in a circle are told first, as DEADLOCK, and
the exit status is 1. It is 0 where there is none.`,
		Example: `  pyfreeze inspect locks 4711
  pyfreeze inspect locks core.4711 --json
  pyfreeze inspect locks 4711 >/dev/null 2>&1 || echo "stuck, or gone"`,
		Args: targetArgs(1, 1, "one target"),
		RunE: func(cmd *cobra.Command, args []string) error {
			deadlocks := 0
			err := runInspect(cmd, f, args[0], func(s *subject, p *progress) (any, func(io.Writer),
				error) {
				out, err := s.locks(p)
				if err != nil {
					return nil, nil, err
				}
				deadlocks = len(out.Deadlocks)
				return out, out.write, nil
			})
			if err == nil && deadlocks > 0 {
				err = &deadlockError{deadlocks}
			}
			return err
		},
	}
}

// lockThreads gives the threads of Python with where they sleep.
func (s *subject) lockThreads() ([]pyheap.LockThread, error) {
	list, err := s.heap.Threads()
	if err != nil {
		return nil, err
	}
	var out []pyheap.LockThread
	for _, t := range list {
		l := pyheap.LockThread{Thread: t}
		tid := s.tidOf(t)
		for i := range s.native {
			if s.native[i].tid == tid {
				l.Futex = s.futex(&s.native[i])
			}
		}
		out = append(out, l)
	}
	return out, nil
}

func (s *subject) locks(p *progress) (*shownLocks, error) {
	threads, err := s.lockThreads()
	if err != nil {
		return nil, err
	}
	w, err := s.walk(p)
	if err != nil {
		return nil, err
	}
	report, err := w.Locks(threads)
	if err != nil {
		return nil, err
	}
	party := s.parties(threads)
	out := &shownLocks{Deadlocks: [][]shownStep{}, Locks: []shownLock{}}
	kinds := map[pyheap.Addr]string{}
	for i := range report.Uses {
		u := &report.Uses[i]
		kinds[u.Addr] = u.Kind
		out.Locks = append(out.Locks, s.lock(u, w.Path(u.Addr), party))
	}
	for _, d := range report.Deadlocks {
		var steps []shownStep
		for _, st := range d {
			kind := kinds[st.Lock]
			if kind == "" {
				kind = "task"
			}
			steps = append(steps, shownStep{party(st.Party, ""), hex(st.Lock), kind,
				w.Path(st.Lock), st.Inferred})
		}
		out.Deadlocks = append(out.Deadlocks, steps)
	}
	for _, id := range report.GIL {
		out.GIL = append(out.GIL, party(pyheap.Party{Thread: id}, ""))
	}
	return out, nil
}

func (s *subject) lock(u *pyheap.LockUse, path string, party describer) shownLock {
	l := shownLock{Addr: hex(u.Addr), Type: u.Type, Kind: u.Kind, Path: path, Held: u.Held,
		Inferred: u.Inferred}
	if u.Count >= 0 {
		l.Count = &u.Count
	}
	for _, o := range u.Owners {
		l.Owners = append(l.Owners, party(o, ""))
	}
	for _, p := range u.Waiters {
		l.Waiters = append(l.Waiters, party(p.Party, p.Method))
	}
	return l
}

// describer tells of a thread or a task who it is.
type describer func(p pyheap.Party, method string) shownParty

// parties makes a describer.
func (s *subject) parties(threads []pyheap.LockThread) describer {
	names := s.heap.ThreadObjects()
	tids, at := map[uint64]int{}, map[uint64]string{}
	for _, t := range threads {
		tids[t.Thread.ThreadID] = s.tidOf(t.Thread)
		frames, _ := s.heap.Frames(t.Thread.Addr) // those before a damage
		at[t.Thread.ThreadID] = s.heap.WaitsAt(frames)
	}
	return func(p pyheap.Party, method string) shownParty {
		if p.Task != 0 {
			name, where := s.heap.TaskName(p.Task)
			return shownParty{Task: hex(p.Task), Name: name, Method: method, At: where}
		}
		tid, ok := tids[p.Thread]
		return shownParty{Tid: tid, Ident: p.Thread, Name: names[p.Thread].Name, Gone: !ok,
			Method: method, At: at[p.Thread]}
	}
}
