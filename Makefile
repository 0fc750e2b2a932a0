# One command each; every target does all the set-up that it needs. `make` alone lists them.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SHELL := /bin/bash

VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
ARGS ?=

export PIP_DISABLE_PIP_VERSION_CHECK := 1

# Runs $(2) under the name $(1): one line when it goes well, all its output when it does not.
define quietly
@printf '  %-24s' '$(1)'; SECONDS=0; \
if output=$$($(2) 2>&1); then echo "ok ($${SECONDS} s)"; else echo FAILED; printf '%s\n' "$$output"; exit 1; fi
endef

.PHONY: help
help:  ## list these targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1|\2/' | column -t -s '|'

.PHONY: demo
demo: $(INSTALLED)  ## see the whole of Watchbook at work in a throw-away folder (ARGS="--seconds 20")
	@$(BIN)/watchbook demo $(ARGS)

.PHONY: test
test: $(INSTALLED)  ## run the unit and end-to-end tests (ARGS="-k wire")
	@$(BIN)/python -m pytest -q $(ARGS)

.PHONY: lint
lint: $(INSTALLED)  ## check style, types and import directions; changes nothing
	$(call quietly,ruff check,$(BIN)/ruff check .)
	$(call quietly,ruff format --check,$(BIN)/ruff format --check .)
	$(call quietly,mypy --strict,$(BIN)/mypy)
	$(call quietly,import-linter,$(BIN)/lint-imports)
	$(if $(shell command -v shellcheck),$(call quietly,shellcheck,shellcheck systemd/install.sh .ci/run))

.PHONY: fmt
fmt: $(INSTALLED)  ## rewrite the code in the project's style
	@$(BIN)/ruff check --fix --quiet .
	@$(BIN)/ruff format --quiet .

.PHONY: docs
docs: $(INSTALLED)  ## rewrite the parts of the documentation that are made from the code
	@$(BIN)/python -m tests.docs

.PHONY: bench
bench: $(INSTALLED)  ## measure latency, CPU and memory (ARGS="--quick")
	@$(BIN)/python -m tests.benchmarks $(ARGS)

.PHONY: bench-store
bench-store: $(INSTALLED)  ## measure the store: ingest, bytes, queries (EVENTS=1000000 for fewer than ten million)
	@$(BIN)/python -m tests.benchmarks.store $(if $(EVENTS),--events $(EVENTS)) $(ARGS)

.PHONY: bench-rules
bench-rules: $(INSTALLED)  ## measure what many rules cost (ARGS="--events 100000")
	@$(BIN)/python -m tests.benchmarks.rules $(ARGS)

.PHONY: faults
faults: $(INSTALLED)  ## kill, rotate and cut off real processes; compare line by line
	@$(BIN)/python -m tests.faults $(ARGS)

# ROLE, PREFIX, DESTDIR, PYTHON, PURGE and DRY_RUN reach the script through the environment.
.PHONY: redaction
redaction: $(INSTALLED)  ## plant 2,000 secrets in real processes, and redact a million clean lines (ARGS="--clean 100000")
	@$(BIN)/python -m tests.redaction $(ARGS)

.PHONY: install
install:  ## install Watchbook on this host, as root (ROLE=agent, collector or both; DRY_RUN=1 only says what it would do)
	@systemd/install.sh install

.PHONY: uninstall
uninstall:  ## take Watchbook off this host, as root; keeps configuration and data (PURGE=1 does not)
	@systemd/install.sh uninstall

.PHONY: clean
clean:  ## remove what these targets made
	@rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis

# Stale when pyproject.toml is newer than the last installation that succeeded, when its interpreter is gone, or when
# the checkout was moved (the scripts in a venv name their own folder).
$(shell grep -qsxF '$(CURDIR)' $(INSTALLED) && $(BIN)/python -c '' 2>/dev/null || rm -f $(INSTALLED))

$(INSTALLED): pyproject.toml
	@python=''; \
	for candidate in $(PYTHON) python3.11 python3; do \
	  if "$$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	    python=$$candidate; break; \
	  fi; \
	done; \
	if [ -z "$$python" ]; then \
	  echo "make: Python 3.11 or newer with its venv module is needed, and neither 'python3.11' nor 'python3' is that." >&2; \
	  echo "      Install it (Debian: apt-get install python3.11 python3.11-venv), or name one: make $(MAKECMDGOALS) PYTHON=/path/to/python" >&2; \
	  exit 1; \
	fi; \
	echo "Setting up $(VENV) with $$("$$python" --version) (under a minute, once) …" >&2; \
	"$$python" -m venv --clear $(VENV) && $(BIN)/python -m pip install --quiet --quiet --editable '.[dev]' && \
	echo '$(CURDIR)' >$@
