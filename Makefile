# The words of this house. Each does the set-up it needs; `make help` lists them.
PYTHON ?= python3
KILLS ?= 2000
SEED ?= 1
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: help setup demo up test chaos mutants simulate lint bench lock
help:        ## this list
	@grep -E '^[a-z]+: .*##|^[a-z]+:  +##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## */\t/'

setup: $(STAMP)  ## virtual environment with the locked packages
$(STAMP): requirements-dev.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: apt-get install python3"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' || { echo "The venv module is missing: apt-get install python3-venv"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements-dev.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

demo: setup      ## the whole service against a simulated provider, proved from outside
	$(BIN)/python -m simulator.demo

up: setup        ## the whole service on this machine, until Ctrl-C
	$(BIN)/reelkeep up

lint: setup      ## format, rules, types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

test: lint       ## everything, on a fresh machine
	$(BIN)/pytest --numprocesses 4 --dist loadfile --no-loadscope-reorder

chaos: setup     ## kill the real processes KILLS times, by SEED; prints what became of each
	$(BIN)/python -m tests.system.chaos --kills $(KILLS) --seed $(SEED)

mutants: setup   ## put each bug of tests/mutants in; the test it names must turn red
	$(BIN)/python -m tests.mutants

SEEDS ?= 20000
simulate: setup  ## SEEDS=… seeds of the simulation and the table of deadlines under load
	$(BIN)/python -m tests.simulation --seeds $(SEEDS)
	$(BIN)/python -m tests.simulation.load

bench: setup     ## what is claimed about speed and load, measured; writes docs/benchmarks
	$(BIN)/python -m tests.benchmarks.polling

lock:            ## resolve pyproject.toml into the two lock files (needs uv)
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --all-extras pyproject.toml -o requirements.lock
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --all-extras --group test --group lint -c requirements.lock pyproject.toml -o requirements-dev.lock
