package main

import "regexp"

// builders make documents, programs and sites.
var builders = []program{
	{name: "sphinx-build", packages: "python3-sphinx", stands: "documents; pickles, extensions, templates", files: map[string]string{"s/conf.py": "project = 'P'\nextensions = ['sphinx.ext.autodoc']\nimport os, sys\nsys.path.insert(0, os.path.abspath('.'))\n", "s/mod.py": "def f(a: int) -> str:\n    \"\"\"Does *it*.\"\"\"\n",
		"s/index.rst": "Title\n=====\n\n.. toctree::\n\n   a\n\n.. automodule:: mod\n   :members:\n", "s/a.rst": "A\n=\n\n:ref:`none` ``code``\n\n.. code-block:: python\n\n   x = 1\n"},
		command: "/usr/bin/sphinx-build", warm: "-q -b text s o", cases: []string{"-b html s o", "-b text s o", "-b man s o", "-W -b text s o", "-b none s o", "--version"},
		varies: []*regexp.Regexp{regexp.MustCompile(`\d+ bytes, [0-9a-f]{64}`), regexp.MustCompile(`[A-Z][a-z]{2} \d\d, \d{4}`)}},
	{name: "rst2html", packages: "python3-docutils", stands: "documents", files: map[string]string{"a.rst": "Title\n=====\n\n* a *b*\n* ``c``\n\n.. note:: n\n\n+---+---+\n| 1 | 2 |\n+---+---+\n", "bad.rst": "T\n=\n\n.. nosuch::\n\n`x`_\n"},
		command: "/usr/bin/rst2html", warm: "a.rst", cases: []string{"a.rst o.html", "bad.rst", "--stylesheet= --no-section-numbering a.rst", "--exit-status=2 bad.rst", "- < a.rst", "none.rst"}},
	{name: "meson", packages: "meson ninja-build", stands: "a build system; compilers run", files: map[string]string{"meson.build": "project('p', 'c', version: '1.2')\nconf = configuration_data({'X': get_option('x')})\nconfigure_file(output: 'c.h', configuration: conf)\ne = executable('e', 'e.c')\ntest('t', e)\nmessage(meson.get_compiler('c').sizeof('long'))\n", "meson_options.txt": "option('x', type: 'integer', value: 3)\n", "e.c": "int main(void) { return 0; }\n"},
		command: "/usr/bin/meson", warm: "--version", cases: []string{"setup b", "setup b -Dx=5 --buildtype=release", "introspect --targets meson.build", "setup b -Dnosuch=1", "configure", "--help", "rewrite kwargs info project /"},
		varies: []*regexp.Regexp{isoTime, hexAddress, randomNames, regexp.MustCompile(`/tmp/cc\w{6}`), regexp.MustCompile(`\d+ bytes, [0-9a-f]{64}`)}},
	{name: "django", packages: "python3-django", stands: "manage.py; a database", prepare: []string{"django-admin startproject site1 .", "/usr/bin/python3.11 manage.py startapp app1", "/usr/bin/python3.11 manage.py migrate -v 0"}, inPlace: true,
		files:   map[string]string{"q.py": "from django.contrib.auth.models import User\nUser.objects.create(username='u')\nprint(User.objects.filter(username__startswith='u').values_list('username'), User.objects.count())\n"},
		command: "/usr/bin/python3.11 manage.py", warm: "check", cases: []string{"check", "showmigrations", "sqlmigrate auth 0001", "diffsettings --all", "shell < q.py", "migrate auth zero", "nosuch", "help migrate", "test"},
		varies: []*regexp.Regexp{regexp.MustCompile(`db\.sqlite3 \d+ bytes, [0-9a-f]{64}`), seconds, hexAddress}},
	{name: "cookiecutter", packages: "cookiecutter", stands: "templates, hooks", files: map[string]string{"t/cookiecutter.json": `{"name": "n", "slug": "{{ cookiecutter.name|upper }}"}`, "t/{{cookiecutter.slug}}/f.txt": "{{ cookiecutter.name }}\n", "t/hooks/post_gen_project.py": "print('hook {{ cookiecutter.slug }}')\n"},
		command: "/usr/bin/cookiecutter", warm: "--no-input t -o warm", cases: []string{"--no-input t", "--no-input t name=other", "--no-input none", "--version", "--no-input -o o t name=x slug=y"}},
	{name: "tox", packages: "tox", stands: "environments, plugins", files: map[string]string{"tox.ini": "[tox]\nenvlist = a, b\nskipsdist = true\n[testenv]\nallowlist_externals = echo\ncommands = echo {envname} {posargs}\n"},
		command: "/usr/bin/tox", caches: []string{"work/.tox", "home/.local"}, warm: "--version", cases: []string{"-l", "--version", "-e nosuch", "-q -e b -- x y"}, varies: []*regexp.Regexp{seconds, regexp.MustCompile(`PYTHONHASHSEED\W+\d+`)}},
	{name: "ansible-playbook", packages: "ansible-core", stands: "a playbook on this machine; processes, modules as programs", files: map[string]string{"p.yml": "- hosts: localhost\n  gather_facts: false\n  vars:\n    v: '{{ [1, 2] | sum }}'\n  tasks:\n    - debug: msg='{{ v }} {{ w | default(0) }}'\n    - copy: content='{{ v }}\\n' dest='{{ playbook_dir }}/out.txt' mode=0600\n      register: r\n    - command: cat '{{ playbook_dir }}/out.txt'\n      register: c\n      changed_when: false\n    - debug: var=c.stdout\n      notify: h\n      changed_when: r.changed\n  handlers:\n    - name: h\n      debug: msg=handled\n", "bad.yml": "- hosts: localhost\n  gather_facts: false\n  tasks:\n    - fail: msg=x\n", "w.yml": "- hosts: localhost\n  gather_facts: false\n  tasks:\n    - debug: msg=x\n", "hosts": "localhost ansible_connection=local ansible_python_interpreter=/usr/bin/python3.11\n"},
		command: "/usr/bin/ansible-playbook", warm: "-i hosts w.yml", cases: []string{"-i hosts p.yml", "-i hosts p.yml -e w=5 -v", "-i hosts bad.yml", "-i hosts --list-tasks p.yml", "--syntax-check -i hosts p.yml", "-i hosts --check --diff p.yml", "none.yml", "--version"},
		varies: []*regexp.Regexp{regexp.MustCompile(`ansible-tmp-[\d.-]+`), regexp.MustCompile(`"(delta|start|end)": "[^"]*"`), regexp.MustCompile(`ansible-local-\w+|tmp\w{8}`)}},
}
