# Needs Python 3.11 or newer and make; everything else is put into .venv.
PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed
SEED ?= 1

.DEFAULT_GOAL := help
.PHONY: help setup demo dev test browser check format bench soak audit clean

help:  ## this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1	/' | expand -t 16

setup: $(INSTALLED)  ## a virtual environment in .venv with all that is needed

demo: setup  ## a worker is killed in the middle of a job, another one carries on; checked, then all is stopped
	@$(BIN)/python -m webapp.demo

dev: setup  ## Redis, two workers, the web application and Flower, until Ctrl-C
	@$(BIN)/python -m webapp.dev

# More at once than there are cores: half of what the tests do is wait for real processes.
test: setup  ## the tests
	@$(BIN)/python -m pytest tests -n 4 --dist loadfile --no-loadscope-reorder

browser:  ## install Debian's Chromium, which the tests drive, where there is none
	@for each in chromium chromium-browser google-chrome-stable google-chrome; do \
	    command -v $$each && exit; \
	done; \
	test "$$(id -u)" = 0 && root= || root=sudo; \
	$$root apt-get update -q && $$root apt-get install -q -y --no-install-recommends chromium

check: setup  ## format, lint, types
	@$(BIN)/ruff format --check . && $(BIN)/ruff check . && $(BIN)/mypy

format: setup  ## put the code into its format
	@$(BIN)/ruff format . && $(BIN)/ruff check --fix .

soak: setup  ## the long tests of reliability, for hours; SEED=7 for another course of things
	@set -e; run() { echo "== $$*"; $(BIN)/python -m "$$@"; }; \
	run tests.mutants; \
	run tests.model; \
	run tests.faults --depth 1; \
	run tests.faults --depth 2 --seed $(SEED) --minutes 30; \
	run tests.contract.stateful --examples 1000 --steps 100 --seed $(SEED); \
	run tests.kills --kills 100 --seed $(SEED); \
	run tests.network --faults 200 --seed $(SEED); \
	run tests.redis_chaos --kills 500 --seed $(SEED); \
	run tests.rolling --stops 50 --seed $(SEED); \
	run tests.web.fuzz --cases 1000 --seed $(SEED)

bench: setup  ## the benchmarks
	@set -e; for each in benchmarks/[a-z]*.py; do echo "== $$each"; $(BIN)/python $$each; done

audit: setup  ## the dependencies against the database of known vulnerabilities; fails when it cannot be asked
	@$(BIN)/python -m pip check && $(BIN)/python .ci/audit.py

clean:  ## remove what was built, the virtual environment and the data of make dev
	rm -rf .venv .durable .pytest_cache .mypy_cache .ruff_cache .hypothesis build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Installed once, and again only when pyproject.toml changes.
$(INSTALLED): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.11")'
	@test -x $(BIN)/pip || $(PYTHON) -m venv .venv
	@echo "Installing into .venv (once, and again when pyproject.toml changes)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $@
