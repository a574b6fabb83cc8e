# make report   the default report on the shipped data (OUT=dir SPEC=name SEED=n)
# make test     the default tests; make test-slow the statistical ones; make check style and types
# make bench    speed beside Stan, NumPyro, PyMC, and scale (half an hour; QUICK=1: a few minutes)
# make fuzz     bad input for SECONDS=300 (SEED=n repeats a run; seeds are printed)
# make versions the tests that matter most with the lowest and the newest versions of dependencies
# make docs     the site, in site/ (opens from disk; search works offline)
# make wheel  build and try the wheel;  make lock  new pinned versions

OUT ?=
SPEC ?= doubling-time
SEED ?=
SECONDS ?= 300
PY := .venv/bin/python
export MPLBACKEND := Agg
# matrices are small: more threads in a process only wait for each other
export OMP_NUM_THREADS := 1

.PHONY: report test test-slow check bench fuzz versions wheel lock clean

report: .venv/ready
	@.venv/bin/densing report $(SPEC) $(if $(OUT),--out $(OUT)) $(if $(SEED),--seed $(SEED))

test: .venv/ready-dev
	$(PY) -m pytest -m "not slow"

test-slow: .venv/ready-dev
	$(PY) -m pytest -m slow

check: .venv/ready-dev
	$(PY) -m ruff check .
	$(PY) -m mypy

# NO_MKDOCS_2_WARNING: an advertisement, not a warning of the build
docs: .venv/ready-dev
	NO_MKDOCS_2_WARNING=1 $(PY) -m mkdocs build --strict

bench: .venv/ready .venv/ready-peers
	@$(PY) -m benchmarks.run $(if $(QUICK),--quick)

fuzz: .venv/ready-dev
	@PYTHONPATH=tests $(PY) -m fuzz.run --seconds $(SECONDS) $(if $(SEED),--seed $(SEED))

versions: .venv/ready
	@sh scripts/try-versions

wheel: .venv/ready-dev
	$(PY) -m pip wheel --no-deps -w dist .

lock: .venv/ready-dev
	$(PY) -m pip freeze --exclude-editable --exclude densing-bayes > constraints.txt

.venv/ready: pyproject.toml constraints.txt scripts/make-env
	@sh scripts/make-env
	@touch $@

.venv/ready-dev: .venv/ready
	@$(PY) -m pip install -q --disable-pip-version-check -c constraints.txt --group dev "dask[distributed]" \
		python-calamine pyarrow pyyaml
	@touch $@

.venv/ready-peers: .venv/ready benchmarks/peers/make-env
	@sh benchmarks/peers/make-env
	@touch $@

clean:
	rm -rf .venv dist densing-out site
