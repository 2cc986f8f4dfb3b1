# The short way in. meson does the work; see meson.build.
#
#   make            install what is missing, build into build/
#   make test       all tests: gcc, clang, ucontext, aarch64 under qemu, ASan+UBSan
#   make demo       fetch 200 pages one by one, then concurrently
#   make sanitize   all tests under ASan+UBSan, TSan and Valgrind
#   make torture    all tests with each allocation and system call failing once
#   make fuzz       what parses, SECONDS=60 for each target (clang)
#   make cross      the tests on aarch64, under qemu-user
#   make repeat     the tests again and again (N=200), until one fails
#   make bench      the benchmarks; bench-web those of HTTP alone; bench-deps installs the peers
#   make install    PREFIX=/usr/local LIBDIR=lib DESTDIR=
#   make fmt clean

N ?= 200
SECONDS ?= 60
PREFIX ?= /usr/local
LIBDIR ?= lib
MESON := $(firstword $(wildcard /usr/bin/meson) meson)
PYTHON := $(firstword $(wildcard /usr/bin/python3) python3)

all:
	@scripts/deps.sh build
	@scripts/configure.sh build

test:
	@scripts/deps.sh build test
	@scripts/test.sh

demo:
	@scripts/deps.sh build demo
	@scripts/configure.sh build
	@scripts/demo.sh

sanitize:
	@scripts/deps.sh build sanitize
	@scripts/test.sh sanitize

torture:
	@scripts/deps.sh build
	@scripts/test.sh torture

fuzz:
	@scripts/deps.sh build fuzz
	@scripts/fuzz.sh $(SECONDS)

cross:
	@scripts/deps.sh build cross
	@scripts/test.sh aarch64

repeat: all
	@$(MESON) test -C build --no-rebuild --no-suite tree --repeat $(N) --maxfail 1 --quiet \
		--print-errorlogs

bench: all
	@$(PYTHON) bench/run.py --write
	@$(PYTHON) bench/web.py --write

bench-web: all
	@$(PYTHON) bench/web.py --write

bench-deps:
	@bench/deps.sh

install: all
	@PREFIX='$(PREFIX)' LIBDIR='$(LIBDIR)' DESTDIR='$(DESTDIR)' scripts/install.sh

fmt:
	@scripts/deps.sh fmt
	@find src include tests examples -name '*.[ch]' -exec \
		"$$(command -v clang-format-14 || echo clang-format)" -i {} +

clean:
	@rm -rf build build-*

.PHONY: all test demo sanitize torture fuzz cross repeat bench bench-web bench-deps install fmt clean
