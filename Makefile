# A thin front door: meson and ninja build, tools/ does the rest. `make help` lists the targets.
FUZZ_SECONDS ?= 60
SOAK_SECONDS ?= 1800
SLOW_SECONDS ?= 60
SCALE_SECONDS ?= 30
COST_SECONDS ?= 30
VIP_RUNS ?= 10
NEMESIS_SECONDS ?= 600
BENCH_FLAGS ?=
PERF_FLAGS ?=
DESTDIR ?=
PREFIX ?=

.DEFAULT_GOAL := all
.PHONY: all run test test-clients test-ui sizes test-debian13 asan fuzz coverage soak slow scale nemesis cluster-cost vip-compare engine-check bench perf-check lint format install dist image test-dist deps clean help

all: ## build build/weldr and build/test-server (release)
	@tools/deps build
	@tools/build release

run: all ## build, then run Weldr on :8080 with a demo origin on :12345 (Ctrl-C ends both)
	@tools/run-demo build/weldr build/test-server

test: ## build release and asan, run every suite; last line: N passed, N failed
	@tools/deps build test
	@tools/build release
	@tools/build perf
	@tools/build asan
	@tools/test-summary

test-clients: ## HTTPS with curl, wget, Python, Node, Go, Java and Chromium, nginx and scanners (installs them)
	@tools/deps build test clients
	@tools/build release
	@tools/test-summary clients

test-ui: ## the dashboard in Chromium, and axe's judgement of it; screenshots in build/ui-shots (installs Chromium, 350 MB)
	@tools/deps build test ui
	@tools/build release
	@tools/test-summary ui

sizes: ## tests that have a size at their whole one: 10,000 sessions, 200 certificates, 100,000 requests of a deploy ...
	@tools/deps build test
	@tools/build release
	@tools/test-summary sizes

test-debian13: ## the same on Debian 13, from a fresh clone in a root of its own (needs root)
	@tools/test-debian13

asan: ## build build-asan/ with AddressSanitizer and UBSan
	@tools/deps build test
	@tools/build asan

fuzz: ## run each fuzz target for FUZZ_SECONDS (60)
	@tools/deps build test
	@tools/build fuzz
	@tools/fuzz $(FUZZ_SECONDS)

coverage: ## measure how many lines of floor 1 its tests run; fails below 95 %
	@tools/deps build test
	@tools/build coverage
	@tools/coverage

soak: ## sweep the simulated seeds, then SOAK_SECONDS (1800) of load, pool changes, faults and kills
	@tools/deps build test
	@tools/build asan
	@tools/soak $(SOAK_SECONDS)

slow: ## slowhttptest with 5,000 connections for SLOW_SECONDS (60) in each mode, beside a normal client
	@tools/deps build test
	@tools/build release
	@tools/slow $(SLOW_SECONDS)

scale: ## what starting, changing and checking 10,000 servers cost; SCALE_SECONDS (30) for the checks
	@tools/deps build test
	@tools/build release
	@tools/scale $(SCALE_SECONDS)

nemesis: ## three nodes in namespaces, killed and cut off for NEMESIS_SECONDS (600) each: linearizable, nothing lost
	@tools/deps build test
	@tools/build asan
	@tools/build release
	@tools/nemesis $(NEMESIS_SECONDS)

engine-check: ## unit tests of cluster/ with a libraft that has its assertions and ASan, built from the source of its package
	@tools/deps build test
	@tools/build asan
	@tools/engine-check

cluster-cost: ## what three nodes cost beside their limits: idle, commits, 1,000 writes/s for COST_SECONDS (30), snapshots of 20 MB
	@tools/deps build test
	@tools/build release
	@tools/cluster-cost $(COST_SECONDS)

vip-compare: ## for how long nobody answers at a virtual IP, beside keepalived and a script, VIP_RUNS (10) runs each
	@tools/deps build test bench
	@tools/build release
	@tools/vip-compare $(VIP_RUNS)

bench: ## CPU per request beside nginx, haproxy and a byte relay (10 minutes; BENCH_FLAGS=--help)
	@tools/deps build bench
	@tools/build bench
	@bench/bench.py $(BENCH_FLAGS)

perf-check: ## count a worker's instructions per request; fails when a row changes by more than 3 % (PERF_FLAGS)
	@tools/deps build test
	@tools/build perf
	@tools/perf-check $(PERF_FLAGS)

lint: ## run every static check
	@tools/deps build test
	@tools/build release
	@tools/lint

format: ## rewrite the C files as .clang-format says
	@tools/deps build test
	@tools/format

install: all ## install weldr and its man page (DESTDIR and PREFIX are obeyed)
	$(if $(PREFIX),@meson configure build -Dprefix=$(PREFIX) && tools/build release)
	@DESTDIR='$(DESTDIR)' meson install -C build --no-rebuild

dist: ## tar, deb, rpm, SBOM and checksums of HEAD, into build-dist/amd64/out/ and build-dist/arm64/out/; equal byte for byte wherever they are built
	@tools/deps build dist
	@tools/dist amd64
	@tools/dist arm64

image: dist ## OCI images from scratch of what `make dist` has made, beside it; made without a container engine
	@tools/image amd64
	@tools/image arm64

test-dist: ## install the packages of `make dist` in fresh machines, update them under load, run its image, and arm64 by qemu, build twice and compare (needs root)
	@tools/deps build test dist debian13
	@tools/dist amd64
	@tools/dist arm64
	@tools/image amd64
	@tools/image arm64
	@/usr/bin/python3 -m pytest -n 4 --dist loadfile tests/dist

deps: ## install what is missing of the Debian packages for building, testing and benchmarks
	@tools/deps build test bench

clean: ## remove all build folders
	rm -rf build build-dist build-asan build-fuzz build-coverage

help: ## this list
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 22
