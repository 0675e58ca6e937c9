package main

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// both gives the plain command and the thawed one for the same code; the latter logs to log.
func both(t *testing.T, code string) (variants map[string][]string, log runLog) {
	t.Helper()
	return map[string][]string{
		"plain":  {python, "-c", code},
		"thawed": {binary, "run", "-c", code, pythonImage(t)},
	}, newRunLog(t)
}

// signalled starts argv, waits for the line "ready", sends the signals and returns what came of it.
func signalled(t *testing.T, argv []string, log runLog, signals ...syscall.Signal) outcome {
	t.Helper()
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env = append(os.Environ(), log.env())
	var stderr strings.Builder
	cmd.Stderr = &stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	late := time.AfterFunc(20*time.Second, func() { _ = cmd.Process.Kill() })
	defer late.Stop()
	out := bufio.NewReader(stdout)
	first, err := out.ReadString('\n')
	if err != nil {
		t.Fatalf("%v before it was ready: %s", err, stderr.String())
	}
	// The pid that the program has is the pid that was started: no parent stays between.
	if pid := strings.TrimSpace(strings.TrimPrefix(first, "ready")); pid != strconv.Itoa(cmd.Process.Pid) {
		t.Errorf("started %d, runs as %q", cmd.Process.Pid, pid)
	}
	for _, s := range signals {
		time.Sleep(100 * time.Millisecond)
		if err := cmd.Process.Signal(s); err != nil {
			t.Fatal(err)
		}
	}
	rest, err := io.ReadAll(out)
	if err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	return outcome{Stdout: string(rest), Stderr: stderr.String(), Status: status(cmd.ProcessState)}
}

func TestRunSignals(t *testing.T) {
	const ready = "import os, sys, signal, time\nprint('ready', os.getpid(), flush=True)\n"
	for name, c := range map[string]struct {
		code    string
		signals []syscall.Signal
		status  string
	}{
		"interrupt":         {"time.sleep(60)", []syscall.Signal{syscall.SIGINT}, "signal: interrupt"},
		"interrupt busy":    {"while True: pass", []syscall.Signal{syscall.SIGINT}, "signal: interrupt"},
		"interrupt caught":  {"try: time.sleep(60)\nexcept KeyboardInterrupt: print('caught'); sys.exit(4)", []syscall.Signal{syscall.SIGINT}, "exit 4"},
		"interrupt reading": {"sys.stdin = open('/dev/zero', 'rb')\nwhile True: sys.stdin.read(10**7)", []syscall.Signal{syscall.SIGINT}, "signal: interrupt"},
		"interrupt twice":   {"for i in range(2):\n  try: time.sleep(60)\n  except KeyboardInterrupt: print('caught', i, flush=True)", []syscall.Signal{syscall.SIGINT, syscall.SIGINT}, "exit 0"},
		"terminate":         {"time.sleep(60)", []syscall.Signal{syscall.SIGTERM}, "signal: terminated"},
		"terminate handled": {"signal.signal(15, lambda *a: sys.exit(5))\ntime.sleep(60)", []syscall.Signal{syscall.SIGTERM}, "exit 5"},
		"hang up":           {"time.sleep(60)", []syscall.Signal{syscall.SIGHUP}, "signal: hangup"},
		"stop and continue": {"time.sleep(0.5); print('on')", []syscall.Signal{syscall.SIGSTOP, syscall.SIGCONT}, "exit 0"},
		"kill":              {"time.sleep(60)", []syscall.Signal{syscall.SIGKILL}, "signal: killed"},
		"pipe ignored":      {"r, w = os.pipe(); os.close(r)\ntry: os.write(w, b'x')\nexcept BrokenPipeError: print('broken')", nil, "exit 0"},
	} {
		t.Run(name, func(t *testing.T) {
			variants, log := both(t, ready+c.code)
			plain := signalled(t, variants["plain"], log, c.signals...)
			if plain.Status != c.status {
				t.Fatalf("plain: want %s, got %v", c.status, plain)
			}
			same(t, plain, signalled(t, variants["thawed"], log, c.signals...))
			log.thawed(t, 1)
		})
	}
}

// TestRunInheritsSignals starts the command with signals ignored and blocked, as nohup and some
// supervisors do.
func TestRunInheritsSignals(t *testing.T) {
	code := "import signal; print(signal.getsignal(1), signal.getsignal(2), signal.pthread_sigmask(0, []), " +
		"[l for l in open('/proc/self/status') if l.startswith(('SigBlk', 'SigIgn'))])"
	variants, log := both(t, code)
	env := []string{log.env()}
	shell := func(argv []string) outcome {
		return run(t, command{argv: append([]string{"/bin/sh", "-c", `trap "" HUP INT; exec "$@"`, "sh"}, argv...), env: env})
	}
	same(t, shell(variants["plain"]), shell(variants["thawed"]))
	log.thawed(t, 1)
}

// TestShellSeesSignals checks what a shell makes of a thawed command that a signal killed.
func TestShellSeesSignals(t *testing.T) {
	variants, log := both(t, "import os; os.kill(os.getpid(), 9)")
	shell := func(argv []string) outcome {
		return run(t, command{argv: append([]string{"/bin/bash", "-c", `"$@"; echo "status $?"`, "bash"}, argv...), env: []string{log.env()}})
	}
	plain, thawed := shell(variants["plain"]), shell(variants["thawed"])
	if plain.Stdout != "status 137\n" || thawed.Stdout != plain.Stdout {
		t.Errorf("plain %v\nthawed %v", plain, thawed)
	}
	log.thawed(t, 1)
}

// TestThawsDiffer thaws one image several times: what must be random is, what must be kept is.
func TestThawsDiffer(t *testing.T) {
	image := pythonImage(t)
	const code = "import random, uuid, os, secrets, tempfile, ssl, warmed\n" +
		"print(random.random(), uuid.uuid4(), os.urandom(8).hex(), secrets.token_hex(8), next(tempfile._get_candidate_names()), ssl.RAND_bytes(8).hex(), random.SystemRandom().random())\n" +
		"print(hash('x'), id(warmed.TABLE), warmed.BORN_IN)"
	var outputs [][]string
	for range 3 {
		o := pyfreeze(t, "run", "-c", code, image).must(t, "exit 0")
		lines := strings.Split(o.Stdout, "\n")
		outputs = append(outputs, append(strings.Fields(lines[0]), lines[1]))
	}
	last := len(outputs[0]) - 1
	for i := range outputs[0] {
		a, b, c := outputs[0][i], outputs[1][i], outputs[2][i]
		if i == last && (a != b || b != c) {
			t.Errorf("the frozen state differs between thaws: %q %q %q", a, b, c)
		}
		if i < last && (a == b || b == c || a == c) {
			t.Errorf("value %d is the same in two thaws: %q %q %q", i, a, b, c)
		}
	}
}
