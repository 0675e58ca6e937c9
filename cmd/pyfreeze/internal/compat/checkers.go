package main

import "regexp"

const untidy = `import os, sys
def f( a,b ):
    x=  {'a':1,
       "b" :2}
    return a+b if a else   None
class C :
    def m(self): return undefined_name


print( f(1, 2), C() )
`

// checkers read and rewrite programs.
var checkers = []program{
	{name: "black", packages: "black", stands: "a formatter; mypyc's C", files: map[string]string{"a.py": untidy, "b.py": "x = 1\n", "bad.py": "def f(:\n", "d/c.py": "y = ( 1,2 )\n", "pyproject.toml": "[tool.black]\nline-length = 60\n"}, varies: []*regexp.Regexp{isoTime},
		command: "/usr/bin/black", caches: []string{"home/.cache/black"}, warm: "b.py", cases: []string{"a.py", "--check --diff a.py", "- < a.py", "bad.py", "d", "--version", "-l 30 -S a.py", "--nosuch"}},
	{name: "isort", packages: "isort", stands: "a formatter", files: map[string]string{"a.py": "import sys\nimport os, re\nfrom b import c, a\nimport numpy\n", "b.py": "import os\n"},
		command: "/usr/bin/isort", warm: "--check b.py", cases: []string{"a.py", "--diff a.py", "- < a.py", "--profile black --check a.py b.py", "none.py"}, varies: []*regexp.Regexp{isoTime}},
	{name: "flake8", packages: "flake8", stands: "processes of multiprocessing", files: map[string]string{"a.py": untidy, "b.py": "x = 1\n", "d/c.py": "import os\n", "d/e.py": "def f(:\n"},
		command: "/usr/bin/flake8", warm: "b.py", cases: []string{"a.py", "b.py", "-j 2 .", "--select E2 --statistics a.py", "- < a.py", "--max-line-length 20 a.py", "--nosuch"}},
	{name: "pylint", packages: "pylint", stands: "a big program in pure Python; astroid", files: map[string]string{"a.py": untidy, "b.py": "\"\"\"Doc.\"\"\"\nX = 1\n", "c.py": "import b, none\nb.nothing()\n"},
		command: "/usr/bin/pylint", warm: "b.py", cases: []string{"a.py", "b.py", "c.py a.py", "--disable=all --enable=W a.py", "--list-msgs-enabled", "none.py", "-f json a.py"}},
	{name: "mypy", packages: "mypy", stands: "compiled by mypyc", files: map[string]string{"a.py": "def f(x: int) -> str:\n    return x\nf('a')\n", "b.py": "x: int = 1\n", "c.py": "import a\nfrom typing import Protocol, Generic, TypeVar\nT = TypeVar('T')\nclass G(Generic[T]):\n    def m(self) -> T: ...\nreveal_type(G[int]().m())\n"},
		command: "/usr/bin/mypy", warm: "--no-fast-exit --cache-dir=/dev/null b.py", cases: []string{"--cache-dir=/dev/null a.py", "--cache-dir=/dev/null b.py c.py", "--cache-dir=/dev/null --strict a.py c.py", "--version", "none.py", "--cache-dir=/dev/null -c x=1+'a'"}},
	{name: "pytest", packages: "python3-pytest", stands: "rewrites modules as it imports them; plugins", files: map[string]string{
		"test_a.py": "import pytest\n\n@pytest.fixture\ndef two(tmp_path):\n    (tmp_path / 'f').write_text('2')\n    return int((tmp_path / 'f').read_text())\n\ndef test_good(two):\n    assert two == 2\n\n@pytest.mark.parametrize('x', [1, 2])\ndef test_some(x, capsys):\n    print('out')\n    assert capsys.readouterr().out == 'out\\n' and [x, 5] == [1, 5]\n",
		"test_b.py": "import unittest\n\nclass T(unittest.TestCase):\n    def test(self):\n        self.assertEqual(1, 1)\n\ndef test_skip(request, monkeypatch):\n    monkeypatch.setenv('X', 'y')\n    import pytest, os\n    pytest.skip(os.environ['X'])\n", "conftest.py": "def pytest_report_header():\n    return 'a header'\n"},
		command: "/usr/bin/pytest", warm: "-q test_b.py", cases: []string{"test_a.py", "-v", "-k good -rA", "--collect-only", "none.py", "-x --tb=short -p no:cacheprovider", "--junitxml=out.xml", "--fixtures -q"},
		varies: []*regexp.Regexp{seconds, regexp.MustCompile(`time="[\d.]+"`), isoTime, hexAddress, regexp.MustCompile(`=+ (\d+ .*)?in \(varies\) =+`)}},
	{name: "pygmentize", packages: "python3-pygments", stands: "modules imported by name", files: map[string]string{"a.py": untidy, "a.c": "int main(void) { return 0; } /* c */\n", "a.html": "<p>x</p>\n"},
		command: "/usr/bin/pygmentize", warm: "a.py", cases: []string{"a.py", "a.c", "-f html -O full a.c", "-l rust < a.c", "-L formatters", "-f latex a.html", "-l nosuch a.py"}},
}
