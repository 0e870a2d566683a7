# The two commands of the README are `make demo` and `make test`; both start with `make setup`.

PYTHON ?= python3
VENV := .venv
STAMP := $(VENV)/.installed

# Debian packages that tests need (programs, not Python packages): Verilator builds its models
# with the first three, Icarus is the second simulator, ccache spares repeated builds, Chromium
# renders the report, ngspice solves the wires again.
SYSTEM_PACKAGES := g++ make perl iverilog ccache chromium ngspice

# Tests that also run with Numba's compiler off: the kernels as plain Python (coverage, debugging).
INTERPRETED := $(addprefix tests/hwsim/test_,$(addsuffix .py, \
	chain columns disturbances exact fluctuation requantizer rng tile))

.PHONY: setup torch demo test lint rtl-lint rtl-proofs rtl-mutations rtl-synth types readme validation docs \
	docs-outputs clean

setup: $(STAMP)

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "make: $(PYTHON) must be Python 3.11 or newer (set PYTHON=...)" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null \
	  || .ci/system-packages python3-venv
	$(PYTHON) -m venv $(VENV)

$(STAMP): pyproject.toml | $(VENV)/bin/python
	@.ci/system-packages $(SYSTEM_PACKAGES)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $@

# The optional extra of `hwsim train`.
torch: setup
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -e '.[torch]'

demo: setup
	$(VENV)/bin/hwsim demo --out out/demo

test: setup
	NUMBA_DISABLE_JIT=1 $(VENV)/bin/python -m pytest -m "not slow and not compiled" $(wildcard $(INTERPRETED))
	$(VENV)/bin/python -m pytest

lint: setup
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .

rtl-lint: setup
	$(VENV)/bin/python -m pytest -q tests/test_rtl_style.py tests/hwsim/test_cosim_contract.py

rtl-proofs: setup
	$(VENV)/bin/python -m hwsim.cosim.proofs --write docs/rtl/proofs.md

rtl-mutations: setup
	$(VENV)/bin/python -m hwsim.cosim.mutation --write docs/rtl/mutations.md

rtl-synth: setup
	$(VENV)/bin/python -m hwsim.cosim.synthesis --write
	$(VENV)/bin/python -m codesign.rtl_energy --write

types: setup
	$(VENV)/bin/mypy

readme: setup
	$(VENV)/bin/python -m codesign.demo.readme

validation: setup
	$(VENV)/bin/hwsim validation --out docs/validation.md

# The site, in out/site; a warning is an error.
docs: setup
	NO_MKDOCS_2_WARNING=1 $(VENV)/bin/mkdocs build --quiet --strict

# What commands print, written into the pages that show it: look at the difference.
docs-outputs: setup
	-HWSIM_UPDATE_PAGES=1 $(VENV)/bin/python -m pytest -q --no-header --tb=no tests/test_docs_commands.py
	$(VENV)/bin/python -m pytest -q tests/test_docs_commands.py

clean:
	rm -rf $(VENV) out build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
