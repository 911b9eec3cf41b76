# Two commands do everything, set-up included: `make demo` and `make test`.
#
# The newest Python from 3.11 on is used; choose another with `make demo PYTHON=/path/to/python3`.

PYTHON ?= $(shell for name in python3.13 \
	$$(ls -rd "$$(pyenv root 2>/dev/null)"/versions/3.1[1-9]*/bin/python3 2>/dev/null) \
	python3.12 python3.11 python3 python; do \
	if $$name -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' \
	>/dev/null 2>&1; then echo $$name; break; fi; done)
PYTHON_3_11 ?= $(shell for name in python3.11 \
	$$(ls -rd "$$(pyenv root 2>/dev/null)"/versions/3.11.*/bin/python3 2>/dev/null); do \
	if $$name -c 'import ensurepip, venv' >/dev/null 2>&1; then echo $$name; break; fi; done)
BIN := .venv/bin
RESULTS ?= results
JOBS ?= auto
CORES ?= $(shell getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1)

.PHONY: help demo test test-slow claims figures bench bench-peers lint docs notebooks clean
.DELETE_ON_ERROR:

help:
	@echo "make demo       set up and run small memories, in rates, in spikes and always on, with figures"
	@echo "make test       set up and run the tests"
	@echo "make test-slow  run the heavy claims"
	@echo "make claims     run every claim of the papers, fast and heavy"
	@echo "make figures    bring every figure up to date"
	@echo "make bench      measure speed"
	@echo "make bench-peers  beside NEST and Avalanche, in an environment of their own (needs Python 3.11)"
	@echo "make lint       style and types"
	@echo "make docs       build the documentation site into site/"
	@echo "make notebooks  run docs/notebooks/*.py and write the notebooks"
	@echo "make clean      remove the environment and build products, not the results"

demo: .venv/installed
	@$(BIN)/spikeconsol run sequential-memory --preset demo --jobs $(CORES) --out $(RESULTS)/demo
	@$(BIN)/spikeconsol run cortical-memory/stream --preset demo --out $(RESULTS)/demo-cortical

test: .venv/installed-test
	@$(BIN)/pytest -n $(JOBS) --dist worksteal -q

test-slow: .venv/installed-test
	@$(BIN)/pytest -n $(JOBS) --dist worksteal -q -m slow

claims: .venv/installed-test
	@$(BIN)/pytest -n $(JOBS) -q -m "slow or not slow" tests/claims

figures: .venv/installed
	@$(BIN)/spikeconsol figures --results $(RESULTS)

bench: .venv/installed
	@$(BIN)/python -m benchmarks

bench-peers: .venv/installed .venv-peers/installed
	@$(BIN)/python -m benchmarks peers continual

lint: .venv/installed-test
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

docs: .venv/installed
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[docs]"
	@NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --quiet --strict

notebooks: .venv/installed
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[notebooks]"
	@$(BIN)/python -m jupytext --to ipynb --execute docs/notebooks/*.py

# Installed once, and again when pyproject.toml changes.
.venv/installed: pyproject.toml
	@test -n "$(PYTHON)" || { echo "No Python from 3.11 on was found (with venv and pip); \
	install one, or name it: make $(MAKECMDGOALS) PYTHON=/path/to/python3" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	echo "$(PYTHON) is older than Python 3.11, or not a Python" >&2; exit 1; }
	@echo "Setting up .venv with $$($(PYTHON) --version) ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[fast]"
	@touch $@

.venv/installed-test: .venv/installed
	@echo "Installing what the tests need ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check \
	-e ".[fast,test,lint,sweep,export]"
	@touch $@

# Others' programs, never in the project's environment. NEST's wheels are of Python 3.11.
.venv-peers/installed: Makefile
	@test -n "$(PYTHON_3_11)" || { echo "No Python 3.11 was found, for which NEST has wheels; \
	name one: make $(MAKECMDGOALS) PYTHON_3_11=/path/to/python3.11" >&2; exit 1; }
	@echo "Setting up .venv-peers with $$($(PYTHON_3_11) --version), NEST and Avalanche ..."
	@test -x .venv-peers/bin/python || $(PYTHON_3_11) -m venv .venv-peers
	@.venv-peers/bin/python -m pip install --quiet --disable-pip-version-check \
	"nest-simulator==3.10.*" "avalanche-lib==0.6.*"
	@touch $@

clean:
	rm -rf .venv .venv-peers build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
