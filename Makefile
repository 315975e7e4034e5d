# Everything runs from .venv, which the first target builds from the lock file:
# with uv where it is installed, else with venv and pip.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed

.PHONY: demo test test-postgresql check audit bench acceptance prove lock clean

demo: $(STAMP)
	@$(BIN)/python manage.py demo $(ARGS)

test: $(STAMP)
	$(BIN)/python -m pytest -n $(or $(WORKERS),2) --dist worksteal $(ARGS)

# The same suite on a PostgreSQL of its own, where the server is installed (15 or newer); without it, it says so loudly.
test-postgresql: $(STAMP)
	$(BIN)/python -m tests.cluster -n $(or $(WORKERS),2) --dist worksteal $(ARGS)

check: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/python -m tests.environment -m mypy
	$(BIN)/lint-imports
	$(BIN)/python -m tests.environment manage.py makemigrations --check --dry-run
	$(BIN)/python -m tests.environment --production manage.py check --deploy --fail-level WARNING

# Known holes in what the lock file pins. Needs uv and the network (it asks a database of advisories), so it is a step of
# its own before each release and each week, and no part of `check`, which passes without any network.
audit:
	uv tool run pip-audit --requirement requirements.lock --require-hashes --disable-pip --strict $(ARGS)

bench: $(STAMP)
	@$(BIN)/python -m tests.benchmarks $(ARGS)

acceptance: $(STAMP)
	@$(BIN)/python -m tests.acceptance $(ARGS)

prove: $(STAMP)
	@$(BIN)/python manage.py prove $(ARGS)

# Needs uv; the lock serves Python 3.11 and newer on every platform.
lock:
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
		--no-emit-index-url --all-extras --group dev pyproject.toml -o requirements.lock
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
		--no-emit-index-url --group pyproject.toml:bench -o tests/benchmarks/archive/dlt.lock

# Both ways of building empty the folder first, through a link too: whoever shares it would lose theirs.
$(STAMP): requirements.lock
	@if [ -L .venv ]; then \
		echo ".venv is a link to $$(readlink .venv), which make would empty for all who use it. Bring that one up to" \
			"date with requirements.lock and touch $(STAMP), or remove the link so that make builds one here." >&2; \
		exit 1; \
	fi
	@if command -v uv >/dev/null 2>&1; then \
		uv venv --quiet --clear --python '>=3.11' .venv && \
		uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements.lock; \
	else \
		$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Tillbridge needs Python 3.11 or newer")' && \
		$(PYTHON) -m venv --clear .venv && \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock; \
	fi
	@touch $(STAMP)

clean:
	rm -rf .venv .bench .mypy_cache .ruff_cache .pytest_cache .hypothesis
