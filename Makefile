# Every target sets up what it needs in .venv, from the lock file, with hashes. Needs Python 3.11 or newer, make and git.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
WORKERS ?= 4
# Where atheris has wheels, as in pyproject.toml: pip-compile leaves out the conditions of an extra's packages.
ATHERIS := sys_platform == "linux" and platform_machine == "x86_64" and python_version < "3.14"

MINUTES ?= 30
FAULTS ?= 500
SEED ?= 1
SOURCE ?= realtime

.DEFAULT_GOAL := help
.PHONY: help setup demo test check lint types cover bench bench-capacity bench-sources bench-compare bench-gate bench-rebase bench-fleet fuzz fuzz-short \
	docs dashboards chaos chaos-short chaos-fleet chaos-fleet-short soak overload lock clean validate watch fleet-demo

help: ## what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

$(READY): requirements.lock pyproject.toml
	@echo "Setting up $(VENV) (about a minute the first time) ..."
	@$(PYTHON) -c 'import sys; sys.exit("Cueline needs Python 3.11 or newer; this is " + sys.version.split()[0] + ". Try: make PYTHON=python3.11 ...") if sys.version_info < (3, 11) else None'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

setup: $(READY) ## the virtual environment with everything in it

demo: $(READY) ## a local Genesys Cloud, the engine, real speech: see phrases become commands; SOURCE=audiohook: calls come to us
	@$(BIN)/cueline demo --source $(SOURCE)

watch: $(READY) ## simulated calls that come and go, the engine and its console in your browser, until Ctrl-C
	@$(BIN)/cueline watch --source $(SOURCE)

fleet-demo: $(READY) ## three engines over a real Redis (apt install redis-server): one is killed, one comes, one is drained; 90 seconds
	@$(BIN)/cueline fleet demo

test: $(READY) ## the tests
	@$(BIN)/pytest -q -n $(WORKERS) --dist loadfile

check: lint types validate cover ## everything that has to pass before a commit; CI runs this

lint: $(READY) ## form and mistakes
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .

validate: $(READY) ## what lies in deploy/: hadolint, schemas of Compose and Kubernetes, systemd-analyze
	@$(BIN)/python tools/validate_deploy.py

types: $(READY) ## mypy, strict
	@$(BIN)/mypy

cover: $(READY) ## the tests with branch coverage: 100 % on the pure levels, 90 % over all
	@$(BIN)/coverage erase
	@$(BIN)/coverage run -m pytest -q -n $(WORKERS) --dist loadfile
	@$(BIN)/coverage combine --quiet
	@$(BIN)/coverage report --fail-under=90
	@$(BIN)/python tools/pure_coverage.py

bench: $(READY) ## how fast the hot functions are here
	@$(BIN)/pytest -q bench --benchmark-only

bench-gate: $(READY) ## fails where a hot function costs more than bench/baseline.json allows, or a count is over its limit
	@$(BIN)/python -m bench.gate

bench-rebase: $(READY) ## writes bench/baseline.json anew from five runs; commit it with the reason
	@$(BIN)/python -m bench.gate --rebase

bench-capacity: $(READY) ## how many calls this machine holds, with a picture; about 6 minutes
	@$(BIN)/cueline bench capacity --plot bench/capacity.png --report bench/capacity.json

bench-sources: $(READY) ## what a call costs by the real-time socket and by AudioHook, in one run; about 4 minutes
	@$(BIN)/python -m bench.load.sources

bench-compare: $(READY) ## Cueline beside a plain server, a script per call and the decoder's limit; about 20 minutes
	@$(BIN)/python -m bench.compare

bench-fleet: $(READY) ## what a fleet's coordination costs: Redis operations, processors, 10,000 offers at once; 20 seconds
	@$(BIN)/python -m bench.fleet

fuzz: $(READY) ## INPUTS=10000000 made inputs for every parser that meets the outside; half an hour (tests/fuzz/README.md)
	@$(BIN)/python -m tests.fuzz --inputs $(or $(INPUTS),10000000)

fuzz-short: $(READY) ## the same with INPUTS=100000, 20 seconds at most; CI runs this
	@$(BIN)/python -m tests.fuzz --inputs $(or $(INPUTS),100000) --seconds 20

chaos: $(READY) ## 500 faults of 48 kinds against a real engine: nothing lost, nothing twice; about 20 minutes
	@mkdir -p var
	@$(BIN)/python -m tests.chaos --faults $(FAULTS) --seed $(SEED) --report var/chaos.json

chaos-short: $(READY) ## each kind once, in about two minutes; CI runs this
	@$(BIN)/python -m tests.chaos --faults 48 --seed $(SEED) --calls 8 --hook-calls 4 --calm 18 --spacing 0.7

chaos-fleet: $(READY) ## each kind of fault three times on three nodes over a real Redis; about eight minutes
	@mkdir -p var
	@$(BIN)/python -m tests.chaos.fleet --rounds 3 --seed $(SEED) --report var/chaos-fleet.json

chaos-fleet-short: $(READY) ## each of them once, in about two minutes; CI runs this
	@$(BIN)/python -m tests.chaos.fleet --seed $(SEED) --calm 10 --breath 0.5

soak: $(READY) ## steady load for MINUTES, at CALLS or 70 % of bench/capacity.json; then what has grown
	@mkdir -p var
	@$(BIN)/python -m bench.load.soak --minutes $(MINUTES) $(if $(CALLS),--calls $(CALLS)) --report var/soak.json --plot var/soak.png

overload: $(READY) ## one and a half times what the machine holds: refusals at once, admitted calls unharmed; 90 seconds
	@$(BIN)/python -m tests.chaos.overload $(if $(SOURCE),--source $(SOURCE)) $(if $(CALLS),--calls $(CALLS))

docs: $(READY) ## docs/configuration.md and docs/metrics.md anew, from the source; a test fails where one is stale
	@$(BIN)/python -m tools.reference

dashboards: $(READY) ## dashboards/*.json anew from the tables in tools/dashboards/; a test fails where they are stale
	@$(BIN)/python -m tools.dashboards.write

lock: $(READY) ## make requirements.lock anew from pyproject.toml
	@$(BIN)/pip-compile --quiet --strip-extras --generate-hashes --allow-unsafe --no-emit-index-url --no-emit-find-links \
		--no-emit-options --extra fleet --extra otel --extra dev --output-file requirements.lock pyproject.toml
	@sed -i.old -E '/^atheris==[^ ]+ \\$$/s/ \\$$/ ; $(ATHERIS) \\/' requirements.lock && rm requirements.lock.old

clean: ## remove what was set up and made
	@rm -rf $(VENV) .coverage* .pytest_cache .mypy_cache .ruff_cache .hypothesis .benchmarks var dist build
