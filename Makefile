# Everything runs in .venv, made here from the pinned versions in constraints.txt.
PYTHON ?= python3
LOWEST_PYTHON ?= python3.11
BIN := .venv/bin
# One BLAS thread a process: parallelism comes from processes, and results do not depend on the cores.
export OMP_NUM_THREADS := 1
export OPENBLAS_NUM_THREADS := 1
export MKL_NUM_THREADS := 1

.PHONY: bench test test-slow test-faults test-lowest lint reference clean

bench: .venv/bench.stamp ## Tune a network on real MNIST with every searcher and write the report.
	$(BIN)/python -m benchmarks mnist

test: .venv/test.stamp ## The fast tests, the types and the style.
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q -n 2

test-slow: .venv/test.stamp ## The slow matrix of tests.
	$(BIN)/python -m pytest -q -n 2 -m slow

test-faults: .venv/test.stamp ## Kills, full disks, damaged files; HPO_FAULTS_SCALE=0.05 tries a twentieth.
	$(BIN)/python -m pytest -q -n 2 -m faults tests/faults

test-lowest: .venv-lowest/test.stamp ## The fast tests with the lowest versions that pyproject.toml allows.
	.venv-lowest/bin/python -m pytest -q -n 2

lint: .venv/test.stamp
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

reference: .venv/test.stamp ## Pages of all public names, in docs/reference.
	$(BIN)/python -m docs.reference docs/reference

clean:
	rm -rf .venv .venv-lowest build docs/reference *.egg-info

.venv/pip.stamp:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "hpo needs Python 3.11 or newer; set PYTHON=/path/to/python3")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -q --disable-pip-version-check --upgrade pip
	touch $@

.venv/bench.stamp: .venv/pip.stamp pyproject.toml constraints.txt
	$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e '.[optuna,report]'
	touch $@

.venv/test.stamp: .venv/pip.stamp pyproject.toml constraints.txt
	$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e '.[optuna,report,tables,bbob,postgresql,sqlite,dask,dev]'
	touch $@

# On Python 3.11: the lowest versions have no wheels for the newest one.
.venv-lowest/test.stamp: pyproject.toml constraints-lowest.txt
	$(LOWEST_PYTHON) -m venv --clear .venv-lowest
	.venv-lowest/bin/python -m pip install -q --disable-pip-version-check -c constraints-lowest.txt \
		-e '.[optuna,report,tables,postgresql,sqlite,dask]' pytest pytest-xdist hypothesis
	touch $@
