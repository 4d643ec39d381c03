# The one way to do things, for people and for continuous integration alike.
# `make test` and `make demo` work in a fresh clone; everything lands in .venv and below.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

BIN := .venv/bin
TEST_PACKAGES := rsync openssh-server restic attr acl postgresql sqlite3 btrfs-progs strace sudo systemd procps iproute2 mariadb-server-core mariadb-client
WORKERS ?= 2
# Of the benchmark's report; those behind slow lines take seven minutes each.
ROUNDS ?= 3
FAR_ROUNDS ?= 1
# One more than there are processors: many tests wait for a server or a clock.
TESTERS ?= $(shell echo $$(($$(nproc) + 1)))

.PHONY: help demo test check format bench bench-report soak venv packages constraints clean

help: ## Say what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: venv ## The whole thing on this machine, in a folder of its own (.demo, or DEMO_DIR)
	@deploy/bootstrap packages rsync openssh-server
	@$(BIN)/python deploy/demo.py

test: packages check ## Install and run everything: linters, types, import contracts, tests
	@$(BIN)/pytest -q -n $(TESTERS) --dist worksteal --ignore=tests/benchmarks

check: venv ## Linters, formatting, types and import contracts, without the tests
	@$(BIN)/ruff check --quiet
	@$(BIN)/ruff format --quiet --check
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/mypy --no-error-summary tests/benchmarks/capture tests/benchmarks/bench_capture.py
	@$(BIN)/mypy --no-error-summary --scripts-are-modules deploy/source/lapseguard-source
	@$(BIN)/lint-imports --no-logo

format: venv ## Put the code into its one format
	@$(BIN)/ruff format
	@$(BIN)/ruff check --fix

bench: packages venv ## Speed and memory, as ratios to rsync and restic; sweeps and imports
	@deploy/bootstrap packages iproute2 zstd
	@missed=; \
	run() { $(BIN)/python -m "tests.benchmarks.$$1" "$${@:2}" || missed+=" $$1"; }; \
	run bench_capture --measure all $(BENCH); \
	run bench_writer; run bench_reader; run bench_plan; \
	for kind in sqlite postgresql; do \
	  run bench_import --kind $$kind; \
	  run bench_store --kind $$kind; \
	  for count in 10000 100000; do run bench_sweep --kind $$kind --count $$count; done; \
	done; \
	run bench_idle; \
	if [ -n "$$missed" ]; then echo "Goals missed, or no result:$$missed" >&2; exit 1; fi

bench-report: packages venv ## Backups and restores beside rsync and restic, kept as a report
	@deploy/bootstrap packages iproute2 zstd
	@file="tests/benchmarks/reports/capture-$$(git describe --always --abbrev=8 --exclude='*').md"; \
	run() { $(BIN)/python -m tests.benchmarks.bench_capture --rivals rsync,called,restic "$$@" \
	  --report "$$file"; }; \
	run --measure cases,profile,reading --only a,b,c,d --rounds $(ROUNDS); \
	run --only e --rounds $(FAR_ROUNDS); \
	run --measure memory,growth; \
	run --measure salvage --only a

soak: venv ## Play 10,000 simulated server-years, and report on them
	@$(BIN)/python -m tests.simulation.soak --server-years 10000 --workers $(WORKERS) \
	  --report tests/simulation/reports/soak.md

venv: ## Make or refresh .venv
	@deploy/bootstrap venv

packages: ## Install the system packages that the tests use
	@deploy/bootstrap packages $(TEST_PACKAGES)

constraints: venv ## Write down the versions that .venv has
	@{ echo '# Every version that the tests run with; `make constraints` writes this file.'; \
	   $(BIN)/python -m pip freeze --exclude-editable | grep -E '^[A-Za-z0-9._-]+==[^ ]+$$'; \
	} > constraints.txt.new && mv constraints.txt.new constraints.txt

clean: ## Remove everything that was made here, .venv and .demo included
	@rm -rf .venv .demo .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache \
	  .coverage dist build
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
