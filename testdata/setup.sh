#!/bin/bash
# Installs what the tests and the demo need on Debian 12. Does nothing, at once, when all is there.
#
#   testdata/setup.sh          everything
#   testdata/setup.sh check    only say what is missing; exit status 1 if anything is
#   testdata/setup.sh compat   also the programs that make compat freezes: of Debian's packages, and
#                              virtual environments of testdata/compat/*.txt below
#                              /var/cache/pyfreeze-test/compat (~/.cache for who is not root)
set -euo pipefail

# binutils: readelf and objcopy. libc6-dev: what `gcc -static` links. e2fsprogs and the rest of what
# the tests call (setpriv, mount, script) are essential packages of Debian. numpy, lxml and cryptography: large extensions in C,
# Cython and Rust, in whose objects the walk must find every reference. python3.11-dev: for an interpreter that is a static PIE. dpkg-dev: unpacks the source
# packages of mercurial, whose tests are run, and of Python. debootstrap: trees of other Debians for make test-matrix. debuginfod: the
# server that debug information is fetched from.
packages=(
	ca-certificates make git
	python3.11 python3.11-dbg python3.11-dev mercurial python3-numpy python3-lxml python3-cryptography
	gcc libc6-dev binutils gdb util-linux dpkg-dev debootstrap debuginfod
)

# One or more for each row of docs/compatibility.md.
if [ "${1:-}" = compat ]; then
	packages+=(
		ansible-core awscli black bpython cookiecutter flake8 httpie ipython3 isort meson mypy ninja-build ptpython pylint python3-cryptography
		python3-django python3-docutils python3-matplotlib python3-pandas python3-pygments python3-pytest python3-sphinx tox yt-dlp
		python3.11-venv
	)
fi

# The interpreter of a virtual environment: Debian's, or the newest of pyenv's; nothing where there is none.
interpreter() {
	if [ -x "/usr/bin/python$1" ]; then
		echo "/usr/bin/python$1"
		return
	fi
	local found=""
	for found in "${PYENV_ROOT:-$HOME/.pyenv}/versions/$1".*/bin/"python$1"; do :; done
	if [ -x "$found" ]; then echo "$found"; fi
}

# A virtual environment for each file of versions in testdata/compat, named after the interpreter. One that equals its file is not made
# again: pins.txt in it is written last.
virtual_environments() {
	local file name dir python cache=/var/cache/pyfreeze-test/compat
	if [ "$(id -u)" -ne 0 ]; then cache="${XDG_CACHE_HOME:-$HOME/.cache}/pyfreeze-test/compat"; fi
	for file in "$(dirname "$0")"/compat/*.txt; do
		name=$(basename "$file" .txt)
		dir=$cache/$name
		if cmp -s "$file" "$dir/pins.txt" && "$dir/bin/python" -c pass 2>/dev/null; then continue; fi
		python=$(interpreter "${name%%-*}")
		if [ -z "$python" ]; then
			echo "no python${name%%-*} here (pyenv's is looked for): the programs of $file are left out"
			rm -rf "$dir"
			continue
		fi
		echo "making $dir"
		rm -rf "$dir"
		mkdir -p "$cache"
		"$python" -m venv "$dir"
		# pip's own version is one of those, and the first: an older one may not know the wheels.
		"$dir/bin/python" -m pip install -q --disable-pip-version-check "$(grep '^pip==' "$file")"
		"$dir/bin/python" -m pip install -q --disable-pip-version-check --no-deps -r "$file"
		cp "$file" "$dir/pins.txt"
	done
}
mode=${1:-}
done_with_packages() {
	if [ "$mode" = compat ]; then virtual_environments; fi
	exit 0
}

# Where process ids come round after 32768 some run of thousands has the number of the frozen
# process, and is a plain start. This is what systemd sets.
if [ "${1:-}" != check ] && [ "$(cat /proc/sys/kernel/pid_max)" -lt 4194304 ]; then
	{ echo 4194304 >/proc/sys/kernel/pid_max; } 2>/dev/null ||
		sudo -n sysctl -q kernel.pid_max=4194304 2>/dev/null || true
fi

missing=()
for p in "${packages[@]}"; do
	status=$(dpkg-query -W -f='${db:Status-Status}' "$p" 2>/dev/null || true)
	[ "$status" = installed ] || missing+=("$p")
done
if [ ${#missing[@]} -eq 0 ]; then
	done_with_packages
fi
echo "missing packages: ${missing[*]}"
if [ "${1:-}" = check ]; then
	exit 1
fi

as_root=()
if [ "$(id -u)" -ne 0 ]; then
	if ! command -v sudo >/dev/null; then
		echo "Not root and no sudo. As root, run: apt-get install ${missing[*]}" >&2
		exit 1
	fi
	as_root=(sudo)
fi
install_missing() {
	# The file system and the packages' own scripts decide what can go wrong; ask no questions.
	"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
		apt-get install -y -q --no-install-recommends "${missing[@]}"
}
# A new machine has no package lists, an old one stale ones: both show as a failed install.
if ! install_missing; then
	"${as_root[@]}" apt-get update -q
	install_missing
fi
done_with_packages
