package main

const session = `import os, sys
x = [i * i for i in range(5)]
x
sum(x)
sys.argv[1:]
undefined
def f(a):
    return a + 1

f(2)
`

// shells read programs from their users.
var shells = []program{
	{name: "ipython3", packages: "ipython3", stands: "a thread, a database of its history", files: map[string]string{"in.txt": session, "s.py": "import sys\nprint(sys.argv, __name__)\n", "bad.py": "1/0\n"},
		command: "/usr/bin/ipython3", warm: "-c 1", caches: []string{"home/.ipython"},
		cases: []string{"-c print(6*7)", "s.py a b", "bad.py", "--simple-prompt < in.txt", "--no-banner --simple-prompt --colors=NoColor < in.txt", "--version", "profile list", "none.py"}},
	{name: "bpython", packages: "bpython", stands: "a shell on a terminal; curtsies", files: map[string]string{"s.py": "import sys\nprint(sys.argv, __name__)\n", "bad.py": "1/0\n"}, command: "/usr/bin/bpython", warm: "--version",
		cases: []string{"--version", "s.py a b", "bad.py", "-q s.py", "--help", "none.py"}},
	{name: "ptpython", packages: "ptpython", stands: "a shell on a terminal; prompt_toolkit, asyncio", files: map[string]string{"s.py": "import sys\nprint(sys.argv, __name__)\n", "bad.py": "1/0\n"}, command: "/usr/bin/ptpython3", warm: "--version",
		cases: []string{"--version", "s.py a b", "bad.py", "--help", "none.py"}},
}
