# `make run` and `make test` need Python 3.11 or newer, pip and make, and nothing else.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
OUTPUT := results
EPOCHS := 2
EXECUTE := $(BIN)/jupyter nbconvert --log-level=ERROR --to notebook --execute --ExecutePreprocessor.record_timing=False

# Tests of a few kinds of fault: files, interruption, two campaigns, workers.
SAMPLE := damaged_run_files or (missing_tables and empty) or epoch_that_it_kept or (keeps_what_is_finished and Ctrl) or both_go_on \
	or (under_way_alone and launcher)

.PHONY: run test test-faults test-faults-sample test-cluster figures notebook lint clean

# A small campaign on the embedded digits, its report and figures, and the executed notebook. --report draws both at once.
run: $(VENV)/installed
	NNET_NO_REPORT=1 $(BIN)/python run_experiments.py --dataset digits --epochs $(EPOCHS) --batch-size 48 --noise-samples 2 --output-dir $(OUTPUT)
	$(BIN)/python run_experiments.py --dataset digits --output-dir $(OUTPUT) --report
	NNET_DATASET=digits NNET_RESULTS_DIR=$(OUTPUT) $(EXECUTE) --output-dir $(OUTPUT)/digits analysis.ipynb
	@echo "report: $(OUTPUT)/digits/report.html   figure: $(OUTPUT)/digits/figures/accuracy.png   executed notebook: $(OUTPUT)/digits/analysis.ipynb"

# Everything but the two below, on two cores.
test: $(VENV)/installed
	$(BIN)/python -m pytest -n 2 --dist worksteal -m "not long and not cluster"

# What can happen to a campaign in hours, done to real ones, which use both cores: a quarter of an hour.
# CI runs the sample only.
test-faults: $(VENV)/installed
	$(BIN)/python -m pytest -m long

test-faults-sample: $(VENV)/installed
	$(BIN)/python -m pytest -m long -k "$(SAMPLE)"

# Campaigns through real schedulers: Dask, Slurm (installed where apt-get can), and a stand-in for LSF's bsub.
test-cluster: $(VENV)/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-cluster.txt
	@PATH=$$PATH:/usr/sbin command -v slurmctld > /dev/null || \
		DEBIAN_FRONTEND=noninteractive timeout 180 apt-get install -y --no-install-recommends slurm-wlm munge > /dev/null || \
		echo "Slurm cannot be installed here (apt-get install slurm-wlm munge): its tests are skipped"
	$(BIN)/python -m pytest -m cluster
	$(BIN)/python -m pytest tests/campaign/engines/test_engines.py -k dask

# PNG, PDF, SVG and caption of every figure, of every dataset that has results.
figures: $(VENV)/installed
	$(BIN)/python -m campaign.analysis.figures --output-dir $(OUTPUT)

# The notebook as it is committed: executed on the campaign in results/mnist.
notebook: $(VENV)/installed
	NNET_DATASET=mnist $(EXECUTE) --inplace analysis.ipynb

lint: $(VENV)/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy nnet campaign nnet_models.py run_experiments.py

clean:
	rm -rf $(VENV) .pytest_cache .ruff_cache .mypy_cache

$(VENV)/installed: requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed; name one with make PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@
