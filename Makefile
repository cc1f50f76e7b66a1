# `make demo` and `make test` set up .venv on the first call and reuse it afterwards.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
OPENCV4 := .venv-caffe
# Two processes, each with whole files of tests, so that what a file's tests share is made once; the files in the order
# of tests/conftest.py. PyTorch gets one thread in each: its threads wait by turning round, which costs more than they
# bring when processes share the cores.
SIDE_BY_SIDE := -n 2 --dist loadfile --no-loadscope-reorder
# What runs at the same time prints when it is done, where make can do that.
IN_TURN := $(if $(filter output-sync,$(.FEATURES)),--output-sync)

# pip, or with make UV=uv the program of that name, which takes a third of its time but does not read its settings.
# Python compiles a module when it is imported first, and keeps that; pip would compile all of them, most of which nobody
# imports.
UV :=
install = $(if $(UV),$(UV) pip install --quiet --python $(1)/python,$(1)/python -m pip install --quiet --no-compile)
unexport PYTHONDONTWRITEBYTECODE

# Whole files, because finding the marked tests among all takes longer than they do.
TIMED := $(shell grep -rl "mark\.timed" tests --include "test_*.py")

.PHONY: demo reference test test-torch test-tf test-fast test-caffe test-cuda lint coverage clean

demo: $(VENV)/.all
	$(BIN)/svhn remove-digits samples/*.png --output-dir demo-out --save-masks
	@echo "Before: samples/   After: demo-out/   Masks (white = changed): demo-out/masks/"

# Every picture and table of docs/reference.md, from real data where they are.
reference: $(VENV)/.all
	$(BIN)/python -m benchmarks.make_reference

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# All at once, so that no core waits for the last test of a part; then alone what has a time limit.
test: $(VENV)/.test
	$(MAKE) --jobs=3 $(IN_TURN) lint test-torch test-tf
	$(BIN)/python -m pytest $(TIMED) -m timed

test-torch: $(VENV)/.test
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest tests --ignore tests/tf_models -m "not timed" $(SIDE_BY_SIDE)

# In another process, because TensorFlow and PyTorch do not share one; and in one only, because importing and starting
# TensorFlow and the runs that its tests share take a fifth of the time. One thread for an operation takes an eighth less of
# the processor's time: the arrays are small, and PyTorch's tests need the other core.
test-tf: $(VENV)/.test
	TF_NUM_INTRAOP_THREADS=1 $(BIN)/python -m pytest tests/tf_models

# What to run while working: no trainings, no jobs of many processes, no real photos, and nothing of TensorFlow.
test-fast: lint
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest tests --ignore tests/tf_models -m "not (slow or svhn or timed or ray)" $(SIDE_BY_SIDE)

# OpenCV 5 has no Caffe importer: the last series that has one checks our Caffe files, in an environment of its own.
test-caffe: $(VENV)/.test $(OPENCV4)/.ready
	$(BIN)/python -m pytest tests/tf_models/export/test_caffe_opencv.py

# The tests that need a GPU, in a Python that has a CUDA build of PyTorch (.venv has the CPU build): make test-cuda PYTHON=...
test-cuda:
	$(PYTHON) -m pytest tests --ignore tests/tf_models -m cuda -rs

# Which lines the tests run: a table per module, the whole in the last line. Twice as long as make test.
coverage: $(VENV)/.test
	$(BIN)/coverage erase
	OMP_NUM_THREADS=1 $(BIN)/coverage run -m pytest tests --ignore tests/tf_models -m "not timed" $(SIDE_BY_SIDE)
	$(BIN)/coverage run -m pytest tests/tf_models
	-$(BIN)/coverage combine --quiet  # tests kill processes, and what these leave is no data
	$(BIN)/coverage report --skip-covered --sort=cover

$(OPENCV4)/.ready: tests/tf_models/export/opencv4.txt
	$(PYTHON) -m venv $(OPENCV4)
	$(call install,$(OPENCV4)/bin) -r $<
	@touch $@

# .venv/.all and .venv/.test: an extra of pyproject.toml is installed.
$(VENV)/.%: $(BIN)/python pyproject.toml constraints.txt
	$(call install,$(BIN)) -c constraints.txt -e '.[$*]'
	@touch $@

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
		{ echo "Python 3.10 or newer is needed: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv $(VENV)

clean:
	rm -rf $(VENV) $(OPENCV4) .uv demo-out build .mypy_cache .pytest_cache .ruff_cache
