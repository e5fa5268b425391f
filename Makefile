# Two commands do everything: `make run` and `make test`. Both set up .venv first.

PYTHON ?= python3
BIN := .venv/bin
CORES ?= all
DATA ?= ixi
KILLS ?= 2
# pathvars.results, where it stands on a line of its own
RESULTS = $(or $(shell sed -n 's/^  results: *\([^ ]*\).*/\1/p' config.yaml),results)
SMOKE := --configfile presets/smoke.yaml
NIFTYREG := niftyreg==1.5.70rc1

.PHONY: help run demo reproduce figures data bench bench-speed config test test-chaos test-slurm test-conda lint setup lock clean

help:
	@echo "make run      the main job: the simulated cohort of config.yaml, five folds, the report"
	@echo "make demo     every stage once, small: results/smoke"
	@echo "make reproduce  the main job anew in results/reproduced, and its tables against benchmarks/reference"
	@echo "make figures  figures and tables' pictures anew"
	@echo "make data     DATA=ixi (9 GB), DATA=rire (0.4 GB) or DATA=dicom (your own files) to data/: goes on where it was cut off"
	@echo "make bench    presets/bench.yaml, all methods and arms: hours; goes on where it was stopped"
	@echo "make bench-speed  seconds and memory of registering one pair, with other programs: benchmarks/registration_speed.csv"
	@echo "make test     lint and the whole test suite"
	@echo "make test-chaos   a small run killed at KILLS random moments ends in the same tables as one that was not"
	@echo "make test-slurm   the smoke preset through profiles/slurm on a SLURM of its own (root: installs Debian's packages)"
	@echo "make test-conda   the smoke preset with --use-conda and a stand-in for conda: are the environments complete?"
	@echo "make lint     lint and types alone"
	@echo "make config   the configuration's files anew from the typed models, and the documentation's tables"
	@echo "make setup    .venv with everything pinned, NiftyReg included"
	@echo "make lock     requirements.txt anew from requirements.in"
	@echo "Afterwards: .venv/bin/snakemake --cores N works by hand."

run: setup
	@$(BIN)/snakemake --cores $(CORES) --logger ganreg --report $(RESULTS)/report.zip --report-after-run
	@$(BIN)/python workflow/scripts/print_headline.py --results $(RESULTS)

demo: setup
	@$(BIN)/snakemake $(SMOKE) --cores $(CORES) --logger ganreg
	@$(BIN)/python workflow/scripts/print_headline.py --results results/smoke

reproduce: setup
	@test -f benchmarks/reference/table1.csv || { echo "error: benchmarks/reference: expected the tables of a run to compare with, found none (benchmarks/store_results.py keeps them)" >&2; exit 1; }
	@$(BIN)/snakemake --cores $(CORES) --logger ganreg --config pathvars='{"results": "results/reproduced"}'
	@$(BIN)/python workflow/scripts/compare_tables.py --results results/reproduced --reference benchmarks/reference

figures: setup
	@$(BIN)/snakemake --cores $(CORES) --logger ganreg -- figures tables

data: setup
	@echo "Progress: tail -F results/logs/get_$(DATA).log"
	@$(BIN)/snakemake --cores $(CORES) --logger ganreg --config dataset=embedded external='{"dataset": "simulated"}' -- get_$(DATA)

bench: setup
	@$(BIN)/snakemake --configfile presets/bench.yaml --cores $(CORES) --logger ganreg
	@$(BIN)/python workflow/scripts/print_headline.py --results results/bench

bench-speed: setup
	@$(BIN)/python benchmarks/registration_speed.py

config: setup
	@$(BIN)/python workflow/scripts/write_configuration.py

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check .
	$(BIN)/mypy
	$(BIN)/snakemake --lint

# unit tests and the docstrings' examples side by side, with coverage; then those that run the workflow on all cores
test: lint
	$(BIN)/pytest -n auto --cov --doctest-modules workflow/ganreg tests/unit
	$(BIN)/pytest tests/workflow tests/end_to_end

test-chaos: setup
	@$(BIN)/python tests/chaos/kill.py --kills $(KILLS)

test-slurm: setup
	@tests/slurm/install.sh
	$(BIN)/pytest -rP tests/slurm

test-conda: setup
	$(BIN)/pytest tests/conda

setup: .venv/.complete .venv/.niftyreg

.venv/.complete: requirements.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(0 if (3, 11) <= v < (3, 14) else "error: Python: expected 3.11 to 3.13 (make PYTHON=python3.11), found %d.%d" % v[:2])'
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "error: Python: expected the modules venv and ensurepip, found none: install the package python3-venv" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

# NiftyReg is built from source with the pinned cmake and ninja; without a compiler everything else still runs.
.venv/.niftyreg: .venv/.complete
	@if command -v c++ >/dev/null; then \
		echo "Building NiftyReg (about 2 minutes, once) ..."; \
		PATH="$(CURDIR)/$(BIN):$$PATH" CMAKE_POLICY_VERSION_MINIMUM=3.5 CMAKE_BUILD_PARALLEL_LEVEL=4 \
		$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation $(NIFTYREG) > .venv/niftyreg.log 2>&1 \
		&& touch $@ || echo "warning: NiftyReg: the build failed (.venv/niftyreg.log): its methods are left out"; \
	else \
		echo "warning: NiftyReg: expected a C++ compiler, found none: its methods are left out (install the package g++, then make setup)"; \
	fi

lock:
	rm -rf .venv-lock && $(PYTHON) -m venv .venv-lock
	.venv-lock/bin/pip install --quiet --disable-pip-version-check -r requirements.in
	@{ echo "# Made by \`make lock\` from requirements.in."; .venv-lock/bin/pip freeze --all --exclude pip | sed 's/+cpu$$//'; } > requirements.txt
	rm -rf .venv-lock

clean:
	rm -rf results/* .snakemake
	git checkout -- results
