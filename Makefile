VENV ?= .venv
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help demo test test-all build wheel docs kernel-tests kernel-tests-arm fuzz quality style clean

CXX_FILES = $(shell find kernels -name inplace -prune -o \( -name '*.h' -o -name '*.cc' -o -name '*.cpp' \) -print)
# With -O2 the compiler takes far longer than the tests save.
SANITIZED = -O1 -g -DNDEBUG
NEW_CMAKE = version (3\.(2[1-9]|[3-9][0-9])|[4-9])
TOOLS = PATH="$(abspath $(VENV))/bin:$$PATH"

help:  ## list the targets
	@echo "make TARGET [ARGS=...] [VENV=.venv]"
	@sed -n 's/^\([a-z-]*\):  ## /  \1\t/p' $(firstword $(MAKEFILE_LIST)) | expand -t 20

demo:  ## set up the environment, then run the demo; ARGS goes to `inc-hf demo`
	@scripts/setup_env.sh $(VENV) demo
	$(VENV)/bin/inc-hf demo $(ARGS)

test:  ## set up the environment, then run the tests; ARGS goes to pytest
	@scripts/setup_env.sh $(VENV) test,dev
	$(VENV)/bin/python -m pytest -n 2 --dist worksteal tests $(ARGS)

test-all:  ## the same, and the slow tests of what has not changed; writes tests/slow.json
	$(MAKE) test ARGS="--all $(ARGS)"

build:  ## compile the C++ kernels in place, after an edit
	@scripts/setup_env.sh $(VENV) test,dev
	scripts/build_kernels.sh $(VENV)/bin/python

wheel:  ## make wheels with kernels in dist/, for Linux without a compiler; ARGS="x86_64 aarch64" for both, else this CPU's
	scripts/build_wheels.sh $(ARGS)

docs:  ## build the documentation into site/, strictly
	@scripts/build_docs.sh $(VENV)-docs

kernel-tests:  ## run the C++ tests of the kernels under the address and undefined-behaviour sanitizers
	@cmake --version 2>/dev/null | grep -qE '$(NEW_CMAKE)' || scripts/setup_env.sh $(VENV) test,dev
	$(TOOLS) cmake -S kernels -B build/sanitize -D CMAKE_BUILD_TYPE=RelWithDebInfo \
		-D "CMAKE_CXX_FLAGS_RELWITHDEBINFO=$(SANITIZED)" -D INC_HF_TORCH=OFF -D INC_HF_TESTS=ON \
		-D "INC_HF_SANITIZE=address;undefined"
	$(TOOLS) cmake --build build/sanitize --parallel 2
	$(TOOLS) ctest --test-dir build/sanitize --parallel 2 --output-on-failure $(ARGS)

kernel-tests-arm:  ## cross-compile the C++ tests of the kernels for AArch64 and run them in QEMU; ARGS goes to ctest
	scripts/test_kernels_arm.sh $(ARGS)

fuzz:  ## fuzz the kernels with libFuzzer for five minutes, ARGS=SECONDS for another time; needs clang++
	scripts/fuzz_kernels.sh $(ARGS)

quality:  ## check the style of the Python and C++ files, change nothing
	@scripts/setup_env.sh $(VENV) test,dev
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/clang-format --dry-run -Werror $(CXX_FILES)

style:  ## put the style of the Python and C++ files right
	@scripts/setup_env.sh $(VENV) test,dev
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .
	$(VENV)/bin/clang-format -i $(CXX_FILES)

clean:  ## remove caches and build products; the environment stays
	rm -rf build dist site inc_hf/_kernels.so .pytest_cache .ruff_cache .hypothesis
	find kernels/inplace -mindepth 1 ! -name CMakeLists.txt -delete
	find . -path ./$(VENV) -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +
