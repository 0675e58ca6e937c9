package refuse

import "testing"

// Locks that somebody has, and such as nobody has, or as only frames hold.
func TestLocks(t *testing.T) {
	const remedy = ` \(release it before the freeze, or --allow lock\)`
	const held = `sys\.modules\['json'\]\.held\[0\] holds `
	tell(t, map[string]story{
		"a lock": {
			refused: "hold(threading.Lock())\njson.held[0].acquire()",
			says:    held + "a lock that is held" + remedy, allow: "lock",
			near: "hold(threading.Lock())\njson.held[0].acquire()\njson.held[0].release()",
		},
		"a lock of a frame": { // which a program that runs again has left
			refused: "hold(threading.Lock())\njson.held[0].acquire()",
			says:    held + "a lock that is held" + remedy, allow: "lock",
			near: "def f():\n mine = threading.Lock()\n mine.acquire()\n" +
				" print('ready')\n sys.stdin.readline()\nf()",
		},
		"an RLock of the main thread": {
			refused: "hold(threading.RLock())\njson.held[0].acquire()\n" +
				"json.held[0].acquire()\njson.held[0].release()",
			says: held + "an RLock held by the main thread" + remedy, allow: "lock",
			near: "hold(threading.RLock())\njson.held[0].acquire()\njson.held[0].release()",
		},
		"an RLock of a thread that has ended": {
			refused: "hold(threading.RLock())\n" +
				"t = threading.Thread(target=json.held[0].acquire); t.start(); t.join()",
			says: held + "an RLock held by a thread that has ended" + remedy, allow: "lock",
			near: "hold(threading.RLock())\ndef f():\n with json.held[0]: pass\n" +
				"t = threading.Thread(target=f); t.start(); t.join()",
		},
		"a condition": {
			refused: "hold(threading.Condition())\njson.held[0].acquire()",
			says: `sys\.modules\['json'\]\.held\[0\]\._lock holds ` +
				"an RLock held by the main thread" + remedy, allow: "lock",
			near: "hold(threading.Condition())\nwith json.held[0]: json.held[0].notify_all()",
		},
		"a semaphore": {
			refused: "hold(threading.Semaphore(2))\njson.held[0].acquire()\njson.held[0].acquire()",
			says:    held + "a semaphore at 0" + remedy, allow: "lock",
			near: "hold(threading.Semaphore(2))\njson.held[0].acquire()",
		},
		"a bounded semaphore": {
			refused: "hold(threading.BoundedSemaphore(3))\njson.held[0].acquire()",
			says:    held + "a semaphore at 2 of 3" + remedy, allow: "lock",
			near: "hold(threading.BoundedSemaphore(3))\njson.held[0].acquire()\n" +
				"json.held[0].release()",
		},
	})
}

// Children, loops, and what a thaw would delete.
func TestOwners(t *testing.T) {
	const held = `sys\.modules\['json'\]\.held\[0\] holds `
	const forAChild = "import subprocess\n" +
		"hold(subprocess.Popen(['sleep', '60'], stdin=-3, stdout=-3, stderr=-3))\n"
	tell(t, map[string]story{
		"a child": {
			refused: forAChild,
			says: held + `a child process that was not waited for, \d+ ` +
				`\(wait for it before the freeze, or --allow child\)`, allow: "child",
			near:   forAChild + "json.held[0].kill(); json.held[0].wait()",
			resume: true,
		},
		"a loop": {
			refused: "import asyncio\nhold(asyncio.new_event_loop())\n" +
				"json.held[0].call_soon(lambda: (print('ready'), sys.stdin.readline()))\n" +
				"json.held[0].run_forever()",
			says:  held + `a running event loop \(freeze before it runs, or --allow asyncio\)`,
			allow: "asyncio",
			near: "import asyncio\nloop = asyncio.new_event_loop()\nhold(loop)\n" +
				"loop.run_until_complete(asyncio.sleep(0))\nloop.close()",
			resume: true,
		},
		"a temporary directory": {
			refused: "import tempfile\nhold(tempfile.TemporaryDirectory())",
			says: held + `the temporary directory '/[^']+', which every thaw would delete ` +
				`\(clean it up before the freeze\)`,
			near:   "import tempfile\nhold(tempfile.TemporaryDirectory())\njson.held[0].cleanup()",
			resume: true,
		},
		"a temporary file": {
			refused: "import tempfile\nhold(tempfile.NamedTemporaryFile())",
			says: `.*a file that every thaw would write to at the same place.*` + "\n" +
				`sys\.modules\['json'\]\.held\[0\]\._closer holds ` +
				`the temporary file '/[^']+', which every thaw would delete ` +
				`\(close it before the freeze\)`,
			near:   "import tempfile\nhold(tempfile.NamedTemporaryFile())\njson.held[0].close()",
			resume: true,
		},
		"a finalizer": {
			refused: "import shutil, tempfile, weakref\nclass C: pass\nc = C()\n" +
				"d = tempfile.mkdtemp()\nc.f = weakref.finalize(c, shutil.rmtree, d)\nhold(c)",
			says: `.* holds a finalizer, <function rmtree[^>]*>, of "/[^"]+", ` +
				`which every thaw would call \(call or detach it before the freeze, ` +
				`or --allow finalizer\)`, allow: "finalizer",
			near: "import shutil, tempfile, weakref\nclass C: pass\nc = C()\n" +
				"d = tempfile.mkdtemp()\nc.f = weakref.finalize(c, shutil.rmtree, d)\nhold(c)\n" +
				"c.f.atexit = False",
			resume: true,
		},
		"a database": {
			refused: "import sqlite3, tempfile\nhold(sqlite3.connect(tempfile.mktemp()))\n" +
				"json.held[0].execute('create table t (a)')",
			says: `descriptor 3 on /\S+, a file that every thaw would write to .*` + "\n" + held +
				`a connection to /\S+ \(descriptor 3\) ` +
				`\(close it before the freeze, or --allow sqlite\)`, allow: "sqlite,file",
			near: "import sqlite3\nhold(sqlite3.connect(':memory:'))\n" +
				"json.held[0].execute('create table t (a)')",
			resume: true,
		},
	})
}

// The signal module's descriptor, and faulthandler's thread.
func TestStaticState(t *testing.T) {
	const pair = "import signal\na, b = os.pipe()\nos.set_blocking(b, False)\n" +
		"signal.set_wakeup_fd(b)\n"
	const wakeup = `signal\.set_wakeup_fd holds descriptor \d+, which signals write to `
	tell(t, map[string]story{
		"a wakeup descriptor": {
			refused: pair,
			says: wakeup + `\(call signal\.set_wakeup_fd\(-1\) before the freeze, ` +
				`or --allow wakeup-fd\)`, allow: "wakeup-fd",
			near: pair + "signal.set_wakeup_fd(-1)",
		},
		"a watchdog": {
			refused: "import faulthandler\nfaulthandler.dump_traceback_later(600)",
			says: `faulthandler\.dump_traceback_later is waiting ` +
				`\(call ` +
				`faulthandler\.cancel_dump_traceback_later\(\) before the freeze\)`,
			near: "import faulthandler\nfaulthandler.dump_traceback_later(600)\n" +
				"faulthandler.cancel_dump_traceback_later()",
		},
	})
}
