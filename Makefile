PYTHON ?= python3
BIN := .venv/bin

.PHONY: study test check docs reference clean

study: .venv/installed
	$(BIN)/python -m study.run search_space=gradual $(ARGS)

# Several test processes share the cores, so each computes on one thread.
test: export OMP_NUM_THREADS = 1
test: check
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "not slow"
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m slow

check: .venv/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: .venv/installed-dev
	$(BIN)/python -m mkdocs build --strict

reference: .venv/installed-dev
	$(BIN)/python -m docs.generate

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	touch $@

# The reference networks come without their dependencies: those would replace the installed torch.
.venv/installed-dev: .venv/installed
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt --no-deps dynamic-network-architectures
	touch $@

clean:
	rm -rf .venv site build *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
