# Thin over `python -m bot`; see README.md. Every target works on a fresh machine with Python 3.11+ and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
DEV_STAMP := $(VENV)/.installed-dev

.PHONY: run install dev test lint format bench eval train chaos kb-check lock

run: $(STAMP)
	$(BIN)/python -m bot serve

install: $(DEV_STAMP)

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(STAMP): $(BIN)/python requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	touch $@

$(DEV_STAMP): $(STAMP) requirements-dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	touch $@

test: $(DEV_STAMP)
	@scripts/test-machine
	$(BIN)/python -m pytest -n auto --dist loadfile

lint: $(DEV_STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m bot kb check

format: $(DEV_STAMP)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

kb-check: $(STAMP)
	$(BIN)/python -m bot kb check

bench: $(DEV_STAMP)
	$(BIN)/python -m benchmark.bench

eval: $(DEV_STAMP)
	$(BIN)/python -m benchmark.evaluate

train: $(DEV_STAMP)
	$(BIN)/python -m benchmark.train

chaos:
	@echo "make $@ arrives with a later release." >&2; exit 2

lock: $(DEV_STAMP)
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile -q pyproject.toml --python-version 3.11 --generate-hashes --no-header --no-annotate -o requirements.txt
	$(BIN)/uv pip compile -q pyproject.toml --extra dev --python-version 3.11 --generate-hashes --no-header --no-annotate -o requirements-dev.txt
