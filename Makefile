# `make app` and `make test` make the environment themselves, on a bare machine with Python 3.11 to 3.13.
# uv is used where it is there, and put into the environment where it is not.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(shell command -v uv 2>/dev/null || echo $(BIN)/uv)
INSTALL := $(UV) pip install --python $(BIN)/python --compile-bytecode --constraint constraints.txt

.PHONY: app test check clean

app: $(VENV)/.app
	$(BIN)/streamlit run streamlit_app.py

test: check
	$(BIN)/pytest -n 2 --dist loadgroup

check: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

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
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
