# Slipway. `make demo` and `make test` need git, make and Python 3.11 or newer, and nothing else.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules

# The first Python that is new enough; PYTHON=/path/to/python overrides it.
ifeq ($(origin PYTHON), undefined)
PYTHON := $(shell for name in python3 python3.12 python3.11 python3.13 python3.14; do \
  "$$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo "$$name"; exit; }; done; true)
endif
BIN := .venv/bin
# Tells a program to stop when the make that started it goes away.
export SLIPWAY_STOP_WITH_PARENT := 1
# Without byte code every process compiles what it imports again, for seconds each.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help
help: ## Show what can be made
	@awk -F ':.*## ' '/^[a-z%-]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' Makefile

.PHONY: python
python:
	@if [ -z "$(PYTHON)" ]; then \
	  echo "Slipway needs Python 3.11 or newer; this is $$(python3 --version 2>&1 || echo 'a machine without python3')." >&2; \
	  echo "Install it, or name it: make PYTHON=/path/to/python3.12 ..." >&2; exit 1; fi

.PHONY: demo-env dev-env
demo-env: python
	@"$(PYTHON)" requirements/bootstrap.py demo
dev-env: python
	@"$(PYTHON)" requirements/bootstrap.py dev

.PHONY: demo
demo: demo-env ## Start everything with three teams, real models and a first deployment (PORT, SANDBOX_PORT, VAR_DIR)
	@exec $(BIN)/python manage.py demo

.PHONY: run
run: demo-env ## Start the portal alone, against the services that the environment names (docs/running.md)
	@exec $(BIN)/python manage.py run

.PHONY: test
test: dev-env assets ## Run the suite on PostgreSQL, and on SQLite what differs there
	@exec $(BIN)/python -m tests.suite

.PHONY: long
long: dev-env assets ## Run the tests that make test leaves out: long ones, and every fault in every stage
	@exec $(BIN)/python -m tests.suite long

.PHONY: check
check: dev-env tools ## Check style, types, layers, templates, CSS, JavaScript, migrations, the API schema and sizes
	@exec $(BIN)/python -m tests.checks

.PHONY: format
format: dev-env tools ## Format Python, templates, CSS and JavaScript
	@$(BIN)/ruff format .
	@$(BIN)/djlint templates --reformat --quiet --warn
	@exec $(BIN)/python -m tests.node prettier --write --log-level warn static/css static/js

.PHONY: arrows
arrows: dev-env ## Print who imports whom, between rooms and between the subjects of a room
	@exec $(BIN)/python -m tests.arrows

.PHONY: mutants
mutants: dev-env ## Seed 60 faults, one at a time, and see that a test notices each
	@exec $(BIN)/python -m tests.mutants

bench-%: dev-env assets ## Measure against peers and print the figures: bench-drift, bench-fleet, bench-runs
	@exec $(BIN)/python -m bench.$*

.PHONY: assets
assets: demo-env ## Fetch the front end's packages and copy what pages use to static/vendor
	@exec $(BIN)/python static/build.py

# The linters of CSS and JavaScript, from the npm lockfile.
.PHONY: tools
tools: dev-env
	@exec $(BIN)/python static/build.py --tools

.PHONY: lock
lock: dev-env ## Resolve pyproject.toml into the hashed locks below requirements/
	@requirements/lock

.PHONY: clean
clean: ## Remove what was built or kept here: .venv, var, caches, assets
	@rm -rf .venv var static/vendor staticfiles node_modules .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
