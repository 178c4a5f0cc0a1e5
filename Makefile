# `make run` and `make test` are all one needs; both make .venv when it is missing.
# uv is used when it is there, plain pip otherwise.
PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python

ifneq ($(shell command -v uv 2>/dev/null),)
INSTALL = uv pip install --quiet --python $(PY)
MAKE_VENV = uv venv --quiet --python $(PYTHON) $(VENV)
else
INSTALL = $(PY) -m pip install --quiet
MAKE_VENV = $(PYTHON) -m venv $(VENV)
endif

.PHONY: run test check chromium clean

run: $(VENV)/.installed
	$(PY) app.py

test: check chromium
	$(PY) -m pytest

check: $(VENV)/.installed-dev
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy

$(PY):
	$(MAKE_VENV)

$(VENV)/.installed: requirements.txt | $(PY)
	$(INSTALL) -r requirements.txt
	touch $@

$(VENV)/.installed-dev: requirements.txt requirements-dev.txt | $(PY)
	$(INSTALL) -r requirements-dev.txt
	touch $(VENV)/.installed $@

# The browser tests take an installed Chromium, else Debian's (as root), else Playwright's own.
chromium: $(VENV)/.installed-dev
	@if command -v chromium chromium-browser google-chrome >/dev/null 2>&1; then :; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then \
		apt-get update -qq && apt-get install -y -qq chromium; \
	else $(PY) -m playwright install chromium; fi

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache
