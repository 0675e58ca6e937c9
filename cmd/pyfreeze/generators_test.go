package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pyfreeze/restore/freeze"
)

// generators are the sources of random numbers of the standard library, of numpy and cryptography:
// what a program imports, how it uses one before it looks at its arguments, and what it draws
// after.
var generators = []struct{ name, imports, before, after string }{
	{"random's own functions", "import random", "random.random()", "random.random()"},
	{"random.Random", "import random", "r = random.Random(); r.random()", "r.random()"},
	{"a subclass of random.Random", "import random\nclass R(random.Random): pass", "r = R(); r.random()", "r.random()"},
	{"random.SystemRandom", "import random", "r = random.SystemRandom()", "r.random()"},
	{"os.urandom", "import os", "", "os.urandom(8).hex()"},
	{"os.getrandom", "import os", "", "os.getrandom(8).hex()"},
	{"secrets", "import secrets", "", "secrets.token_hex(8), secrets.randbelow(2**60)"},
	{"uuid.uuid4", "import uuid", "", "uuid.uuid4()"},
	{"uuid.uuid1", "import uuid", "", "uuid.uuid1()"},
	{"tempfile's names", "import tempfile", "n = tempfile._get_candidate_names(); next(n)", "next(n)"},
	{"OpenSSL by ssl", "import ssl", "ssl.RAND_bytes(8)", "ssl.RAND_bytes(8).hex()"},
	{"OpenSSL's private generator, by a TLS hello", "import ssl", "ssl.RAND_bytes(8); c = ssl.create_default_context()",
		"hello(c)"},
	{"sqlite3", "import sqlite3", "c = sqlite3.connect(':memory:'); c.execute('select random()').fetchone()",
		"c.execute('select random()').fetchone()"},
	{"multiprocessing's key", "import multiprocessing.process", "", "multiprocessing.process.current_process().authkey.hex()"},
	{"email's boundaries", "import email.mime.multipart, email.generator",
		"b = email.generator._make_boundary()", "email.generator._make_boundary()"},
	{"email's message ids", "import email.utils", "", "email.utils.make_msgid(domain='x')"},
	{"http.cookiejar and urllib", "import urllib.request, random", "random.random()", "urllib.request.AbstractDigestAuthHandler().get_cnonce('x')"},
	{"numpy.random's own functions", "import numpy", "numpy.random.random()", "numpy.random.random()"},
	{"numpy.random.default_rng", "import numpy", "g = numpy.random.default_rng(); g.random()", "g.random()"},
	{"cryptography's keys", "from cryptography.hazmat.primitives.asymmetric import ec",
		"ec.generate_private_key(ec.SECP256R1())", "ec.generate_private_key(ec.SECP256R1()).private_numbers().private_value"},
	{"cryptography's Fernet", "from cryptography.fernet import Fernet", "", "Fernet.generate_key()"},
	{"libc's getrandom by ctypes", "import ctypes", "b = ctypes.create_string_buffer(8); ctypes.CDLL(None).getrandom(b, 8, 0)",
		"ctypes.CDLL(None).getrandom(b, 8, 0), b.raw.hex()"},
}

// hello makes the first message of a TLS handshake, which has 32 random bytes.
const hello = `
def hello(context):
    context.check_hostname = False
    i, o = ssl.MemoryBIO(), ssl.MemoryBIO()
    s = context.wrap_bio(i, o)
    try:
        s.do_handshake()
    except ssl.SSLWantReadError:
        return o.read()[11:43].hex()
`

// samePid freezes prog.py as process 500 of a namespace, and thaws it twice as one process: the
// first ones of containers have the same numbers, too. That of the frozen process itself gets a
// plain start.
const samePid = `
last=/proc/sys/kernel/ns_last_pid
echo 499 >$last
"$PYFREEZE" freeze -o i -- "$PY" prog.py x >freeze.out || exit 9
pid=$(sed -n 's/.*: process \([0-9]*\) .*/\1/p' freeze.out | head -1)
[ -n "$pid" ] || exit 6
pid=$((pid + 100))
n=0
for try in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    echo $((pid - 1)) >$last
    "$PYFREEZE" run i >out &
    wait $! || exit 8
    read -r was rest <out
    [ "$was" = "$pid" ] || continue
    echo "$rest"
    n=$((n + 1))
    [ $n = 2 ] && exit 0
done
exit 7
`

// TestLongGenerators has two thaws with one process id draw from every generator there is: nothing
// may come twice.
func TestLongGenerators(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("namespaces need root")
	}
	for _, g := range generators {
		t.Run(g.name, func(t *testing.T) {
			h, log := newHome(t), newRunLog(t)
			h.write("prog.py", "import os, sys\n"+g.imports+hello+g.before+
				"\ndef main():\n    sys.argv[1:]\n    print(os.getpid(), "+g.after+")\nmain()\n")
			h.write("same.sh", samePid)
			o := h.run("PY="+python, "PYFREEZE="+binary, log.env(), "unshare", "-pf", "--mount-proc", "--kill-child",
				"/bin/bash", "same.sh").must(t, "exit 0")
			drawn := strings.Split(strings.TrimSpace(o.Stdout), "\n")
			if len(drawn) != 2 || drawn[0] == drawn[1] || len(drawn[0]) < 8 {
				t.Errorf("two thaws drew %q", drawn)
			}
			for _, e := range log.entries(t) {
				if !e.Thawed {
					t.Errorf("a run fell back: %s", e.Reason)
				}
			}
			if _, err := os.Stat(filepath.Join(h.dir, "i")); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestInfoRandom compares what is told of generators with what two thaws draw from them.
func TestInfoRandom(t *testing.T) {
	h, log := newHome(t), newRunLog(t)
	h.write("prog.py", `import numpy, random, ssl, sys, tempfile
class Own(random.Random): pass
keep = {"seeded": random.Random(5), "own": Own(), "system": random.SystemRandom(),
    "module": random._inst, "names": tempfile._get_candidate_names(),
    "numpy": numpy.random.mtrand._rand, "pcg": numpy.random.default_rng(4)}
random.random()
next(keep["names"])
def main():
    print(sys.argv[1:])
    keep["names"] = keep["names"].rng
    for name, r in keep.items():
        print(name, r.random())
main()
`)
	h.run(binary, "freeze", "-o", "i", "--", python, "prog.py").must(t, "exit 0")
	var told []freeze.Generator
	if err := json.Unmarshal([]byte(h.run(binary, "info", "--random", "--json", "i").must(t, "exit 0").Stdout), &told); err != nil {
		t.Fatal(err)
	}
	fresh := func(name, path string) bool {
		for _, g := range told {
			if g.Path == path || strings.HasPrefix(g.Path, path+".<") { // what numpy's draws from
				return g.Fresh
			}
		}
		t.Errorf("of %s, %s, nothing is told: %v", name, path, told)
		return false
	}
	run := func(n string) []string {
		return strings.Split(h.run(log.env(), binary, "run", "i", n).must(t, "exit 0").Stdout, "\n")[1:]
	}
	a, b := run("1"), run("2")
	for i, where := range []string{"sys.modules['__main__'].keep['seeded']", "sys.modules['__main__'].keep['own']",
		"sys.modules['__main__'].keep['system']", "sys.modules['random']._inst",
		"sys.modules['tempfile']._name_sequence._rng", "sys.modules['numpy.random.mtrand']._rand",
		"sys.modules['__main__'].keep['pcg']"} {
		if differ := a[i] != b[i]; differ != fresh(a[i], where) {
			t.Errorf("%s: other numbers: %v, told: %v", where, differ, !differ)
		}
	}
	for _, e := range log.entries(t) {
		if !e.Thawed {
			t.Errorf("a run fell back: %s", e.Reason)
		}
	}
}
