# The two commands of the README, and a few for developers. Everything lives in .venv.
PYTHON ?= python3
CORES ?= all
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --require-virtualenv

.PHONY: demo test engines remote condor slurm fit ml profiles resume bench bench-cluster schema lint clean

demo: .venv/run.stamp  ## run the workflow end to end on the embedded toy data
	$(BIN)/snakemake --cores $(CORES)
	@cat results/demo/summary.txt
	@echo
	@echo "figures: results/demo/plots/   report: results/demo/report.html"

test: .venv/dev.stamp  ## pass the tests (PYTEST="-k name" for some of them)
	$(BIN)/python -m pytest -m "not real and not engine" $(PYTEST)

engines: .venv/dev.stamp  ## start HTCondor, Slurm and XRootD here, as far as they can be had, and pass the tests on them
	$(BIN)/python -m pytest -m engine $(PYTEST)

# remote: the clients that read root:// and https:// URLs; condor, slurm: what --profile condor and --profile slurm need;
# fit: pyhf and cabinetry; ml: the trigger emulator.
remote condor slurm fit ml: .venv/run.stamp
	$(PIP) --require-hashes -r envs/$@.txt

profiles: .venv/run.stamp  ## make --profile condor, slurm, … known in every folder of this user
	@folder="$$($(BIN)/python -c 'from snakemake.cli import get_appdirs; print(get_appdirs().user_config_dir)')"; \
	mkdir -p "$$folder"; \
	for name in condor condor-transfer lxplus slurm; do \
	    if [ -e "$$folder/$$name" ] && [ ! -L "$$folder/$$name" ]; then \
	        echo "left alone: $$folder/$$name is your own profile"; \
	    else ln -sfn "$(CURDIR)/profiles/$$name" "$$folder/$$name" && echo "$$folder/$$name"; fi; \
	done

resume: .venv/run.stamp  ## after a killed run: cancel its jobs on the cluster, unlock, go on with the same command
	$(BIN)/python -m skimflow.resume $(ARGS)

# BENCH holds options of benchmarks/skim.py; the others know --quick.
bench: .venv/dev.stamp  ## time and memory of a skim, also remote, a dry run, the whole workflow (BENCH=--quick: a short look)
	$(BIN)/python benchmarks/skim.py $(BENCH)
	$(BIN)/python -m benchmarks.remote $(filter --quick,$(BENCH))
	$(BIN)/python benchmarks/dry_run.py $(filter --quick,$(BENCH))
	$(BIN)/python benchmarks/workflow.py $(filter --quick,$(BENCH))

bench-cluster: .venv/dev.stamp condor slurm  ## what a job costs on pools of this machine (BENCH=--quick, --real)
	$(BIN)/python -m benchmarks.cluster --engine condor $(BENCH)
	$(BIN)/python -m benchmarks.cluster --engine slurm $(BENCH)
	$(BIN)/python benchmarks/scale.py

schema: .venv/run.stamp  ## write config/**/schema.json and config/README.md from the models
	$(BIN)/python -m skimflow.config

lint: .venv/dev.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/python .ci/lint_workflow.py
	$(BIN)/lint-imports

clean:  ## remove what runs made; .venv stays
	rm -rf results logs .snakemake

.venv/bin/python:
	$(PYTHON) -c 'import sys; sys.exit("error: skimflow needs Python 3.11 or newer, this is " + sys.version.split()[0] + "; say which with make PYTHON=python3.12") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv .venv

.venv/run.stamp: envs/requirements.txt pyproject.toml | .venv/bin/python
	@echo "setting up .venv (once)"
	$(PIP) --require-hashes -r envs/requirements.txt
	$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

.venv/dev.stamp: envs/dev.txt .venv/run.stamp
	$(PIP) --require-hashes -r envs/dev.txt
	@touch $@
