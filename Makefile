# Two commands do all set-up:  make demo   (runs the service)   make check   (passes the tests)
# Further targets: setup test coverage test-hapi test-browser bench wheel conformance format

PYTHON ?= python3
VENV ?= .venv
PORT ?= 8080
DIST ?= dist
JOBS ?= 2
BIN := $(VENV)/bin
CODE := cds_service tests tools benchmarks
READY := $(VENV)/.ready

.PHONY: demo check setup format format-check lint types layers deps policies test coverage docs test-hapi test-browser \
        bench wheel conformance

demo: setup
	$(BIN)/cds-service demo --port $(PORT)

check: format-check lint types layers deps policies test
	@echo "left out here: make test-hapi (Java 17, Maven), make test-browser (Chromium)"

setup: $(READY)

$(READY): pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable '.[demo,dev]'
	touch $@

format: setup
	$(BIN)/ruff format $(CODE)
	$(BIN)/ruff check --fix $(CODE)

format-check: setup
	$(BIN)/ruff format --check $(CODE)

lint: setup
	$(BIN)/ruff check $(CODE)

types: setup
	$(BIN)/mypy

layers: setup
	$(BIN)/lint-imports

deps: setup
	$(BIN)/deptry cds_service

policies: setup
	$(BIN)/cds-service policies check
	$(BIN)/cds-service policies test

test: setup
	$(BIN)/pytest -q -m "not hapi and not browser" -n $(JOBS) --dist loadfile --conformance-out=build/conformance.json

coverage: setup
	$(BIN)/pytest -q -m "not hapi and not browser" -n $(JOBS) --dist loadfile --cov --cov-report=term-missing

docs: setup
	$(BIN)/pytest tests/docs

test-hapi: setup
	$(BIN)/pytest -m hapi

test-browser: setup
	$(BIN)/pytest -m "browser and not hapi"

bench: setup
	$(BIN)/python -m benchmarks.order_sign
	$(BIN)/python -m benchmarks.no_prefetch

wheel: setup
	$(BIN)/python -m build --outdir $(DIST)

conformance: test
	$(BIN)/python -m tools.conformance build/conformance.json
