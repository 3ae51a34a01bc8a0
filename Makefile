# The house's commands. A machine with Python 3.11 or later, git and make is enough; the rest is put into .venv.
#
#   make demo    watch two real fine-tunings grow: the table, an alert as it fires, the page
#   make test    lint, types and tests (tests of programs that the machine lacks are skipped by name)
#   make lint    ruff and mypy --strict alone
#   make docs    write the generated pages of docs/ again
#   make bench   the measurements that README quotes
#   make lock    resolve the pinned requirements again, from pyproject.toml and requirements/*.in

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
JOBS   ?= 2
PIP    := $(BIN)/python -m pip --disable-pip-version-check -qq

.DEFAULT_GOAL := test
.PHONY: demo test lint docs bench lock models clean

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("loss-watch needs Python 3.11 or later, %s is %s: make PYTHON=python3.12 ..." % (sys.executable, sys.version.split()[0]))'
	$(PYTHON) -m venv $(VENV)

# The command alone, at the versions that were tested. pip compiles what it copies, not what it links to: where Python may not write
# __pycache__ (PYTHONDONTWRITEBYTECODE, a checkout of somebody else's), each start would compile all of it again, 0.15 s.
$(VENV)/.app: pyproject.toml requirements/dev.txt | $(BIN)/python
	$(PIP) install --constraint requirements/dev.txt --editable .
	@$(BIN)/python -m compileall -q monitor rules || true
	@touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.app
	$(PIP) install --requirement requirements/dev.txt
	@touch $@

# In one call with dev.txt, so that nothing that is pinned there moves.
$(VENV)/.models: requirements/test-models.txt $(VENV)/.dev
	$(PIP) install --requirement requirements/dev.txt --requirement requirements/test-models.txt
	@touch $@

models: $(VENV)/.models

demo: $(VENV)/.app
	@$(BIN)/python examples/demo.py

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/mypy --strict --package monitor --package rules

# --dist loadfile: the tests of one file share their servers and do not race each other.
test: lint $(if $(LOSSWATCH_NO_SKIP),$(VENV)/.models)
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile -rs $(PYTEST_ARGS)

docs: $(VENV)/.dev
	$(BIN)/python -m monitor.parse.document
	$(BIN)/python scripts/docs_rules.py

bench: $(VENV)/.dev
	@for bench in bench/*.py; do echo "== $$bench"; $(BIN)/python "$$bench" || exit 1; done

lock:
	scripts/lock.sh $(PYTHON)

clean:
	rm -rf $(VENV) demo .mypy_cache .pytest_cache .ruff_cache .hypothesis
