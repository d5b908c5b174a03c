# `make app` and `make test` set up the environment themselves, on a bare machine with Python 3.11 to 3.13.
# uv is used if it is installed; otherwise it is installed into the environment.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(shell command -v uv 2>/dev/null || echo $(BIN)/uv)
INSTALL := $(UV) pip install --python $(BIN)/python --compile-bytecode --constraint constraints.txt
# Tests start hundreds of processes: our modules are compiled for the first of them, also where this is switched off.
# Three at a time on two cores: browsers, servers and processes are waited for. Who has nothing left to run takes over half of
# what another has: otherwise one runs all the slow tests, and at the end the others wait for it for minutes.
PYTEST := PYTHONDONTWRITEBYTECODE= $(BIN)/pytest -n 3 --dist worksteal

.PHONY: app test test-fast check javascript clean

app: $(VENV)/.app
	$(BIN)/streamlit run streamlit_app.py

# What `check` does is one of the tests.
test: $(VENV)/.test javascript
	$(PYTEST)

# Without browsers, servers and trainings: to run by hand, often.
test-fast: check
	$(PYTEST) -m 'not browser and not server and not slow'

check: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# eslint and the TypeScript compiler, for the tests that run them. Where npm is missing, those tests say that they are skipped.
javascript:
	@command -v npm >/dev/null 2>&1 || echo 'npm is not installed: the checks of our JavaScript are skipped'
	@! command -v npm >/dev/null 2>&1 || [ node_modules/.installed -nt package.json ] || \
		{ npm install --silent --no-audit --no-fund && touch node_modules/.installed; }

$(BIN)/python:
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 11) <= v < (3, 14) else "Winnow needs Python 3.11 to 3.13, and $(PYTHON) is %d.%d. Name another: make app PYTHON=python3.12" % v)'
	$(PYTHON) -m venv $(VENV)
	@command -v uv >/dev/null 2>&1 || $(BIN)/python -m pip install --quiet uv

$(VENV)/.app: $(BIN)/python pyproject.toml constraints.txt
	$(INSTALL) --editable .
	@touch $@

$(VENV)/.test: $(BIN)/python pyproject.toml constraints.txt
	$(INSTALL) --editable '.[test]'
	@touch $@ $(VENV)/.app

clean:
	rm -rf $(VENV) node_modules .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
