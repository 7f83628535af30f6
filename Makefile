# uv, or a private environment that has it: nothing needs to be installed but Python and git.
UV := $(or $(shell command -v uv),$(CURDIR)/.uv/bin/uv)
export PATH := $(dir $(UV)):$(PATH)
# Without bytecode every process of the tests would compile all that it imports.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help

.PHONY: help demo test test-quick chaos bench site check
help:             ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "%-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(UV)       ## render the default answers and run what comes out
	uv run tests/support/demo.py

test: $(UV)       ## render every variant, check it, run its tests
	uv run pytest

test-quick: $(UV) ## the same for ten variants, without networks and poolers
	uv run pytest -m "not thorough"

chaos: $(UV)      ## let the database fail in every way, for longer than in the tests
	CHAOS_SECONDS=$(or $(CHAOS_SECONDS),3) uv run pytest --numprocesses=0 tests/test_chaos.py

bench: $(UV)      ## measure, and write the README's table, the chart and docs/measurements.md
	PYTHONPATH=hooks:tests uv run --group bench python -m bench $(OPTIONS)

site: $(UV)       ## build site/, a page on which one reads any variant
	PYTHONPATH=hooks:tests uv run python -m preview $(OPTIONS)

check: $(UV)      ## what pre-commit checks
	uv run prek run --all-files

$(CURDIR)/.uv/bin/uv:
	python3 -m venv .uv
	.uv/bin/python -m pip install --quiet uv
