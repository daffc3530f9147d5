# From an empty clone with Python 3.11 or later: `make demo`, `make test`. All that is installed goes to .venv.
PYTHON ?= python3
BENCH ?= tests/data/questions.jsonl

VENV := .venv
LOWEST := .venv-lowest
RELEASE := .venv-release
AUDIT := .venv-audit
CLIENTS := .venv-clients
LITELLM := .venv-litellm
SHIPPED := .venv-shipped
CASES ?= 5000
PROMISES ?= 100000
PER_TARGET ?= 300
TARGETS ?= segmentation files pdf docx pptx xlsx gguf cards requests index stores server tool-results
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check

.PHONY: demo test quick lint format docs serve-docs bench lowest release fuzz promises audit clients

demo: $(VENV)/.base
	@$(BIN)/ragcompress demo

test: $(VENV)/.dev
	$(BIN)/python -m pytest -q -n auto --maxprocesses 4 -m "not model"
	$(BIN)/python -m pytest -q -m model

quick: $(VENV)/.dev  # the loop of a contributor: no model, no torch, no process of its own, a fifth of the examples
	@# Other packages' plugins take a fifth of the time, and these tests need none of them.
	RAGCOMPRESS_SHARE_OF_TRIES=0.2 PYTEST_DISABLE_PLUGIN_AUTOLOAD=1 \
	    $(BIN)/python -m pytest -q -p xdist.plugin -p _hypothesis_pytestplugin -n auto --maxprocesses 4 --dist loadfile \
	    -m "not model and not ray and not slow" tests/unit tests/contract

lint: $(VENV)/.dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/hadolint deploy/Dockerfile

format: $(VENV)/.dev
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

docs: $(VENV)/.dev  # docs/cli.md from the help texts, then the site, in site/
	$(BIN)/cog -I docs -r docs/cli.md
	$(BIN)/mkdocs build --quiet --strict

serve-docs: $(VENV)/.dev
	$(BIN)/mkdocs serve

bench: $(VENV)/.dev
	$(BIN)/ragcompress-eval evidence $(BENCH)
	$(BIN)/ragcompress-eval speed --passages 5 --passages 20 --tokens 100 --tokens 300

lowest: $(LOWEST)/.installed  # unit tests, and the demo, under the lowest versions that pyproject.toml allows
	$(LOWEST)/bin/ragcompress demo
	@# docs/cli.md has the help texts as the typer of constraints.txt lays them out.
	RAGCOMPRESS_SHARE_OF_TRIES=0.2 \
	    $(LOWEST)/bin/python -m pytest -q -W default -m "not model and not ray and not slow" tests/unit tests/contract \
	    --deselect tests/unit/test_docs.py::test_docs_cli_is_what_the_commands_say

release: $(VENV)/.dev  # build, check, install the wheel into an empty environment, run the demo from it
	rm -rf dist $(RELEASE)
	$(BIN)/python -m build --no-isolation
	$(BIN)/twine check --strict dist/*
	$(PYTHON) -m venv $(RELEASE)
	$(RELEASE)/bin/python -m pip --disable-pip-version-check install -q dist/*.whl
	cd dist && ../$(RELEASE)/bin/ragcompress demo

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

$(LOWEST)/.installed: pyproject.toml
	$(PYTHON) -m venv --clear $(LOWEST)
	$(LOWEST)/bin/python -m pip --disable-pip-version-check install -q -c constraints.txt uv
	$(LOWEST)/bin/uv pip install -q --python $(LOWEST)/bin/python --resolution lowest-direct -e '.[test]'
	@touch $@

clients: $(VENV)/.dev $(CLIENTS)/.installed $(LITELLM)/.installed  # the server with other projects' clients
	$(BIN)/python -m pytest -q tests/clients

$(CLIENTS)/.installed $(LITELLM)/.installed: .venv-%/.installed: tests/clients/requirements-%.txt
	$(PYTHON) -m venv .venv-$*
	.venv-$*/bin/python -m pip --disable-pip-version-check install -q -r $<
	@touch $@

fuzz: $(VENV)/.dev  # other cases each time, CASES of them per target; what fails is kept in .hypothesis or .fuzz
	RAGCOMPRESS_EXAMPLES=$(CASES) $(BIN)/python -m pytest -q tests/fuzz tests/unit/test_promises.py -k "not fifty"
	$(PIP) install -q -c constraints.txt atheris  # has no wheels for every Python and system
	set -e; for target in $(TARGETS); do \
	    $(BIN)/python tests/fuzz/guided.py $$target --seconds $(PER_TARGET); done

promises: $(VENV)/.dev  # R1 to R12 where all options meet, with free scores: PROMISES cases, other ones each time
	RAGCOMPRESS_EXAMPLES=$(PROMISES) $(BIN)/python -m pytest -q -s tests/fuzz/test_options.py

audit: $(SHIPPED)/.installed $(AUDIT)/.installed  # known holes, licenses, and a bill of materials in out/sbom.json
	mkdir -p out
	$(AUDIT)/bin/cyclonedx-py environment $(SHIPPED)/bin/python -o out/sbom.json
	$(AUDIT)/bin/pip-licenses --python=$(SHIPPED)/bin/python --partial-match \
	    --fail-on="GNU General Public License;GNU Affero"
	@# Strict: what the index says nothing of is no proof of no holes. This package itself is on none.
	$(SHIPPED)/bin/python -m pip freeze --exclude ragcompress-probe > out/requirements.txt
	$(AUDIT)/bin/pip-audit --strict --no-deps --disable-pip -r out/requirements.txt

$(AUDIT)/.installed:
	$(PYTHON) -m venv $(AUDIT)
	$(AUDIT)/bin/python -m pip --disable-pip-version-check install -q 'pip-audit>=2.7' 'cyclonedx-bom>=5' 'pip-licenses>=5'
	@touch $@

# What users install, without what only the tests and the release need.
$(SHIPPED)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv --clear $(SHIPPED)
	$(SHIPPED)/bin/python -m pip --disable-pip-version-check install -q -c constraints.txt --upgrade pip
	$(SHIPPED)/bin/python -m pip --disable-pip-version-check install -q -c constraints.txt '.[docs,index,server,mcp]'
	@touch $@
