# One command for each thing one does with Countermand. `make` or `make help` lists them.
# Nothing needs to be installed by hand except Python >= 3.11: the first target builds .venv from pinned files.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

# The first interpreter that really runs and is new enough; set PYTHON to choose another.
ifndef PYTHON
PYTHON := $(shell for python in python3.11 python3; do \
	"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && { echo "$$python"; break; }; done)
endif

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
SOURCES := domain application projections adapters tests ops
# One more than the cores of CI: a good third of the tests' time is waiting for servers and disks.
WORKERS ?= 3
ARGS ?=

# Whoever told Python to keep no bytecode would compile some thousand modules in each process of the tests.
unexport PYTHONDONTWRITEBYTECODE

PINS_INSTALLED := $(VENV)/.pins-installed
PROJECT_INSTALLED := $(VENV)/.project-installed

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: $(PROJECT_INSTALLED) ## Show Countermand at work, from nothing to a stopped job
	$(BIN)/python ops/demo.py $(ARGS)

.PHONY: dev
dev: $(PROJECT_INSTALLED) ## Run the service here, with its own nats-server
	$(BIN)/countermand dev $(ARGS)

.PHONY: test
test: $(PROJECT_INSTALLED) ## Run all tests (ARGS="-k cancel" chooses some)
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup $(ARGS)

.PHONY: bench
bench: $(PROJECT_INSTALLED) ## Measure, and print numbers with machine, date and command
	$(BIN)/python -m tests.benchmarks $(ARGS)

.PHONY: faults
faults: $(PROJECT_INSTALLED) ## Break servers, disks and stores, and look for what was acknowledged
	$(BIN)/python -m tests.faults $(ARGS)

.PHONY: contracts
contracts: $(PROJECT_INSTALLED) ## Write the schemas and the pages that are made from the code
	$(BIN)/python -m ops.write_contracts

.PHONY: check
check: $(PROJECT_INSTALLED) ## Everything CI asks: lint, types, imports, test, wheel
	@# Each of the first five uses one core or waits for a disk; the tests use all there are.
	+$(MAKE) --no-print-directory --jobs 2 --output-sync=target types wheel lint imports compiled
	+$(MAKE) --no-print-directory test

.PHONY: lint
lint: $(PROJECT_INSTALLED) ## Check format and lint rules
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

.PHONY: types
types: $(PROJECT_INSTALLED) ## Check the types, strictly
	$(BIN)/mypy $(SOURCES)

.PHONY: imports
imports: $(PROJECT_INSTALLED) ## Check the direction of imports
	$(BIN)/lint-imports

.PHONY: wheel
wheel: $(PROJECT_INSTALLED) ## Build the wheel, install it into an empty environment and run it there
	$(BIN)/python ops/check_wheel.py

# Workers start at the same moment, so each would compile every module of the tests for itself.
.PHONY: compiled
compiled: $(PROJECT_INSTALLED)
	@found="$$($(BIN)/python -m pytest --collect-only -qq)" || { echo "$$found"; exit 1; }

.PHONY: format
format: $(PROJECT_INSTALLED) ## Rewrite the code in the house format
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

# Pins name files by hash only: no index, no path, no option of this machine may get in.
COMPILE := CUSTOM_COMPILE_COMMAND="make pins" $(BIN)/pip-compile --quiet --generate-hashes --allow-unsafe --strip-extras \
	--no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-emit-options --newline lf

.PHONY: pins
pins: $(PROJECT_INSTALLED) ## Write the pin files anew (ARGS="--upgrade" for newer versions)
	$(COMPILE) $(ARGS) --output-file requirements.txt pyproject.toml
	$(COMPILE) $(ARGS) --extra postgres --constraint requirements.txt --output-file requirements-postgres.txt pyproject.toml
	$(COMPILE) $(ARGS) --extra postgres --constraint requirements.txt --output-file requirements-dev.txt pyproject.toml requirements-dev.in

.PHONY: clean
clean: ## Remove the environment, caches and build results
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .schemathesis .benchmarks
	find $(SOURCES) -type d -name __pycache__ -prune -exec rm -rf {} +

$(PINS_INSTALLED): requirements-dev.txt
	@test -n "$(PYTHON)" || { echo "Countermand needs Python >= 3.11; name one with: make PYTHON=/path/to/python3" >&2; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) install --quiet --require-hashes --requirement requirements-dev.txt
	touch $@

$(PROJECT_INSTALLED): $(PINS_INSTALLED) pyproject.toml
	$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	touch $@
