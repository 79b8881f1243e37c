# The course's commands. `make help` lists them.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/$(if $(filter Windows_NT,$(OS)),Scripts,bin)
READY  := $(VENV)/.ready

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help book test lint check lab corpus recording export lock clean

help:  ## list these targets
	@echo "make book       set up, run every chapter on the real corpus, render the book"
	@echo "make test       set up and pass every test (builds the book too)"
	@echo "make lint       check names, form and types (ruff, mypy)"
	@echo "make check      pass the chapters' tests alone"
	@echo "make lab        open the chapters in JupyterLab"
	@echo "make corpus     get the plays and check every byte"
	@echo "make export     write feste/ from the notebooks, and clean their outputs"
	@echo "make recording  train the recorded models again and replace data/recordings"
	@echo "make lock       pin requirements.txt anew (needs uv)"
	@echo "make clean      remove the book and its execution cache"

$(READY): requirements.txt requirements-corpus.txt pyproject.toml
	@$(PYTHON) -c "import sys; sys.exit(0 if sys.version_info >= (3, 11) else 'Feste needs Python 3.11 or later; this is ' + sys.version.split()[0] + '. Try: make PYTHON=python3.12')"
	$(PYTHON) -m venv $(VENV)
	@echo "Installing into $(VENV): a minute or two the first time."
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements-corpus.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@$(PYTHON) -c "import pathlib; pathlib.Path('$(READY)').touch()"

corpus: $(READY)
	$(BIN)/feste data

book: corpus
	$(BIN)/python book/build.py

test: lint book check
	$(BIN)/python -m pytest tests

lint: $(READY)
	@echo "ruff: names, likely bugs, form, in the package, the chapters, tests and benchmarks"
	$(BIN)/ruff check
	@echo "mypy: types, in the package and in a user's script"
	$(BIN)/mypy

# With more, the two workers' threads would fight.
check: export OPENBLAS_NUM_THREADS := 1
check: corpus
	$(BIN)/nbdev_test --n_workers 2 --do_print

# Small products are twice as fast on one thread of BLAS.
lab: export OPENBLAS_NUM_THREADS ?= 1
lab: corpus
	$(BIN)/jupyter lab nbs

export: $(READY)
	$(BIN)/nbdev_export
	$(BIN)/nbdev_clean
	@$(BIN)/python -m pytest -q tests/test_repository.py -k cells_fit || echo "Exported. The cells above do not fit the book's page: split them, or break their lines."

recording: corpus
	$(BIN)/python -c "import shutil; shutil.rmtree('data/runs/recording', ignore_errors=True)"
	$(BIN)/feste train data/runs/recording/tiny --preset tiny --exact
	$(BIN)/feste record data/runs/recording/tiny data/recordings/tiny --replace
	$(BIN)/feste train data/runs/recording/four-heads --preset tiny --heads 4 --steps 4000 --exact
	$(BIN)/feste record data/runs/recording/four-heads data/recordings/four-heads --replace

lock:
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --custom-compile-command "make lock" --extra tools -o requirements.txt pyproject.toml

clean:
	$(PYTHON) -c "import shutil; shutil.rmtree('book/_build', ignore_errors=True)"
