# From an empty clone with Python 3.11 or later: `make demo`, `make test`. All that is installed goes to .venv.
PYTHON ?= python3
BENCH ?= tests/data/questions.jsonl

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check

.PHONY: demo test lint format bench

demo: $(VENV)/.base
	@$(BIN)/ragcompress demo

test: $(VENV)/.dev
	@# -rs: what was skipped, and why (no browser, say), stands at the end of either half.
	$(BIN)/python -m pytest -q -rs -n auto --maxprocesses 4 -m "not model"
	$(BIN)/python -m pytest -q -rs -m model

lint: $(VENV)/.dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

format: $(VENV)/.dev
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

bench: $(VENV)/.dev
	$(BIN)/ragcompress-eval evidence $(BENCH)
	$(BIN)/ragcompress-eval speed --passages 5 --passages 20 --tokens 100 --tokens 300

# Stamps: a second call does no pip work unless the requirements changed.
$(VENV)/.python:
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or later is needed; name one: make PYTHON=python3.12" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	@# pip before 24.1 can't report how far the download of the model is.
	$(PIP) install -q -c constraints.txt --upgrade pip
	@touch $@

$(VENV)/.base: pyproject.toml constraints.txt | $(VENV)/.python
	@echo "Installing ragcompress into $(VENV), once"
	$(PIP) install -q -c constraints.txt -e .
	@touch $@

$(VENV)/.dev: pyproject.toml constraints.txt | $(VENV)/.python
	@echo "Installing ragcompress and all that its tests need into $(VENV), once"
	$(PIP) install -q -c constraints.txt -e '.[dev]'
	@touch $(VENV)/.base $@
