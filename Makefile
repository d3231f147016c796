# `make` lists the verbs. Needed: make and Python 3.11 or newer; everything else is installed into .venv.
#   PYTHON=...  another interpreter        ARGS=...  passed on, such as ARGS="--help" or ARGS="-k sessions"

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

BIN := .venv/bin
PROTOS_BIN := .venv-protos/bin
PIP := python -m pip --disable-pip-version-check --quiet
STUBS := client/python/holdfastdb/v1
BASELINE := protos/baseline.binpb
ARGS ?=

# Tried by running them: a name on the PATH may be a shim for a version that is not there.
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11 python3.14 python; do \
	$$python -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)

.PHONY: help
help: ## List the verbs.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

## Running

.PHONY: serve
serve: .venv/.server ## Run the server: SQLite in ./holdfast.db, on 127.0.0.1:7420.
	@exec $(BIN)/holdfast serve $(ARGS)

.PHONY: bench
bench: .venv/.dev ## Measure the speed; takes a while.
	$(BIN)/python -m tests.benchmarks $(ARGS)

.PHONY: bench-quick
bench-quick: .venv/.dev ## Measure the speed roughly, in a few minutes.
	$(BIN)/python -m tests.benchmarks --quick $(ARGS)

## Testing

# 3: two cores stay busy, for many tests wait for a while. loadfile: the tests of a file share what they set up.
# Not reordered by number: the unit tests come last, of which no file takes long. The many programs that tests
# start need not compile themselves each time.
PYTEST := PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder

.PHONY: test
test: .venv/.dev ## Run all tests, on SQLite and PostgreSQL.
	$(PYTEST) $(ARGS)

.PHONY: coverage
coverage: .venv/.dev ## Run all tests and say which lines and branches they miss.
	$(PYTEST) --cov --cov-report=term $(ARGS)

# Prints the seed of its sample; ARGS="--seed 7" draws that again, ARGS="--only storage/tasks" mutates one room.
SAMPLE ?= 100
MINUTES ?= 60

.PHONY: mutants
mutants: .venv/.dev ## Change the code in SAMPLE=100 places, one at a time, for MINUTES=60: which changes does no test see?
	$(BIN)/python -m tests.mutants --sample $(SAMPLE) --minutes $(MINUTES) $(ARGS)

.PHONY: check
check: check-style check-types check-layers check-protos check-breaking check-stubs check-sql check-image ## Check everything that needs no test run.

.PHONY: check-style
check-style: .venv/.dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check

.PHONY: check-types
check-types: .venv/.dev
	$(BIN)/mypy

.PHONY: check-layers
check-layers: .venv/.dev
	$(BIN)/lint-imports

.PHONY: check-protos
check-protos: .venv/.dev
	$(BIN)/buf lint
	$(BIN)/buf format --diff --exit-code

.PHONY: check-breaking
check-breaking: .venv/.dev
	$(BIN)/buf breaking --against $(BASELINE)

.PHONY: check-stubs
check-stubs: .venv-protos/.installed
	@rm -rf build/stubs
	@$(MAKE) --no-print-directory protos STUBS_ROOT=build/stubs
	diff -r -x __init__.py -x __pycache__ build/stubs/holdfastdb/v1 $(STUBS)

# The upgrade as PostgreSQL would get it, made without a connection.
.PHONY: check-sql
check-sql: .venv/.dev
	@mkdir -p build
	$(BIN)/holdfast migrate --sql > build/migrations.sql
	$(BIN)/squawk build/migrations.sql

.PHONY: check-image
check-image: .venv/.dev
	$(BIN)/hadolint Dockerfile

.PHONY: format
format: .venv/.dev ## Format the code and the protos, and repair what can be.
	$(BIN)/ruff check --fix
	$(BIN)/ruff format
	$(BIN)/buf format --write

## The contract

STUBS_ROOT := client/python

.PHONY: protos
protos: .venv-protos/.installed ## Generate the Python stubs from protos/.
	@mkdir -p $(STUBS_ROOT)
	@PATH="$(CURDIR)/$(PROTOS_BIN):$$PATH" $(PROTOS_BIN)/python -m grpc_tools.protoc -Iprotos \
		--python_out=$(STUBS_ROOT) --grpc_python_out=$(STUBS_ROOT) \
		--mypy_out=quiet:$(STUBS_ROOT) --mypy_grpc_out=quiet:$(STUBS_ROOT) protos/holdfastdb/v1/*.proto

.PHONY: protos-baseline
protos-baseline: .venv/.dev ## On a release: fix the contract that `check` compares with.
	$(BIN)/buf build --exclude-source-info -o $(BASELINE)

## The schema

.PHONY: sqlite-schema
sqlite-schema: .venv/.dev ## After a change of the migrations: write migrations/sqlite.sql, which new files get.
	@mkdir -p build
	@$(BIN)/python -c 'from holdfastdb_server.storage.engines import migrations as m; print(m.sqlite_script(), end="")' > build/sqlite.sql
	@mv build/sqlite.sql migrations/sqlite.sql

## Building

.PHONY: dist
dist: .venv/.dev ## Build the wheel and the sdist into dist/.
	$(BIN)/python -m build --no-isolation

.PHONY: constraints
constraints: | .venv/bin/python ## Renew constraints.txt and constraints-protos.txt with today's versions.
	$(BIN)/python .ci/constraints.py

.PHONY: clean
clean: ## Remove the environments and all that was built; keeps holdfast.db.
	rm -rf .venv .venv-peers .venv-protos build dist htmlcov .coverage .coverage.* .pytest_cache .mypy_cache .ruff_cache \
		.import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

## Environments: made once, renewed when what they are made from changes

.venv/bin/python .venv-protos/bin/python:
	@test -n "$(PYTHON)" && $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Holdfast needs Python 3.11 or newer (with venv): install it, or say PYTHON=/path/to/python3" >&2; exit 1; }
	@echo "Making $(@D:/bin=) with $$($(PYTHON) --version) ..."
	@rm -rf $(@D:/bin=)
	@$(PYTHON) -m venv $(@D:/bin=)

.venv/.server: pyproject.toml constraints.txt | .venv/bin/python
	@echo "Installing the server ..."
	@$(BIN)/$(PIP) install -c constraints.txt -e '.[server]'
	@touch $@

# After .server, so that parallel verbs never install into one environment at once.
.venv/.dev: .venv/.server
	@echo "Installing the tools ..."
	@$(BIN)/$(PIP) install -c constraints.txt -e '.[dev]'
	@touch $@

.venv-protos/.installed: constraints-protos.txt | .venv-protos/bin/python
	@echo "Installing the stub generators ..."
	@$(PROTOS_BIN)/$(PIP) install -r constraints-protos.txt
	@touch $@
