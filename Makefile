VENV ?= .venv
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help demo test quality style clean

help:  ## list the targets
	@echo "make TARGET [ARGS=...] [VENV=.venv]"
	@sed -n 's/^\([a-z]*\):  ## /  \1\t/p' $(firstword $(MAKEFILE_LIST)) | expand -t 12

demo:  ## set up the environment, then run the demo; ARGS goes to `inc-hf demo`
	@scripts/setup_env.sh $(VENV) demo
	$(VENV)/bin/inc-hf demo $(ARGS)

test:  ## set up the environment, then run the tests; ARGS goes to pytest
	@scripts/setup_env.sh $(VENV) test,dev
	$(VENV)/bin/python -m pytest -n 2 --dist loadfile tests $(ARGS)

quality:  ## check the style of the Python files, change nothing
	@scripts/setup_env.sh $(VENV) test,dev
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .

style:  ## put the style of the Python files right
	@scripts/setup_env.sh $(VENV) test,dev
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .

clean:  ## remove caches and build products; the environment stays
	rm -rf build dist inc_hf.egg-info .pytest_cache .ruff_cache .hypothesis
	find . -path ./$(VENV) -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +
