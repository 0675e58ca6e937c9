# `make test` and `make demo` do all their set-up on a fresh Debian 12 that has Go and make.

# A Python started by the tests must not inherit these: they change what it prints and writes.
unexport PYTHONUNBUFFERED PYTHONDONTWRITEBYTECODE PYTHONPATH PYTHONHOME
# Tests ask no servers but their own.
unexport DEBUGINFOD_URLS

GO          ?= go
PREFIX      ?= /usr/local
ROUNDS      ?= 40
JOBS        ?= 2
THAWS       ?= 1000
STATICCHECK  = $(GO) run honnef.co/go/tools/cmd/staticcheck@v0.8.2
BINARY       = bin/pyfreeze
TESTS        = $(GO) run ./cmd/pyfreeze/internal/progress -p 1
BENCH        = $(GO) run ./cmd/pyfreeze/internal/hgbench -pyfreeze $(BINARY)

.PHONY: build setup demo test test-long cases test-hg test-matrix test-trixie test-regrtest compat bench \
	bench-walk layouts lint stub check-stub install clean

# -E: the C part that thaws runs before the Go runtime. GOFIPS140: the newer random numbers of Go's library take 32 MiB of every
# process's address space, which a limit may not leave (ulimit -v).
build:
	CGO_ENABLED=0 GOFIPS140=v1.0.0 $(GO) build -trimpath -ldflags "-E pyfreeze/restore/stub.entry" -o $(BINARY) ./cmd/pyfreeze

# Debian packages: the interpreter, its debug information, mercurial, tools that the tests use.
setup:
	@testdata/setup.sh

# Freezes a live hg, thaws it, ends with a table of plain hg, chg, thawed hg and an empty Python.
demo: setup build
	@$(BENCH) -demo -rounds 7

# All tests but the slow ones, which make test-long runs: in at most 15 minutes on two cores.
test: setup lint check-stub
	@$(TESTS) -timeout 30m -skip '^TestLong' ./...

test-long: setup
	@$(TESTS) -timeout 60m -run '^TestLong' ./cmd/pyfreeze ./pyheap

# What users expect, each as a small script, and a table. CASES=FOLDER names more of them: a folder
# with a program run-all of its own.
cases: setup build
	PYFREEZE=$(BINARY) testdata/cases/run-all
	$(if $(CASES),PYFREEZE=$(abspath $(BINARY)) $(CASES)/run-all)

# Mercurial's own tests, with plain hg and with hg through a launcher: a sample of about 110, or all with ALL=1, which takes hours and goes on
# where it was interrupted. QUICK=1 asks plain hg only where the launcher's hg does not pass.
test-hg: setup build
	$(GO) run ./cmd/pyfreeze/internal/hgsuite -pyfreeze $(BINARY) -jobs $(JOBS) $(if $(ALL),,-list testdata/hg-sample.txt) $(if $(QUICK),-quick)

# Every interpreter that is here or that debootstrap gets, with each way to freeze it and 1,000 thaws: a table. Then the same with all debug
# information hidden.
test-matrix: setup build
	$(GO) run ./cmd/pyfreeze/internal/matrix -pyfreeze $(BINARY) -thaws $(THAWS)
	$(GO) run ./cmd/pyfreeze/internal/matrix -pyfreeze $(BINARY) -thaws $(THAWS) -stripped

# The same for Debian trixie alone, 20 thaws each: what is different there (CPython 3.13, glibc 2.41, another GCC) no other test sees.
test-trixie: setup build
	$(GO) run ./cmd/pyfreeze/internal/matrix -pyfreeze $(BINARY) -thaws 20 -only "Debian trixie"
	$(GO) run ./cmd/pyfreeze/internal/matrix -pyfreeze $(BINARY) -thaws 20 -only "Debian trixie" -stripped

# CPython's own tests in a thawed interpreter, test by test as in a plain one: two hours, and goes on where it was interrupted (docs/regrtest.md).
# ONLY=3.11,debian takes these interpreters, MODULES='test_gc test_io' these tests; REPORT=docs/regrtest.md writes the table there.
test-regrtest: setup build
	$(GO) run ./cmd/pyfreeze/internal/regrtest -pyfreeze $(BINARY) $(if $(ONLY),-only $(ONLY)) $(if $(REPORT),-report $(REPORT)) $(MODULES)

# Real programs of Debian's and of PyPI's, plain and thawed: writes docs/compatibility.md. It installs them, and takes an hour.
# PROGRAMS="black pytest" tries these only, RETRY=1 those that are not right yet, JOBS=2 (the default) two at a time.
compat: build
	@testdata/setup.sh compat
	$(GO) run ./cmd/pyfreeze/internal/compat -pyfreeze $(BINARY) -jobs $(JOBS) -o docs/compatibility.md $(if $(RETRY),-retry) $(PROGRAMS)

# The same table over more rounds; fails when a goal is missed.
bench: setup build
	@$(BENCH) -rounds $(ROUNDS)

# The object walk over a heap of 10 million objects, next to the interpreter's own count of it.
bench-walk: setup
	@$(GO) run -ldflags "-E pyfreeze/restore/stub.entry" ./cmd/pyfreeze/internal/walkbench

# The C types of every interpreter with debug information that is here, for those that have none: symbols/layouts.
layouts: setup
	CGO_ENABLED=0 $(GO) build -ldflags "-E pyfreeze/restore/stub.entry" -o bin/layouts ./cmd/pyfreeze/internal/layouts
	bin/layouts

lint:
	@unformatted=$$(gofmt -l .); if [ -n "$$unformatted" ]; then echo "gofmt -w $$unformatted"; exit 1; fi
	$(GO) vet ./...
	$(STATICCHECK) ./...

# The loader stub is committed as a flat binary, so that users need no C compiler.
stub: setup
	restore/stub/src/build.sh restore/stub

check-stub: setup
	@dir=$$(mktemp -d) && restore/stub/src/build.sh $$dir && for f in stub.bin launcher_amd64.s layout.go; do \
		cmp $$dir/$$f restore/stub/$$f || { echo "the committed C parts are not what their source gives: run make stub"; exit 1; }; \
	done; rm -r $$dir

install: build
	install -D -m 0755 $(BINARY) $(DESTDIR)$(PREFIX)/bin/pyfreeze

clean:
	rm -rf bin
