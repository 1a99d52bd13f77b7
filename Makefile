# Every target sets up what it needs: a Python of 3.11 or newer with venv, and make, are enough.

PYTHON ?= python3
PORT ?= 8000
STAGE ?= dev
YES ?=
SOAK ?=
UPGRADE ?=
BIN := .venv/bin
# Processes share the tests file by file. In the order of their names the quick ones, tests/unit, are the last, so that
# no process is left alone with a long file.
PYTEST := $(BIN)/python -m pytest --dist loadfile --no-loadscope-reorder
# Two environments: what we run, and the scanners, which nothing we run needs.
READY := .venv/.ready
TOOLS := .venv-tools/.ready
# Every version, and the hash of every file of it, for each Python from 3.11 on and each platform.
LOCK := .venv-tools/bin/uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--annotation-style line --custom-compile-command "make lock" --no-config --quiet \
	$(addprefix --upgrade-package ,$(UPGRADE))

.DEFAULT_GOAL := help
.PHONY: help run test test-unit test-deployed check audit iam-audit format lock bench soak package deploy destroy clean

help: ## List the targets
	@echo "Frontdesk: webhooks, chat and voice in one Chalice application."
	@echo
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "  make %-13s %s\n", $$1, $$2 }'
	@echo
	@echo "Examples:"
	@echo "  make run PORT=8001"
	@echo "  make deploy STAGE=dev"
	@echo "  make deploy STAGE=prod YES=1"
	@echo "  make package STAGE=prod"
	@echo "  make lock UPGRADE=\"urllib3 certifi\""

$(READY): requirements-dev.txt
$(TOOLS): requirements-tools.txt
$(READY) $(TOOLS):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Frontdesk needs Python 3.11 or newer: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
	@echo "Setting up $(@D) from $<; this takes about a minute, once."
	@$(PYTHON) -m venv --clear $(@D)
	@$(@D)/bin/python -m pip install -qq --disable-pip-version-check --require-hashes -r $<
	@touch $@

run: $(READY) ## Run everything on this machine, at http://127.0.0.1:8000
	@$(BIN)/python -m localcloud up --port $(PORT)

test: $(READY) $(TOOLS) ## Run all tests
	$(PYTEST) -n 3

test-unit: $(READY) ## Run the quick tests
	$(PYTEST) -n 2 tests/unit

test-deployed: $(READY) $(TOOLS) ## Run the integration tests against the whole package, as `make deploy` brings it
	$(PYTEST) -n 3 --deployed tests/integration

check: $(READY) $(TOOLS) ## Check style, types, imports, templates, and look for secrets
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/cfn-lint infra/data.yaml
	$(BIN)/python -m scans secrets
	$(BIN)/python -m scans templates
	$(BIN)/python -m pytest -q tests/infra

audit: $(READY) $(TOOLS) ## Ask for known vulnerabilities of what is locked
	@$(BIN)/python -m scans advisories

format: $(READY) ## Format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: $(TOOLS) ## Write requirements*.txt from requirements*.in (UPGRADE="urllib3 certifi")
	$(LOCK) requirements.in -o requirements.txt
	$(LOCK) requirements-dev.in -c requirements.txt -o requirements-dev.txt
	$(LOCK) requirements-tools.in -o requirements-tools.txt

bench: $(READY) ## Measure, and write benchmarks/results.json
	$(BIN)/python -m benchmarks

soak: $(READY) ## Prove that nothing is lost while workers and PostgreSQL are killed (SOAK="--seed 7")
	$(BIN)/python -m soak $(SOAK)

iam-audit: $(READY) ## Take every action out of every role in turn, and see something fail
	@$(BIN)/python -m tests.iam

package: $(READY) ## Package a stage (STAGE=dev) into build/
	@$(BIN)/python -m infra package --stage $(STAGE)

deploy: $(READY) ## Deploy a stage (STAGE=dev) to AWS, or to the local cloud
	@$(BIN)/python -m infra deploy --stage $(STAGE) $(if $(YES),--yes)

destroy: $(READY) ## Remove the application of a stage (STAGE=dev); its data stay
	@$(BIN)/python -m infra destroy --stage $(STAGE) $(if $(YES),--yes)

clean: ## Remove what was built and installed; the local cloud's data and Chalice's projects stay
	rm -rf .venv .venv-tools build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
