# make demo: install and run a complete miniature study.   make test: install and pass the tests.
PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed
INSTALL := $(BIN)/python -m pip install --quiet
HAS_LOCK := import platform, sys; sys.exit(not ((sys.platform, platform.machine()) == ("linux", "x86_64") and sys.version_info < (3, 14)))
# tests/conftest.py sets the number of processes and the order of files. The tests of a file share its fixtures,
# so they stay in one process; by itself, pytest-xdist would start long files with few tests last.
ON_ALL_CORES := -n auto --dist loadfile --no-loadscope-reorder
# Bytecode is kept even where the environment says otherwise: tests start many processes.
test test-slow: export PYTHONDONTWRITEBYTECODE =

.PHONY: demo test test-slow test-wheel test-networks test-slurm test-spark fuzz kills mutants lint lock clean

demo: $(INSTALLED)
	$(BIN)/alignhouse demo

test: $(INSTALLED)
	$(BIN)/python -m pytest $(ON_ALL_CORES)

test-slow: $(INSTALLED)
	$(BIN)/python -m pytest $(ON_ALL_CORES) -m "not networks"

# The wheel in an empty environment, with its base dependencies only; and the dependencies for ARM machines.
test-wheel: $(INSTALLED)
	$(BIN)/python -m pytest tests/packaging -m slow

# All networks of both catalogs, built and shown short clips, one process each.
test-networks: $(INSTALLED)
	$(BIN)/python -m pytest tests/networks -m networks

# A small study through a real SLURM of one node, which is installed (Debian, as root) if it is missing.
test-slurm: $(INSTALLED)
	PYTHONPATH= $(BIN)/python tests/slurm/run.py

# The Parquet files of a small warehouse, read with PySpark in local mode; installs Java (Debian, as root) if it is missing.
test-spark: $(INSTALLED)
	$(INSTALL) --constraint constraints.txt --editable ".[spark]"
	PYTHONPATH= $(BIN)/python tests/spark/run.py

fuzz: $(INSTALLED)
	$(BIN)/python tests/ingest/datasets/bmd/fuzz_pickles.py --cases 100000

# Every command is killed at many moments, repeated, and compared with an undisturbed study.
kills: $(INSTALLED)
	PYTHONPATH= $(BIN)/python tests/kills/run.py --kills 200 --cluster 60

# Mutation testing: hours for all modules of tests/mutants/modules.toml. One module, or a sample of each:
# make mutants MODULE=warehouse/batches.py SAMPLE=40
mutants: $(INSTALLED)
	$(INSTALL) --constraint constraints.txt --editable ".[mutants]"
	PYTHONPATH= $(BIN)/python tests/mutants/run.py $(if $(SAMPLE),--sample $(SAMPLE)) $(MODULE)

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/sqlfluff lint sql
	$(BIN)/vulture

# Three steps: what requirements.lock pins, compared with its hashes; torch, whose file depends on the machine; the
# package itself, built by the hatchling of the lock. On a platform without a lock, one command, so that the resolver
# sees torch's pin together with what needs it.
$(INSTALLED): pyproject.toml constraints.txt requirements.lock
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "alignhouse needs Python 3.11 or newer, found " + sys.version.split()[0] + "; name one with: make demo PYTHON=python3.12")'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	if $(BIN)/python -c '$(HAS_LOCK)'; then \
	    $(INSTALL) --require-hashes --only-binary :all: --no-deps --requirement requirements.lock && \
	    $(INSTALL) --constraint constraints.txt torch && \
	    $(INSTALL) --no-deps --no-build-isolation --editable .; \
	else \
	    echo "requirements.lock is for Python 3.11 to 3.13 on Linux x86-64: installing the versions of constraints.txt, hashes not compared" >&2; \
	    $(INSTALL) --constraint constraints.txt --editable ".[networks,download,test]"; \
	fi
	touch $@

# After a change of pyproject.toml or constraints.txt, whose pins it takes; its options are in pyproject.toml.
lock:
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(INSTALL) --constraint constraints.txt uv
	$(BIN)/uv pip compile --quiet pyproject.toml --constraint constraints.txt --output-file requirements.lock

clean:
	rm -rf .venv .mutants demo.alignhouse demo-data demo-report
