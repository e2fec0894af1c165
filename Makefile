# Everything a newcomer, a maintainer or a build machine runs, each in one word.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

# The first supported Python that can make a virtual environment: the oldest, because a test
# takes the suite's core to 3.13 by itself.
PYTHON ?= $(shell for python in python3.11 python3.12 python3.13 python3; do \
	"$$python" -c 'import ensurepip, sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' \
		2>/dev/null && echo "$$python" && break; done)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

# `make test PYTEST_ARGS="-k alarm"`
PYTEST_ARGS ?=
FUZZ_SECONDS ?= 600
# power cuts, kills, disk faults
N ?= 200
MODEL := firmware-models/bearing-bands
# simulated machines that the model is made of, one seed each
MACHINES := 40

.PHONY: help
help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 22

.PHONY: demo
demo: $(VENV)/.installed-demo  ## two minutes: a machine learned, a fault noticed, a link cut, nothing lost
	$(BIN)/python -m simulators demo

.PHONY: test
test: programs check  ## everything: static checks, then the tests with branch coverage
	$(BIN)/python -m pytest --cov --cov-report=term $(PYTEST_ARGS)

.PHONY: check
check: $(VENV)/.installed-dev  ## static checks only: ruff, mypy, who may import whom
	$(BIN)/ruff check .
	$(BIN)/mypy
	PYTHONPATH=. $(BIN)/lint-imports --no-logo

.PHONY: bench
bench: $(VENV)/.installed-dev  ## the benchmarks: recorded machines (WATCHKEEPER_DATA=folder), the cost of each stage
	$(BIN)/python -m tests.bench.skab
	$(BIN)/python -m tests.bench.femto
	$(BIN)/python -m tests.bench.ims
	$(BIN)/python -m tests.bench.nab
	$(BIN)/python -m tests.bench.cmapss
	$(BIN)/python -m tests.bench.path
	$(BIN)/python -m tests.bench.collector
	$(BIN)/python -m tests.bench.bandwidth

.PHONY: trial
trial: $(VENV)/.installed-dev  ## a month of twenty simulated machines: false alarms, faults, broken sensors (15 minutes)
	$(BIN)/python -m tests.bench.simulated

.PHONY: powercut
powercut: $(VENV)/.installed-dev  ## power cuts on an ext4 of its own, under load (as root; N=200)
	$(BIN)/python -m tests.endurance.powercut --cuts $(N)

.PHONY: diskfaults
diskfaults: $(VENV)/.installed-dev programs  ## N=200 disks full, read-only, broken, hanging, corrupt under a daemon at work (as root)
	$(BIN)/python -m tests.endurance.diskfaults --faults $(or $(N),200)

.PHONY: kill
kill: $(VENV)/.installed-dev programs  ## N=200 SIGKILLs of daemon, brokers and collector; every alarm and summary exactly once
	$(BIN)/python -m tests.endurance.kill --kills $(or $(N),200)

.PHONY: soak
soak: $(VENV)/.installed-dev programs  ## MINUTES=30 of 200 messages a second with links cut every minute: memory must stay flat
	$(BIN)/python -m tests.endurance.soak --minutes $(or $(MINUTES),30)

.PHONY: models
models: build/machines .venv-train/.installed-train  ## make the shipped model anew from its recipe (1.6 GB of tensorflow)
	.venv-train/bin/python -m agent.training $(MODEL)/recipe.toml --data $< --output $(MODEL)

.PHONY: models-check
models-check: build/machines .venv-train/.installed-train  ## make the shipped model anew and hold it against the one here
	.venv-train/bin/python -m agent.training $(MODEL)/recipe.toml --data $< --output build/model --compare $(MODEL)

build/machines: $(VENV)/.installed-dev $(wildcard simulators/*.py)
	rm -rf $@
	$(BIN)/python -m simulators write --machine bearing --machines $(MACHINES) --every 600 --working-days --output $@

.PHONY: fuzz
fuzz: $(VENV)/.installed-fuzz  ## feed the decoders with what a fuzzer thinks of (FUZZ_SECONDS=600)
	mkdir -p build/fuzz
	$(BIN)/python -m tests.fuzz.codecs -max_total_time=$(FUZZ_SECONDS) -artifact_prefix=build/ build/fuzz

.PHONY: programs
programs:  # what the tests need and pip cannot give: a real broker, a real database, systemd's own judge of units
	@missing=""; \
	PATH="$$PATH:/usr/sbin:/sbin"; \
	command -v mosquitto >/dev/null || missing="$$missing mosquitto"; \
	command -v openssl >/dev/null || missing="$$missing openssl"; \
	command -v systemd-analyze >/dev/null || missing="$$missing systemd"; \
	command -v postgres /usr/lib/postgresql/*/bin/postgres >/dev/null || missing="$$missing postgresql"; \
	[ -n "$$missing" ] || exit 0; \
	if ! command -v apt-get >/dev/null; then \
		echo "make test needs these programs, and there is no apt-get to install them with:$$missing" >&2; exit 1; fi; \
	sudo=""; \
	if [ "$$(id -u)" != 0 ]; then \
		command -v sudo >/dev/null || { echo "make test needs, as root: apt-get install$$missing" >&2; exit 1; }; \
		sudo=sudo; fi; \
	echo "installing$$missing"; \
	$$sudo apt-get update -qq; \
	$$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing

.PHONY: clean
clean:  ## remove what can be made again, the virtual environments too
	rm -rf $(VENV) .venv-* build dist demo-report bench-results htmlcov .coverage .coverage.* *.egg-info \
		.hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# A stamp remembers what pyproject.toml asked for when it was installed, so that a second make is quick.
$(VENV)/.installed-%: pyproject.toml | $(BIN)/python
	$(PIP) install --editable '.[$*]'
	@touch $@

.venv-train/.installed-train: pyproject.toml
	@test -n "$(PYTHON)" || { echo "no Python 3.11 to 3.13 with the venv module found" >&2; exit 1; }
	$(PYTHON) -m venv .venv-train
	.venv-train/bin/python -m pip --disable-pip-version-check --quiet install --editable '.[train]'
	@touch $@

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "no Python 3.11 to 3.13 with the venv module found; on Debian:" \
		"apt-get install python3-venv, or say make PYTHON=path" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
