# make demo: install and run a complete miniature study.   make test: install and pass the tests.
PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed
# tests/conftest.py sets the number of processes and the order of files. The tests of a file share its fixtures,
# so they stay in one process; by itself, pytest-xdist would start long files with few tests last.
ON_ALL_CORES := -n auto --dist loadfile --no-loadscope-reorder
# Bytecode is kept even where the environment says otherwise: tests start many processes.
test test-slow: export PYTHONDONTWRITEBYTECODE =

.PHONY: demo test test-slow test-wheel test-networks fuzz kills mutants lint clean

demo: $(INSTALLED)
	$(BIN)/alignhouse demo

test: $(INSTALLED)
	$(BIN)/python -m pytest $(ON_ALL_CORES)

test-slow: $(INSTALLED)
	$(BIN)/python -m pytest $(ON_ALL_CORES) -m "not networks"

# The wheel in an empty environment, with its base dependencies only.
test-wheel: $(INSTALLED)
	$(BIN)/python -m pytest tests/packaging -m slow

# All 99 networks, built and shown short clips, one process each.
test-networks: $(INSTALLED)
	$(BIN)/python -m pytest tests/networks -m networks

fuzz: $(INSTALLED)
	$(BIN)/python tests/ingest/datasets/bmd/fuzz_pickles.py --cases 100000

# Every command is killed at many moments, repeated, and compared with an undisturbed study.
kills: $(INSTALLED)
	PYTHONPATH= $(BIN)/python tests/kills/run.py --kills 200

# Mutation testing: hours for all modules of tests/mutants/modules.toml. One module, or a sample of each:
# make mutants MODULE=warehouse/batches.py SAMPLE=40
mutants: $(INSTALLED)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[mutants]"
	PYTHONPATH= $(BIN)/python tests/mutants/run.py $(if $(SAMPLE),--sample $(SAMPLE)) $(MODULE)

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/sqlfluff lint sql
	$(BIN)/vulture

# One command so that the resolver sees torch's pin together with what needs it.
$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "alignhouse needs Python 3.11 or newer, found " + sys.version.split()[0] + "; name one with: make demo PYTHON=python3.12")'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[networks,download,test]"
	touch $@

clean:
	rm -rf .venv .mutants demo.alignhouse demo-data demo-report
