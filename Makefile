# Every target works in .venv, which the first one makes.

PYTHON ?= python3
BIN := .venv/bin
DAYS ?= 30
NODE_JUDGES := tests/judges/node

.DEFAULT_GOAL := help
.PHONY: help demo test judges browser manuals slow month lint wheel-test

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 14

demo: .venv/installed ## play the main job against the local sandbox
	@$(BIN)/crm-sms demo

test: .venv/installed ## the tests; needs neither Node nor a browser
	@echo "==> tests (left out: 'make judges', 'make browser', 'make manuals', 'make slow')"
	@$(BIN)/python -m pytest -n 2

judges: .venv/installed ## hold us against what others describe; needs Node 18 and ../shared
	@command -v npm > /dev/null || { echo "npm is missing: sudo apt-get install -y nodejs npm"; exit 1; }
	@echo "==> npm packages of the judges"
	@cd $(NODE_JUDGES) && npm install --no-package-lock --no-audit --no-fund
	@echo "==> judges"
	@CRM_SMS_JUDGES=1 $(BIN)/python -m pytest -m judges --no-skips

browser: .venv/installed ## the pages in a headless Chromium
	@echo "==> tests in a browser"
	@$(BIN)/python -m pytest -m browser --no-skips

manuals: .venv/installed ## the pages of docs/, followed word by word on the sandboxes
	@echo "==> manuals"
	@$(BIN)/python -m pytest -n 2 -m manuals --no-skips

slow: .venv/installed ## the long runs, such as played hours; takes many minutes
	@echo "==> long runs"
	@$(BIN)/python -m pytest -m slow --no-skips

month: .venv/installed ## a played month in which everything goes wrong; SEED=7 plays that one again
	@echo "==> $(DAYS) played days"
	@$(BIN)/python -m pytest tests/simulation -m slow --no-skips -s --days $(DAYS) $(if $(SEED),--seed $(SEED))

lint: .venv/installed ## ruff, mypy --strict, import rules
	@echo "==> lint"
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

wheel-test: .venv/installed ## build the wheel and sdist, and test the wheel outside the checkout
	@bash scripts/wheel_test.sh $(BIN)/python

.venv/installed: pyproject.toml constraints.txt
	@command -v $(PYTHON) > /dev/null || \
	  { echo "$(PYTHON) is missing: sudo apt-get install -y python3 python3-venv"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "crm-sms needs Python 3.11 or later, and $(PYTHON) is $$($(PYTHON) --version)."; \
	    echo "Name a later one: make PYTHON=python3.12 …"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2> /dev/null || \
	  { echo "The venv module is missing: sudo apt-get install -y python3-venv"; exit 1; }
	@echo "==> .venv with crm-sms and what its tests need (a few minutes the first time)"
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@
