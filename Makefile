# Two commands for a newcomer: `make demo` and `make test`. They need Python 3.11 and make.
PYTHON ?= python3
VENV := .venv
SCAN := .venv-scan
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

export HF_HUB_OFFLINE := 1

.PHONY: demo test quick check scan format constraints migration clean

demo: $(VENV)/.worker  ## make one clip through the whole chain and show where it lies
	$(BIN)/telecine generate "a red circle moves right on a blue background" -o demo.mp4 --seed 7
	@echo "To keep a server running:  $(BIN)/telecine up"
	@echo "Then, in another terminal: $(BIN)/telecine generate 'a green star' -o star.mp4 --server http://127.0.0.1:8000"

ALONE := tests/end_to_end tests/helm/test_release.py tests/telecine_serve/test_halt.py

test: $(VENV)/.dev  ## every test; installs PostgreSQL and nginx first where it may
	tests/install-debian-packages
	$(BIN)/python -m pytest $(ALONE)
	$(BIN)/python -m pytest -n 2 --dist loadfile $(addprefix --ignore=,$(ALONE))

quick: $(VENV)/.dev  ## the tests that start no processes
	$(BIN)/python -m pytest -m "not slow"

check: $(VENV)/.dev  ## format, lint, types, import rules
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

scan: $(SCAN)/.done $(VENV)/.dev  ## policy checks by checkov, in an environment of its own
	$(BIN)/python -m tests.helm.policy_scan
	cd terraform && $(abspath $(SCAN))/bin/checkov --config-file .checkov.yaml -d .

$(SCAN)/.done:
	$(PYTHON) -m venv $(SCAN)
	$(SCAN)/bin/python -m pip install --quiet --disable-pip-version-check checkov==3.3.30
	@touch $@

format: $(VENV)/.dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Telecine needs Python 3.11 or newer: make PYTHON=python3.11 ...")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.worker: pyproject.toml constraints.txt | $(VENV)/bin/python
	@echo "Installing what a worker needs (torch, Ray, DeepSpeed: some minutes the first time)"
	$(PIP) -e '.[worker]'
	@touch $@

$(VENV)/.dev: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(PIP) -e '.[worker,kubernetes,dev]'
	@touch $(VENV)/.worker $@

constraints: pyproject.toml  ## pin everything anew (needs uv)
	echo 'torch==2.13.0' | uv pip compile pyproject.toml --all-extras --python-version 3.11 \
		--python-platform linux --no-header --no-annotate --constraint - -o constraints.txt

migration: $(VENV)/.dev  ## draft the next step of the schema: make migration NAME="keep prices"
	$(BIN)/python -m telecine_platform.migrations.new_step $(NAME)

clean:
	rm -rf $(VENV) telecine-data demo.mp4
