# make run, make test: from a plain clone to a voice agent. Everything is kept in .venv, and the benchmarks' rivals in
# .bench; `make clean` takes both away.

VENV  := .venv
BIN   := $(VENV)/bin
STAMP := $(VENV)/installed

# The first Python that is new enough; `make PYTHON=/path/to/python` names another.
NEW_ENOUGH := import sys; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for each in python3.13 python3.12 python3.11 python3 python; do \
	$$each -c '$(NEW_ENOUGH)' 2>/dev/null && echo $$each && break; done)

.DEFAULT_GOAL := help
.PHONY: help setup run test lint bench bench-long bench-report clean

help:
	@echo "make setup   an environment in $(VENV) with all that is needed"
	@echo "make run     asks the local agent the question in examples/question.wav; the answer is in reply.wav"
	@echo "make test    the tests"
	@echo "make lint    ruff, mypy and pyright"
	@echo "make bench   the short benchmarks, a quarter of an hour; make bench BENCH=\"hop calls\" for these two"
	@echo "make bench-long    the other benchmarks, more than an hour"
	@echo "make bench-report  the tables and plots of benchmarks/README.md, from benchmarks/results"
	@echo "make clean   takes away what these have made"

setup: $(STAMP)
	@echo "$(VENV) is ready"

run: $(STAMP)
	@$(BIN)/voicegraph run graphs/local.yaml --in examples/question.wav --out reply.wav

test: $(STAMP)
	$(BIN)/pytest

lint: $(STAMP)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/pyright

bench: $(STAMP)
	@$(BIN)/python -m benchmarks.suite $(BENCH)

bench-long: $(STAMP)
	@$(BIN)/python -m benchmarks.suite --long

bench-report: $(STAMP)
	@$(BIN)/python -m benchmarks.report

clean:
	rm -rf $(VENV) .bench dist reply.wav .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# uv is quick, and is put inside the environment; where it cannot be had, or not reach the registry, pip does the same.
$(STAMP): pyproject.toml $(BIN)/python
	@echo "Installing voicegraph, its local models' libraries and its tests' tools into $(VENV) (some minutes, once)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv || true
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --editable '.[dev]' \
		|| $(BIN)/python -m pip install --disable-pip-version-check --editable '.[dev]'
	@touch $@

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "voicegraph needs Python 3.11 or newer, and this machine has" \
		"$$(python3 --version 2>&1 || echo none). Install one, or name it: make PYTHON=/path/to/python" >&2; exit 1; }
	@$(PYTHON) -c '$(NEW_ENOUGH)' || { echo "voicegraph needs Python 3.11 or newer: $(PYTHON) is older, or none" >&2; exit 1; }
	@echo "Making an environment in $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "Python's venv is not whole:" \
		"on Debian and Ubuntu, apt install python3-venv" >&2; exit 1; }
