# Everything a person does with the project. `make help` lists the targets.
.DEFAULT_GOAL := help
PYTHON ?= python3
SUITE ?= suites/quick.yaml
KIND ?= alignment
RUN ?= runs/$(basename $(notdir $(SUITE)))
BENCH := .venv/bin/python -m runner
INSTALLED := .venv/.installed

.PHONY: help setup benchmark report new check test test-slow lint clean

help:  ## list the targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(INSTALLED)  ## make .venv and install the exact versions of requirements.lock

$(INSTALLED): requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed, $(PYTHON) is older: make setup PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv .venv
	.venv/bin/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	@touch $@

benchmark: setup  ## run SUITE (default suites/quick.yaml), then write its report
	@$(BENCH) run $(SUITE)

report: setup  ## draw the tables, the figures and the report of RUN again, running nothing
	@$(BENCH) report $(RUN)

new: setup  ## start a plugin: make new NAME=my_score [KIND=alignment]
	@$(BENCH) new $(KIND) $(NAME)

check: setup  ## check a plugin: make check NAME=my_score
	@$(BENCH) check $(NAME)

test: setup  ## run the tests (about 4 minutes on two cores)
	.venv/bin/python -m pytest -n 2 -m "not slow"

test-slow: setup  ## run the tests that take longer, too
	.venv/bin/python -m pytest -n 2

lint: setup  ## check style, types and who imports whom
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports

clean:  ## remove caches; runs/ and .venv stay
	rm -rf .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +
