# What can be made here; `make help` lists it.
PYTHON ?= python3
STUDY ?= demo
DEVICE ?= auto
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
.DEFAULT_GOAL := help
.PHONY: help demo aggregate report benchmark test check clean

help: ## This list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1\t\2/' | expand -t 22

demo: $(VENV)/.installed ## Set up and run the study `demo` on the embedded model, then make its heatmaps and report
	$(BIN)/python -m pcsweep experiment=demo
	$(BIN)/python -m pcsweep.report study=demo

aggregate: $(VENV)/.installed ## Tables and heatmaps of a study: make aggregate STUDY=demo
	$(BIN)/python -m pcsweep.aggregate study=$(STUDY)

report: $(VENV)/.installed ## The same and one HTML page of a study: make report STUDY=demo
	$(BIN)/python -m pcsweep.report study=$(STUDY)

benchmark: $(VENV)/.installed ## Speed and memory beside an eager transcription of predify: about 40 minutes on two idle cores; DEVICE=cuda on a GPU
	$(BIN)/python benchmarks/speed.py --growth --memory --profile --device $(DEVICE)
	$(BIN)/python benchmarks/layers.py

test: $(VENV)/.installed-dev ## Set up and run all tests
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 3 --dist worksteal

check: $(VENV)/.installed-dev ## Style, types, layers and tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 3 --dist worksteal

clean: ## Remove the virtual environment and caches; studies in outputs/ stay
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(VENV)/.installed: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) install -c constraints.txt -e .
	touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(PIP) install -c constraints.txt -e '.[dev]'
	touch $@
