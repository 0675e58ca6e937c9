package main

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"pyfreeze/cmd/pyfreeze/internal/cmdserver"
)

func TestHGHelpAndErrors(t *testing.T) {
	story{
		files: map[string]string{"r/a": "a\n", "bad.rc": "[ui\nx\n"},
		steps: []hgStep{
			hg(),
			hg("help"),
			hg("help", "status"),
			hg("help", "-v", "revsets"),
			hg("help", "nosuchtopic").exits(255),
			hg("version"),
			hg("--version", "-q"),
			hg("nosuchcommand").exits(255),
			hg("sta", "--bogus").exits(255),
			hg("log", "one", "--rev").exits(255),
			hg("commit", "-m", "x", "-R", "nosuchrepo").exits(255),
			hg("status").exits(255),
			hg("--traceback", "log", "-r", "0").exits(255),
			hg("c").exits(255),
			hg("init", "r"),
			hg("init", "r").exits(255),
			hg("log", "-r", "nosuchrev").inDir("r").exits(255),
			hg("log", "-r", "syntax error((").inDir("r").exits(255),
			hg("log", "-r", "null", "-T", "{nosuch(").inDir("r").exits(255),
			hg("--traceback", "log", "-r", "nosuchrev").inDir("r").exits(255),
			hg("add", "nosuchfile").inDir("r").exits(1),
			hg("update", "9").inDir("r").exits(255),
			hg("config", "ui.username"),
			hg("config", "nosuch.thing").exits(1),
			hg("frozen").exits(255),
			sh("HGRCPATH=$W/bad.rc $HG status").exits(255),
			sh("$HG --cwd r root"),
			sh("$HG --cwd nosuch root").exits(255),
			sh("mkdir gone; cd gone; rmdir ../gone; $HG version -q").exits(255),
			sh("mkdir gone; cd gone; rmdir ../gone; $HG root").exits(255),
			sh("mkdir r/.hg/wlock.d; ln -s nohost:1 r/.hg/wlock; $HG -R r add r/a --config ui.timeout=1; rm r/.hg/wlock").exits(0),
			hg("--debug", "--noninteractive", "--quiet", "root", "-R", "r"),
			hg("debugrequirements", "-R", "r"),
			hg("debuginstall"),
			hg("--config", "ui.detailed-exit-code=yes", "sta", "--bogus").exits(10),
			hg("--config", "ui.detailed-exit-code=yes", "log", "-R", "nosuch").exits(255),
			hg("--config", "ui.detailed-exit-code=yes", "-R", "r", "log", "-r", "((").exits(10),
		},
	}.tell(t)
}

// TestHGEnvironment changes what hg looks at when it is imported: the thawed one was imported under
// another environment and must notice.
func TestHGEnvironment(t *testing.T) {
	story{
		mayFallBack: true,
		files:       map[string]string{"r/a": "a\n", "r/caf\u00e9.txt": "\u00e9\n", "other.rc": "[ui]\nusername = Other <o@example.org>\n"},
		steps: []hgStep{
			hg("init", "r"),
			hg("commit", "-A", "-d", "0 0", "-m", "caf\u00e9 \u4e2d").inDir("r"),
			hg("log", "-v").inDir("r"),
			hg("log", "-v").inDir("r").with("HGENCODING=latin-1"),
			hg("log", "-v").inDir("r").with("HGENCODING=ascii"),
			hg("log", "-v").inDir("r").with("HGENCODING=nosuch").exits(255),
			hg("log", "-v").inDir("r").with("HGENCODING=ascii", "HGENCODINGMODE=replace"),
			hg("log", "-v").inDir("r").with("LC_ALL=C"),
			hg("log", "-v").inDir("r").with("LANG=C"),
			hg("log", "-v").inDir("r").with("LANG=POSIX", "PYTHONUTF8=0", "PYTHONCOERCECLOCALE=0"),
			hg("--encoding", "latin-1", "log", "-v").inDir("r"),
			hg("help", "status").with("LANGUAGE=de", "LANG=de_DE.UTF-8"),
			hg("log", "-T", "{date|date}\\n").inDir("r").with("TZ=America/New_York"),
			hg("log", "-T", "{date|localdate|isodate}\\n").inDir("r").with("TZ=Asia/Kolkata"),
			hg("config", "ui").with("HGPLAIN=1"),
			hg("status", "--color", "always").inDir("r").with("HGPLAINEXCEPT=color", "HGPLAIN=1"),
			sh("HGRCPATH=$W/other.rc $HG config ui.username"),
			sh("HGRCPATH= $HG config ui.username; echo $?").exits(0),
			sh("HGUSER=someone $HG debugrevlogopts 2>/dev/null; echo $?"),
			sh("echo x >x; umask 077; $HG commit -qA -d '1 0' -m private; stat -c %a .hg/store/data/x.i x").inDir("r"),
			sh("umask 002; $HG init ../group; stat -c %a ../group/.hg").inDir("r"),
			sh("HGMODULEPOLICY=py $HG debuginstall -T '{hgmodulepolicy}\\n'").inDir("r"),
			sh("HG=/some/other/hg $HG debuginstall | grep -i some; echo $?").inDir("r"),
			sh("HGEDITOR=myeditor $HG config ui.editor"),
			sh("EMAIL=mail@example.org HGRCPATH=/dev/null $HG debugshell -c 'ui.write(ui.username() + b\"\\n\")' 2>&1; echo $?").inDir("r"),
			sh("env -i $HG version -q 2>&1; echo $?").times(0),
			sh("env -i PYFREEZE_LOG=$PYFREEZE_LOG $HG -R r log -v").exits(0),
		},
	}.tell(t)
}

// TestHGFrozenWithOtherConfiguration thaws an hg that had extensions and aliases when it was frozen,
// for a user who has none.
func TestHGFrozenWithOtherConfiguration(t *testing.T) {
	dir := filepath.Join(tempDir(t), "target")
	rc := filepath.Join(dir, "extensions.rc")
	if err := errors.Join(os.MkdirAll(dir, 0o755), os.WriteFile(rc, []byte("[extensions]\nrebase =\npurge =\ncolor =\nshare =\nmq =\n"+
		"[alias]\nlost = version -q\nlog = log -l 1 -T 'alias {rev}\\n'\n[ui]\nusername = frozen\n[defaults]\nstatus = -q\n"), 0o644)); err != nil {
		t.Fatal(err)
	}
	s, err := cmdserver.Start(cmdserver.Options{Dir: dir, Env: append(os.Environ(), "HOME="+dir, "HGRCPATH="+rc)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	for _, args := range [][]string{{"init", "."}, {"lost"}, {"log"}, {"help", "rebase"}, {"status"}} {
		if res, err := s.Run(args...); err != nil || res.Code != 0 {
			t.Fatalf("hg %v: %v %s", args, err, res.Stderr)
		}
	}
	image := filepath.Join(tempDir(t), "i")
	attach(t, s.PID(), image).must(t, "exit 0")
	t.Run("story", func(t *testing.T) {
		story{
			image: image, mayFallBack: true,
			files: map[string]string{"r/a": "a\n"},
			steps: []hgStep{
				hg("init", "r"),
				hg("commit", "-A", "-d", "0 0", "-m", "first").inDir("r"),
				hg("log").inDir("r"),
				hg("status", "-A").inDir("r"),
				hg("lost").exits(255),
				hg("rebase").inDir("r").exits(255),
				hg("qseries").inDir("r").exits(255),
				hg("help"),
				hg("help", "rebase").exits(0),
				hg("config", "extensions").exits(1),
				hg("commit", "-m", "nothing").inDir("r").exits(1),
				hg("--config", "extensions.rebase=", "help", "rebase"),
				hg("--config", "extensions.mq=", "qseries").inDir("r"),
				hg("--config", "extensions.mq=!", "qseries").inDir("r").exits(255),
			},
		}.tell(t)
	})
}
