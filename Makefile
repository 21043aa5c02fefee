# Every target works on a fresh machine with Python 3.11 or newer and make; the first one sets up .venv.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PYTEST_WORKERS ?= 2

.DEFAULT_GOAL := help
.PHONY: help run test check bench bench-campaign bench-desk train eval chat format clean

help: ## Show what there is to do
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(STAMP): requirements/dev.txt pyproject.toml hatch_build.py
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed; this is " + sys.version.split()[0])'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

run: $(STAMP) ## Start everything on http://127.0.0.1:8080 with the simulator
	$(BIN)/python -m bot run --development

test: $(STAMP) ## Run all tests (PostgreSQL, Redis and Chromium are used where they are)
	$(BIN)/python -m pytest -n $(PYTEST_WORKERS) --dist loadgroup

check: $(STAMP) ## Format, lint, types, import order, house rules
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q -p no:cacheprovider tests/test_house_rules.py

bench-campaign: $(STAMP) ## Measure a notice to 100,000 women (PostgreSQL by NIANGJIA_BENCH_POSTGRES)
	$(BIN)/python -m benchmarks.campaign

bench: $(STAMP) ## Measure the whole line beside a bare handler
	$(BIN)/python -m benchmarks.bench
	$(BIN)/python -m benchmarks.understanding
	$(BIN)/python -m benchmarks.channels

bench-desk: $(STAMP) ## Measure fifty staff at a desk of 2 million messages (NIANGJIA_BENCH_POSTGRES=…)
	$(BIN)/python -m benchmarks.desk

train: $(STAMP) ## Train the intent model anew from nlp/data/intents/examples
	$(BIN)/python -m nlp.train
	$(BIN)/python -m nlp.train_risk

eval: $(STAMP) ## Score understanding on the sentences in ../shared/data, if they are there
	$(BIN)/python -m nlp.evaluate --data ../shared/data

chat: $(STAMP) ## Talk to the bot in the terminal
	$(BIN)/python -m bot chat

format: $(STAMP) ## Format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean: ## Remove what was built (never your data in var/)
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache *.egg-info
