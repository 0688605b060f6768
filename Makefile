# Everything here needs only Python 3.11+ and make. `make` alone lists what there is.
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin

.PHONY: help setup run test fuzz check screenshots kubernetes bench format lock

help: ## what can be made
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 18

setup: .venv/ready ## the virtual environment with locked packages

.venv/ready: requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Holdpoint needs Python 3.11 or newer: make PYTHON=python3.12 …")'
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "Installing packages (once) …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

run: setup ## set up and start everything; prints a sign-in link
	@exec $(BIN)/holdpoint dev

test: setup ## the tests, on real PostgreSQL and Valkey; says what it left out
	@$(BIN)/python -m tests.chromium
	@$(BIN)/python -m pytest -n auto --dist worksteal -q

fuzz: setup ## odd requests to every route of the API, many (FUZZ=500 examples each)
	@HOLDPOINT_FUZZ=$(or $(FUZZ),300) $(BIN)/python -m pytest -n auto -q tests/api/test_fuzz.py

check: setup ## format, lint, types
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy

screenshots: setup ## the pictures that README and docs show, of a fresh installation
	@$(BIN)/python -m tests.pictures

kubernetes: .holdpoint/kubernetes/ready ## render deploy/kubernetes and hold it against the schemas
	@.holdpoint/kubernetes/bin/python deploy/kubernetes/check.py

.holdpoint/kubernetes/ready: deploy/kubernetes/requirements.txt
	@mkdir -p .holdpoint
	@$(PYTHON) -m venv .holdpoint/kubernetes
	@.holdpoint/kubernetes/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r deploy/kubernetes/requirements.txt
	@touch $@

bench: setup ## speed, as ratios measured in one run
	@$(BIN)/python -m bench.throughput
	@$(BIN)/python -m bench.runs
	@$(BIN)/python -m bench.api

format: setup ## write the format
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

lock: ## renew requirements.txt from pyproject.toml, for every Python and system at once
	@$(BIN)/python -m pip install --quiet uv
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11.0 --extra dev --extra embedded --generate-hashes \
	  --no-strip-extras --no-annotate --no-header --no-emit-index-url pyproject.toml -o requirements.txt
