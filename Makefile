# All commands of the project. `make help` lists them.
.DEFAULT_GOAL := help
PYTHON ?= python3
SUITE ?= suites/quick.yaml
KIND ?= alignment
SEEDS ?=
RUN ?=
NAME ?=
BENCH := .venv/bin/python -m runner
INSTALLED := .venv/.installed

# The shell takes these from the environment, as they were written: make would split them at spaces and expand "$".
export BENCH_SUITE := $(value SUITE)
export BENCH_SEEDS := $(value SEEDS)
export BENCH_RUN := $(value RUN)
export BENCH_KIND := $(value KIND)
export BENCH_NAME := $(value NAME)

.PHONY: help setup benchmark report new check test test-slow lint clean

help:  ## list the commands
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(INSTALLED)  ## make .venv and install the versions in requirements.lock

$(INSTALLED): requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed, and $(PYTHON) is older. Name another: make setup PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv .venv
	.venv/bin/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	@touch $@

benchmark: setup  ## run SUITE (default suites/quick.yaml), then write its report; SEEDS=5 runs five seeds
	@$(BENCH) run "$$BENCH_SUITE" $${BENCH_SEEDS:+--seeds "$$BENCH_SEEDS"}

report: setup  ## make the tables, figures and report of RUN again from its results
	@suite=$${BENCH_SUITE##*/}; $(BENCH) report "$${BENCH_RUN:-runs/$${suite%.*}}"

new: setup  ## make the file of a plug-in: make new NAME=my_score [KIND=alignment]
	@$(BENCH) new "$$BENCH_KIND" "$$BENCH_NAME"

check: setup  ## check a plug-in: make check NAME=my_score
	@$(BENCH) check "$$BENCH_NAME"

test: setup  ## run the tests (about 6 minutes on two cores)
	.venv/bin/python -m pytest -n 2 -m "not slow"

test-slow: setup  ## run all tests, with those that take long
	.venv/bin/python -m pytest -n 2

.PHONY: chaos
chaos: setup  ## kill a run at 100 random moments and compare its results (about 15 minutes)
	.venv/bin/python -m benchmarks.chaos

lint: setup  ## check style, types and imports between packages
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports

clean:  ## remove caches, but not runs/ and .venv
	rm -rf .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +
