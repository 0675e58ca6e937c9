package main

import "testing"

// The stories run everyday commands on one repository, then less usual ones. Each step is compared
// between plain and thawed hg.

func TestHGEveryday(t *testing.T) {
	story{
		files: map[string]string{
			"r/a.txt": "one\ntwo\nthree\n", "r/b.txt": "bee\n", "r/dir/c.txt": "sea\n",
			"r/.hgignore": "syntax: glob\n*.orig\n*.ign\n", "r/x.ign": "ignored\n",
		},
		steps: []hgStep{
			hg("init", "r"),
			hg("status").inDir("r"),
			hg("add").inDir("r"),
			hg("status", "-A").inDir("r"),
			hg("commit", "-d", "0 0", "-m", "first").inDir("r"),
			hg("commit", "-d", "0 0", "-m", "nothing").inDir("r").exits(1),
			sh("printf 'one\\n2\\nthree\\nfour\\n' >a.txt; rm b.txt; echo new >n.txt").inDir("r"),
			hg("status").inDir("r"),
			hg("diff", "--nodates").inDir("r"),
			hg("diff", "--git", "--stat").inDir("r"),
			hg("addremove", "-s", "50").inDir("r"),
			hg("copy", "a.txt", "a2.txt").inDir("r"),
			hg("rename", "dir/c.txt", "dir/d.txt").inDir("r"),
			hg("commit", "-d", "3600 -7200", "-u", "Bob <bob@example.org>", "-m", "second\n\nwith a body").inDir("r"),
			hg("log").inDir("r"),
			hg("log", "-v", "-p", "--git", "-r", "tip").inDir("r"),
			hg("log", "--style", "compact", "-l", "1").inDir("r"),
			hg("log", "-T", "{rev} {node|short} {author|email} {date|isodate} {desc|fill68}\\n{files % ' {file}\\n'}").inDir("r"),
			hg("log", "-T", "json", "-r", "all()").inDir("r"),
			hg("log", "-G", "--color", "always").inDir("r"),
			hg("log", "-f", "a2.txt").inDir("r"),
			hg("mine").inDir("r"),
			hg("annotate", "-nudl", "-d", "a.txt").inDir("r"),
			hg("grep", "three", "a.txt").inDir("r"),
			hg("grep", "--all", "t[wh]o?", "a.txt").inDir("r"),
			hg("cat", "-r", "0", "a.txt", "b.txt").inDir("r"),
			hg("manifest", "--debug").inDir("r"),
			hg("files", "-r", "0", "set:**.txt").inDir("r"),
			hg("identify", "-nibt").inDir("r"),
			hg("parents").inDir("r"),
			hg("tip", "-q").inDir("r"),
			hg("root").inDir("r/dir"),
			hg("summary").inDir("r"),
			hg("tag", "-d", "0 0", "v1").inDir("r"),
			hg("tags", "-v").inDir("r"),
			hg("bookmark", "-r", "0", "start").inDir("r"),
			hg("bookmarks").inDir("r"),
			hg("phase", "-r", "all()").inDir("r"),
			hg("update", "-C", "0").inDir("r"),
			hg("commit", "--amend", "-d", "0 0", "-m", "amended").inDir("r").exits(255),
			hg("forget", "b.txt").inDir("r"),
			hg("remove", "-f", "a.txt").inDir("r"),
			hg("revert", "--all").inDir("r"),
			hg("verify").inDir("r"),
			hg("recover").inDir("r").exits(1),
			hg("archive", "-r", "0", "../archived").inDir("r"),
			hg("export", "--git", "tip").inDir("r"),
		},
	}.tell(t)
}

func TestHGMerging(t *testing.T) {
	story{
		files: map[string]string{"r/f": "1\n2\n3\n4\n5\n"},
		steps: []hgStep{
			hg("init", "r"),
			hg("commit", "-A", "-d", "0 0", "-m", "base").inDir("r"),
			hg("branch", "feature").inDir("r"),
			sh("printf '1\\nfeature\\n3\\n4\\n5\\n' >f").inDir("r"),
			hg("commit", "-d", "1 0", "-m", "on the branch").inDir("r"),
			hg("update", "default").inDir("r"),
			sh("printf '1\\ndefault\\n3\\n4\\n5\\n' >f").inDir("r"),
			hg("commit", "-d", "2 0", "-m", "on default").inDir("r"),
			hg("branches").inDir("r"),
			hg("heads", "-T", "{rev} {branch}\\n").inDir("r"),
			hg("merge", "feature").inDir("r").exits(1),
			hg("status").inDir("r"),
			hg("resolve", "-l").inDir("r"),
			hg("commit", "-m", "too early").inDir("r").exits(255),
			sh("cat f; printf '1\\nboth\\n3\\n4\\n5\\n' >f").inDir("r"),
			hg("resolve", "-m", "f").inDir("r"),
			hg("commit", "-d", "3 0", "-m", "merged").inDir("r"),
			hg("log", "-G", "-T", "{rev} {branch} {desc}\\n").inDir("r"),
			hg("update", "-C", "2").inDir("r"),
			hg("merge", "feature", "--tool", ":prompt", "--config", "ui.interactive=yes").inDir("r").input("o\n"),
			hg("update", "-C", ".").inDir("r"),
			hg("merge", "feature", "--config", "ui.merge=mytool", "--config", "merge-tools.mytool.executable=/bin/sh",
				"--config", "merge-tools.mytool.args=-c 'cat $other >$output; echo tool says $0' x").inDir("r"),
			hg("merge", "--abort").inDir("r"),
			hg("update", "-C", "0").inDir("r"),
			hg("graft", "-d", "5 0", "--log", "2").inDir("r").exits(0),
			hg("backout", "-d", "6 0", "-m", "back it out", "-r", ".").inDir("r"),
			hg("bisect", "-g", "0").inDir("r"),
			hg("bisect", "-b", "3").inDir("r"),
			hg("bisect", "-c", "grep -q feature f && exit 1; exit 0").inDir("r"),
			hg("bisect", "--reset").inDir("r"),
		},
	}.tell(t)
}

func TestHGRewriting(t *testing.T) {
	extension := func(name string, args ...string) hgStep {
		return hg(append([]string{"--config", "extensions." + name + "="}, args...)...).inDir("r")
	}
	commit := func(n, date string) []hgStep {
		return []hgStep{
			sh("echo " + n + " >" + n).inDir("r"),
			hg("commit", "-q", "-A", "-d", date, "-m", "add "+n).inDir("r"),
		}
	}
	var steps []hgStep
	steps = append(steps, hg("init", "r"))
	for i, n := range []string{"a", "b", "c", "d"} {
		steps = append(steps, commit(n, string(rune('0'+i))+" 0")...)
	}
	steps = append(steps, hg("update", "-q", "1").inDir("r"))
	steps = append(steps, commit("e", "9 0")...)
	steps = append(steps,
		extension("rebase", "rebase", "-s", "2", "-d", "4"),
		hg("log", "-G", "-T", "{rev} {node|short} {desc}\\n").inDir("r"),
		hg("update", "tip").inDir("r"),
		extension("histedit", "histedit", "2", "--commands", "-").input("pick 252a1af424ad\nroll 5339bf82f0ca\n").exits(255),
		sh("$HG log -T 'pick {node|short}\\n' -r '2:' | sed '2s/pick/fold/' >../plan; "+
			"$HG --config extensions.histedit= histedit 2 --commands ../plan").inDir("r"),
		hg("log", "-v").inDir("r"),
		extension("strip", "strip", "-r", "tip"),
		sh("echo q >q; $HG add q").inDir("r"),
		extension("mq", "qnew", "-d", "0 0", "-m", "patch", "p1"),
		extension("mq", "qpop"),
		extension("mq", "qpush"),
		extension("mq", "qfinish", "-a"),
		extension("purge", "purge", "--all"),
		extension("extdiff", "extdiff", "-p", "diff", "-o", "-u", "-r", "0", "-r", "1").exits(1),
		extension("shelve", "shelve", "--list"),
		sh("$HG export 1 >../one.patch; $HG --config extensions.strip= strip -q 1; $HG import ../one.patch").inDir("r"),
		hg("commit", "-q", "--amend", "-d", "7 0", "-m", "amended").inDir("r"),
		hg("tag", "--local", "here").inDir("r"),
		hg("log", "-r", "here").inDir("r"),
	)
	story{
		files: map[string]string{},
		steps: steps,
	}.tell(t)
}

func TestHGHooksAndEditor(t *testing.T) {
	story{
		files: map[string]string{
			"r/a":     "a\n",
			"hook.py": "def hook(ui, repo, **kw):\n    ui.write(b'python hook %s %d\\n' % (kw['hooktype'].encode() if isinstance(kw['hooktype'], str) else kw['hooktype'], len(repo)))\n",
			"ext.py": "from mercurial import registrar\ncmdtable = {}\ncommand = registrar.command(cmdtable)\n" +
				"@command(b'hello', [(b'n', b'name', b'', b'')], b'hg hello', norepo=True)\n" +
				"def hello(ui, **opts):\n    'say hello'\n    ui.write(b'hello %s\\n' % opts['name'])\n    return 3\n",
			"broken.py": "import nosuchmodule\n",
		},
		steps: []hgStep{
			hg("init", "r"),
			hg("commit", "-A", "-d", "0 0").inDir("r"),
			hg("log", "-T", "{desc}\\n").inDir("r"),
			sh("echo b >a; EDITOR=false $HG commit -d '0 0'").inDir("r").exits(255),
			sh("HGEDITOR='sh -c \"echo from hgeditor >\\$1\" x' $HG commit -d '1 0'").inDir("r"),
			sh("echo c >a; $HG commit -d '2 0' -l -").inDir("r").input("message from a pipe\n"),
			sh("printf 'x\\n' >>a; printf 'y\\ny\\n' | $HG commit -i --config ui.interactive=yes --config ui.interface=text -d '3 0' -m picked").inDir("r"),
			hg("--config", "hooks.pre-status=echo shell hook $HG_ARGS", "status").inDir("r"),
			sh("echo d >a; $HG --config hooks.precommit.x=python:$W/hook.py:hook commit -d '4 0' -m hooked").inDir("r"),
			sh("echo e >a; $HG --config hooks.pretxncommit='echo refused; exit 7' commit -d '5 0' -m never").inDir("r").exits(255),
			sh("$HG --config extensions.ext=$W/ext.py hello -n you").exits(3),
			sh("$HG --config extensions.ext=$W/ext.py help hello"),
			sh("$HG --config extensions.broken=$W/broken.py version -q"),
			sh("$HG --config alias.sh='!echo alias $@; exit 4' sh one two").inDir("r").exits(4),
			sh("$HG --config alias.killed='!kill -9 $$$$' killed").inDir("r").exits(247),
		},
	}.tell(t)
}
