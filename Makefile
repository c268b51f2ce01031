# Everything happens in .venv; python3 with pip is all that must be there. PYTHON=python3.12 make … takes another one.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=

.PHONY: test test-all check demo bench clean

## The checks and all tests, against PostgreSQL 18
test: check
	$(BIN)/pytest $(ARGS)

## The same, server-facing tests against 15 (where Debian's is installed), 16, 17 and 18, property tests with new examples
test-all: check $(VENV)/.servers
	PGPROXY_TEST_RANDOM=1 PGPROXY_TEST_SERVERS=15,16,17,18 $(BIN)/pytest $(ARGS)

## The checks alone
check: $(VENV)/.dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

## PostgreSQL with sample data, the proxy in front of it
demo: $(VENV)/.demo
	$(BIN)/pgproxy demo $(ARGS)

## Rows per second through the proxy and direct
bench: $(VENV)/.dev
	$(BIN)/python -m benchmarks $(ARGS)

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache

# Where python3 comes without ensurepip (Debian's without python3-venv) its own pip installs one.
$(BIN)/python:
	$(PYTHON) -m venv $(VENV) >/dev/null 2>&1 || { $(PYTHON) -m venv --clear --without-pip $(VENV) && $(PYTHON) -m pip --python $@ install --quiet pip; }

# One stamp for each set of extras, older than pyproject.toml when they must be installed again.
$(VENV)/.demo: EXTRAS := demo
$(VENV)/.dev: EXTRAS := dev,demo
$(VENV)/.servers: EXTRAS := dev,demo,servers
$(VENV)/.demo $(VENV)/.dev $(VENV)/.servers: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable '.[$(EXTRAS)]'
	@touch $@
