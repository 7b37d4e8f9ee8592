# `make help` says what there is. Everything runs from .venv, which `make` builds from uv.lock.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
MAKEFLAGS += --no-print-directory

bin := .venv/bin
ready := .venv/.ready
ui := src/smartlink/ui/static/icons.json
TESTS ?=
SECONDS ?= 120

.PHONY: help
help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# ---------------------------------------------------------------- what a newcomer needs

.PHONY: demo
demo: $(ready) $(ui) packages ## Start both programs, send an exam and show where it is; stays up until Ctrl-C
	@$(bin)/python -m smartlink.demo

.PHONY: demo-once
demo-once: $(ready) $(ui) packages ## The same once, checked byte for byte; ends with "demo: ok"
	@$(bin)/python -m smartlink.demo --once

.PHONY: test
test: $(ready) $(ui) packages check pytest ## What CI runs: all checks, then all tests (10 minutes at most)

# ---------------------------------------------------------------- parts of it

.PHONY: check
check: $(ready) ## Checks alone: ruff, mypy for Linux and Windows, the arrows between modules
	@$(bin)/ruff check --quiet
	@$(bin)/ruff format --check --quiet
	@$(bin)/mypy --platform linux --cache-dir .mypy_cache/linux
	@$(bin)/mypy --platform win32 --cache-dir .mypy_cache/win32
	@$(bin)/lint-imports --no-logo

.PHONY: pytest
pytest: $(ready) $(ui) ## Tests alone, on both cores; TESTS="tests/link -k key" narrows them
	@$(bin)/pytest -q -n 2 --dist loadfile -m "not soak and not night" $(TESTS)

.PHONY: format
format: $(ready) ## Let ruff put the code in order
	@$(bin)/ruff format --quiet
	@$(bin)/ruff check --quiet --fix

.PHONY: docs
docs: $(ready) ## Draw docs/{states,settings,traceability,conformance/gateway}.md anew
	@$(bin)/python -m scripts.draw_docs
	@$(bin)/python -m scripts.draw_conformance

# ---------------------------------------------------------------- longer runs

.PHONY: check-all
check-all: test night bench-quick soak ## Everything, for the night: `test`, the full matrices, then the long runs

.PHONY: night
night: $(ready) $(ui) packages windows ## The full matrices that `test` leaves out
	@$(bin)/pytest -q -n 2 --dist loadfile -m night

.PHONY: bench
bench: $(ready) $(ui) packages ## Measure against the peers; needs a quiet machine and half an hour
	@$(bin)/python -m bench

.PHONY: bench-quick
bench-quick: $(ready) $(ui) packages ## The core of it in a minute, as one line of JSON
	@$(bin)/python -m bench --quick

.PHONY: soak
soak: $(ready) $(ui) packages ## Long runs: 1,000 kills and more
	@$(bin)/pytest -q -m soak --timeout 0

.PHONY: fuzz
fuzz: .venv/.fuzz ## Coverage-guided fuzzing of all that a peer's bytes meet, for SECONDS=120
	@$(bin)/python -m scripts.fuzz --seconds $(SECONDS)

.PHONY: fuzz-long
fuzz-long: $(ready) ## The tests with random examples, with many more than `test` has
	@$(bin)/pytest -q -m hypothesis --hypothesis-profile fuzz --timeout 0

.PHONY: screenshots
screenshots: $(ready) $(ui) packages ## Pictures of every page, wide and narrow, light and dark, in .screenshots
	@SCREENSHOTS="$(CURDIR)/.screenshots" $(bin)/pytest -q -m browser

# ---------------------------------------------------------------- what they stand on

.PHONY: packages
packages: ## Install the system's packages where that is allowed, name them where it is not
	@scripts/system-packages

.PHONY: windows
windows: $(ready)
	@scripts/system-packages --night
	@[ .windows/.ready -nt uv.lock ] || scripts/windows-python

.PHONY: ui
ui: $(ui) ## Fetch styles, icons and scripts of the pages when their lock changed

$(ready): pyproject.toml uv.lock scripts/bootstrap
	@scripts/bootstrap
	@touch $@

.venv/.fuzz: $(ready)
	@scripts/bootstrap --group fuzz
	@touch $@

node_modules/.ready: package.json package-lock.json scripts/node-modules $(ready)
	@scripts/node-modules
	@touch $@

$(ui): node_modules/.ready scripts/build_ui.py src/smartlink/ui/icons.txt $(wildcard src/smartlink/ui/assets/*)
	@$(bin)/python scripts/build_ui.py
