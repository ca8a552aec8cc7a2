# The two commands of README.md are `make demo` and `make test`; `make help` lists all.
# Every target installs what it needs into .venv first, once.

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PYTHON ?= $(firstword $(foreach name,python3.13 python3.12 python3.11 python3,$(call usable,$(name))))
usable = $(shell $(1) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $(1))

.PHONY: help demo test coverage lint types bench docs clean memory-check cuda-check gpu-check flops-check
.DELETE_ON_ERROR:

help: ## lists the targets
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST)

demo: $(STAMP) ## installs, then checks, reports, draws, compiles and trains VGG-16
	@mkdir -p build
	$(BIN)/archdsl check specs/vgg16.arch
	$(BIN)/archdsl report memory specs/vgg16.arch --formulas
	$(BIN)/archdsl draw specs/vgg16.arch -o build/vgg16.svg
	$(BIN)/archdsl compile specs/vgg16.arch -o build/vgg16.py
	$(BIN)/archdsl run specs/vgg16.arch --train

test: lint types ## installs, then runs lint, types and all tests
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto

coverage: $(STAMP) ## all tests, with the lines that none of them runs
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --cov

lint: $(STAMP) ## ruff: rules and format
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: $(STAMP) ## mypy: the package, docs and tests
	$(BIN)/mypy

bench: $(STAMP) ## times `check` and compiled networks against their bars
	$(BIN)/python tests/bench/bench.py
	$(BIN)/python tests/bench/generated.py
	$(BIN)/python tests/bench/depth.py
	$(BIN)/python tests/bench/fit.py

memory-check: $(STAMP) ## predicted peaks of training steps beside real ones, for all specs: hours; less with MEMORY_CHECK=--hollow
	$(BIN)/python -m tests.bench.training_memory $(MEMORY_CHECK)

flops-check: $(STAMP) ## multiply-adds of backward beside those that PyTorch counts, for all specs
	$(BIN)/python -m tests.bench.backward_work

cuda-check: $(STAMP) ## bytes that steps ask a GPU for beside those that PyTorch shows without one; CUDA_CHECK=resnet:ResNet18 for some
	$(BIN)/python -m tests.bench.fake_gpu $(CUDA_CHECK)

gpu-check: $(STAMP) ## predicted memory of a GPU beside what it takes, for all specs; needs CUDA and was never run
	$(BIN)/python -m tests.bench.gpu_check $(GPU_CHECK)

docs: $(STAMP) ## writes the generated pages, the outputs that pages show, and the pictures
	$(BIN)/python -m docs.generate --pictures
	UPDATE_GOLDEN=1 $(BIN)/python -m pytest -q tests/architecture/test_docs.py

clean: ## removes what the other targets made
	rm -rf $(VENV) build dist htmlcov .coverage .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(STAMP): pyproject.toml constraints.txt
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || { \
	  test -n "$(PYTHON)" || { \
	    echo "archdsl needs Python 3.11 or newer on PATH (or say: make PYTHON=/path/to/python3.11)"; exit 1; }; \
	  $(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	    echo "$(PYTHON) cannot make virtual environments (Debian and Ubuntu: apt install python3-venv)"; exit 1; }; \
	  $(PYTHON) -m venv --clear $(VENV); }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[torch,draw,dev]'
	@touch $@
