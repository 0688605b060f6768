# Everything here needs only Python 3.11+ and make. `make` alone lists what there is.
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
KUBECTL ?= kubectl
INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: help setup run test test-all fuzz mutants chaos soak check screenshots reference docs examples bench container kubernetes deploy-dev deploy-prod release format lock

help: ## what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 18

setup: .venv/ready ## the virtual environment with locked packages, those of tests and checks as well

.venv/ready: requirements.txt .venv/run
	@echo "Installing packages for tests and checks (once) …"
	@$(INSTALL) --require-hashes -r requirements.txt
	@touch $@

# What running needs and nothing else: about a third of all.
.venv/run: requirements-run.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Holdgate needs Python 3.11 or newer: make PYTHON=python3.12 …")'
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "Installing packages (once) …"
	@$(INSTALL) --require-hashes -r requirements-run.txt
	@$(INSTALL) --no-deps --no-build-isolation -e .
	@touch $@

run: .venv/run ## set up and start everything; prints a sign-in link
	@exec $(BIN)/holdgate dev

# By name: some packages are here for a few tests, and each process would import their plugins before it begins.
PLUGINS = PYTEST_DISABLE_PLUGIN_AUTOLOAD=1 PYTEST_PLUGINS=pytest_asyncio.plugin,xdist.plugin,_hypothesis_pytestplugin,holdgate.testing.plugin
PYTEST = PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -n auto --dist worksteal -q
test: setup ## most tests, in minutes, on real PostgreSQL and Valkey; says what it left out (ALL=1: none)
	@$(BIN)/python -m tests.chromium
	@$(if $(ALL),,$(PLUGINS)) $(PYTEST) $(if $(ALL),,--quick)

test-all: ## every test: also browsers, crashes, fuzzing, installations
	@$(MAKE) --no-print-directory test ALL=1

fuzz: setup ## odd requests to every route of the API, many (FUZZ=500 examples each)
	@HOLDGATE_FUZZ=$(or $(FUZZ),300) $(BIN)/python -m pytest -n auto -q tests/api/test_fuzz.py

mutants: setup ## break the code at many places, one at a time; a test must notice each (ONLY="priority lease": places so named)
	@$(BIN)/python -m tests.mutations $(ONLY)

chaos: setup ## real servers under mixed load, struck by random faults (SEED=… tells one again, SECONDS=60, BOUND=35, CAMPAIGNS=1, WRITE=page)
	@$(BIN)/python -m tests.chaos $(if $(SEED),--seed $(SEED)) --seconds $(or $(SECONDS),60) --bound $(or $(BOUND),35) --campaigns $(or $(CAMPAIGNS),1) $(if $(WRITE),--write $(WRITE))

soak: setup ## 200 requests a second while workers work, for HOURS=1; memory and answers before and after
	@$(BIN)/python -m bench.soak --hours $(or $(HOURS),1)

check: setup ## format, lint, types
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy

screenshots: setup ## the pictures that README and docs show, of a fresh installation
	@$(BIN)/python -m tests.pictures

reference: setup ## the pages and pictures of docs that are made from the code
	@$(BIN)/python -m manual

docs: setup ## the documentation as a site, in build/site; fails on any warning
	@$(BIN)/mkdocs build --quiet --strict
kubernetes: .holdgate/kubernetes/ready ## render deploy/kubernetes and hold it against the schemas
	@.holdgate/kubernetes/bin/python deploy/kubernetes/check.py

deploy-dev: ## apply deploy/kubernetes/overlays/small to the cluster kubectl points at (KUBECTL=…)
	@$(KUBECTL) apply -k deploy/kubernetes/overlays/small

deploy-prod: ## the same with overlays/production; asks first (YES=1: not)
	@context=$$($(KUBECTL) config current-context) || exit 1; \
	 $(if $(YES),,printf 'Deploy overlays/production to %s? [y/N] ' "$$context"; read answer; test "$$answer" = y || exit 1;) \
	 $(KUBECTL) apply -k deploy/kubernetes/overlays/production

.holdgate/kubernetes/ready: deploy/kubernetes/requirements.txt
	@mkdir -p .holdgate
	@$(PYTHON) -m venv .holdgate/kubernetes
	@.holdgate/kubernetes/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r deploy/kubernetes/requirements.txt
	@touch $@

examples: .holdgate/agents/ready ## the environment of examples/agents: agent frameworks, to try them in
.holdgate/agents/ready: examples/agents/requirements.txt
	@mkdir -p .holdgate
	@$(PYTHON) -m venv .holdgate/agents
	@.holdgate/agents/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r examples/agents/requirements.txt
	@touch $@

bench: setup ## speed beside other queues, in one run; writes bench/RESULTS.md
	@$(BIN)/python -m bench.peers
	@$(BIN)/python -m bench.growth --finished 1000,10000,100000,1000000,10000000 --plot bench/growth.svg --append bench/RESULTS.md
	@$(BIN)/python -m bench.journeys --append bench/RESULTS.md
	@$(BIN)/python -m bench.pages --append bench/RESULTS.md

container: setup ## Dockerfile and compose.yaml checked; the image's steps in a clean root, and the main job there
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r deploy/container/requirements-check.txt
	@$(BIN)/python -m deploy.container

release: setup ## wheel, source archive and image context in dist/, tried in a clean environment
	@$(BIN)/python -m deploy.release

format: setup ## write the format
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

UV_LOCK = $(BIN)/uv pip compile --quiet --universal --python-version 3.11.0 --generate-hashes \
	  --no-strip-extras --no-annotate --no-header --no-emit-index-url
lock: ## renew the requirements files from pyproject.toml, for every Python and system at once
	@$(BIN)/python -m pip install --quiet uv
	@$(UV_LOCK) --extra dev --extra embedded pyproject.toml -o requirements.txt
	@$(UV_LOCK) --extra server --extra mcp --extra embedded --group pyproject.toml:build --constraint requirements.txt pyproject.toml -o requirements-run.txt
	@$(UV_LOCK) --extra server --extra mcp --extra tracing --extra holidays --constraint requirements.txt pyproject.toml -o requirements-production.txt
	@$(UV_LOCK) --group pyproject.toml:build --constraint requirements.txt -o deploy/container/requirements-build.txt
	@$(UV_LOCK) examples/agents/requirements.in -o examples/agents/requirements.txt
	@$(UV_LOCK) --group pyproject.toml:container -o deploy/container/requirements-check.txt
