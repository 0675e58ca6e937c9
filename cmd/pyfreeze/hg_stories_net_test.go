package main

import (
	"fmt"
	"net"
	"strconv"
	"strings"
	"testing"
)

// bigFile is too large for any pipe's buffer.
var bigFile = strings.Repeat("a line of the large file that nobody reads to its end\n", 40_000)

func TestHGExchanging(t *testing.T) {
	story{
		files: map[string]string{
			"r/a": "a\n", "r/b": "b\n",
			"ssh.sh": "shift\nexec sh -c \"$*\"\n",
		},
		steps: []hgStep{
			hg("init", "r"),
			hg("commit", "-A", "-d", "0 0", "-m", "first").inDir("r"),
			hg("clone", "r", "c1"),
			hg("clone", "--pull", "-U", "r", "c2"),
			hg("clone", "--stream", "r", "c3"),
			sh("echo c >a").inDir("c1"),
			hg("commit", "-d", "1 0", "-m", "in the clone").inDir("c1"),
			hg("paths").inDir("c1"),
			hg("outgoing").inDir("c1"),
			hg("incoming", "../c1").inDir("r"),
			hg("push").inDir("c1"),
			hg("push").inDir("c1").exits(1),
			hg("pull", "-u").inDir("c2"),
			hg("incoming").inDir("c2").exits(1),
			hg("bundle", "--all", "../all.hg").inDir("c1"),
			hg("bundle", "-t", "none-v2", "--base", "0", "../some.hg").inDir("c1"),
			hg("init", "u"),
			hg("unbundle", "../all.hg").inDir("u"),
			hg("log", "-R", "../some.hg", "-q").inDir("c3"),
			hg("unbundle", "../some.hg").inDir("c3"),
			hg("debugbundle", "all.hg"),
			sh("$HG clone -e \"sh $W/ssh.sh\" ssh://user@dummy/$W/r c4"),
			// A thawed hg as the server at the other end of a pipe.
			sh("$HG clone -e \"sh $W/ssh.sh\" --remotecmd $ONE_WORD_HG ssh://user@dummy/$W/r c5").times(2),
			sh("echo d >>b; $HG commit -d '2 0' -m more; $HG push -e \"sh $W/ssh.sh\" --remotecmd $ONE_WORD_HG ssh://user@dummy/$W/r").inDir("c5").times(3),
			hg("pull", "nowhere").inDir("r").exits(255),
			hg("clone", "http://127.0.0.1:1/", "c6").exits(255),
		},
	}.tell(t)
}

func TestHGServing(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	serve := "$HG serve -R r -d -a 127.0.0.1 -p " + strconv.Itoa(port) + " --pid-file $W/pid -A /dev/null -E /dev/null"
	kill := "kill $(cat $W/pid); while kill -0 $(cat $W/pid) 2>/dev/null; do sleep 0.05; done; rm $W/pid"
	url := fmt.Sprintf("http://127.0.0.1:%d/", port)
	story{
		files: map[string]string{"r/a": "a\n"},
		steps: []hgStep{
			hg("init", "r"),
			hg("commit", "-A", "-d", "0 0", "-m", "first", "-R", "r"),
			sh(serve + "; $HG clone " + url + " c; cd c; $HG pull; $HG incoming; " + kill),
			// A second server cannot have the port of the first.
			sh(serve + "; $HG serve -R r -a 127.0.0.1 -p " + strconv.Itoa(port) + "; echo $?; " + kill),
			// In the foreground, ended by a signal.
			sh("$HG serve -R r -a 127.0.0.1 -p " + strconv.Itoa(port) + " -A /dev/null -E /dev/null & " +
				"for i in $(seq 100); do /usr/bin/hg identify " + url + " 2>/dev/null && break; sleep 0.1; done; " +
				"kill $!; wait $!; echo $?"),
		},
	}.tell(t)
}

func TestHGPipesAndStreams(t *testing.T) {
	story{
		files: map[string]string{"r/big": bigFile, "r/a": "a\n"},
		steps: []hgStep{
			hg("init", "r"),
			hg("commit", "-A", "-d", "0 0", "-m", "first").inDir("r"),
			sh("$HG cat big | head -c 10; echo; echo ${PIPESTATUS[0]}").inDir("r"),
			sh("$HG cat big | sha256sum").inDir("r"),
			sh("$HG cat big >/dev/full; echo $?").inDir("r"),
			sh("$HG status >&-; echo $?").inDir("r"),
			sh("$HG nosuch 2>&-; echo $?").inDir("r"),
			sh("$HG status <&-; echo $?").inDir("r"),
			sh("$HG status <&- >&- 2>&-; echo $?").inDir("r"),
			sh("$HG log -r 0 -T x >/dev/full 2>&1; echo $?").inDir("r"),
			sh("$HG import - --config ui.username=x <$W/hgrc; echo $?").inDir("r"),
			hg("import", "--bypass", "-").inDir("r").input("# HG changeset patch\n# User p\n# Date 0 0\n\npatched\n\ndiff --git a/p b/p\nnew file mode 100644\n--- /dev/null\n+++ b/p\n@@ -0,0 +1,1 @@\n+p\n"),
			sh("exec 5<a; $HG status; cat <&5").inDir("r"),
			sh("$HG log -T '{rev}\\n' >out; cat out; rm out").inDir("r"),
			sh("$HG log -T '{rev}\\n' >>out 2>&1; $HG log -T '{rev}\\n' >>out; cat out; rm out").inDir("r"),
		},
	}.tell(t)
}
