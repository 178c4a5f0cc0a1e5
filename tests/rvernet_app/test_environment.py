"""Environment variables: empty ones, proxies, and the passwords that no message shows."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import pytest

from rvernet_app.environment import (
    RedactingFormatter,
    drop_empty,
    proxy_problem,
    redacted,
    without_proxies,
)


def test_empty_variables_count_as_not_set_where_libraries_take_them_for_a_value() -> None:
    environ = {
        "RVERNET_DATA_DIR": "",
        "DATABASE_URL": " ",
        "HF_HOME": "",
        "HOME": "",
        "SPACE_ID": "",
        "GRADIO_NUM_PORTS": "",
        "TMPDIR": "",
        "CUDA_VISIBLE_DEVICES": "",  # no GPU
        "HOMEBREW": "",
        "RVERNET_PORT": "7861",
    }
    drop_empty(environ)
    assert environ == {"CUDA_VISIBLE_DEVICES": "", "HOMEBREW": "", "RVERNET_PORT": "7861"}


def test_proxies_are_hidden_while_the_block_runs() -> None:
    environ = {"HTTP_PROXY": "http://a:1", "all_proxy": "socks5://b:2", "NO_PROXY": "c", "PATH": "d"}
    before = dict(environ)
    with without_proxies(environ):
        assert environ == {"NO_PROXY": "c", "PATH": "d"}
    assert environ == before


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"HTTP_PROXY": ""},
        {"HTTP_PROXY": "http://ann:secret@proxy.example:3128"},
        {"https_proxy": "proxy.example:3128"},
        {"NO_PROXY": "nonsense://"},
    ],
)
def test_proxies_that_a_client_understands_are_no_problem(environ: dict[str, str]) -> None:
    assert proxy_problem(environ) is None


@pytest.mark.parametrize(
    "value",
    ["ann:secret", "ftp://ann:secret@proxy", "http://", "http://ann:se cret@proxy:port", "socks://a:1"],
)
def test_a_malformed_proxy_is_named_without_its_value(value: str) -> None:
    assert proxy_problem({"HTTPS_PROXY": value}) == (
        "HTTPS_PROXY is not the address of a proxy, such as http://proxy.example:3128."
    )


def test_a_socks_proxy_needs_a_package(monkeypatch: pytest.MonkeyPatch) -> None:
    environ = {"ALL_PROXY": "socks5://ann:secret@proxy:1080"}
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert proxy_problem(environ) == (
        "ALL_PROXY names a SOCKS proxy, which needs the package socksio: pip install socksio."
    )
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object())
    assert proxy_problem(environ) is None


@pytest.mark.parametrize(
    ("name", "value", "text", "expected"),
    [
        ("DATABASE_URL", "postgresql://ann:s3cret@db/foods", "no s3cret here", "no *** here"),
        ("RVERNET_DATABASE_URL", "postgresql://ann:s3%40ret@db/foods", "s3@ret, s3%40ret", "***, ***"),
        ("DATABASE_URL", "postgresql://ann:so@me/where@db/foods", "no host me/where", "no host me/***"),
        ("DATABASE_URL", "postgresql://ann:some@where/else@db/foods", "no host 'where'", "no host '***'"),
        ("HTTPS_PROXY", "ann:s3cret", "nonnumeric port: 's3cret'", "nonnumeric port: '***'"),
        ("http_proxy", "http://proxy:3128", "proxy:3128 is dead", "proxy:3128 is dead"),
        ("HF_TOKEN", "hf_abcdef", "Bearer hf_abcdef", "Bearer ***"),
        ("PGPASSWORD", "s3cret", "s3cret", "***"),
        ("DATABASE_URL", "postgresql://ann@db/foods", "ann@db/foods", "ann@db/foods"),
        ("EDITOR", "secret", "secret", "secret"),
    ],
)
def test_secrets_are_hidden(name: str, value: str, text: str, expected: str) -> None:
    assert redacted(text, {name: value}) == expected


def test_the_log_tells_where_an_error_was_raised_and_nothing_that_it_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://ann:s3cret@db/foods")
    photo, person = "IMG-of-Anna.jpg", "Anna"
    try:
        try:
            Path("/nonexistent", photo).read_bytes()
        except OSError as error:
            raise ValueError(f"{person} typed this") from error
    except ValueError:
        record = logging.LogRecord("a", logging.ERROR, "", 0, "for %s", ("s3cret",), sys.exc_info())
    written = RedactingFormatter().format(record)
    assert written.startswith("for ***\n")
    assert "FileNotFoundError: No such file or directory\n" in written
    assert "test_environment.py" in written
    assert written.endswith("ValueError")
    assert not any(told in written for told in (photo, "Anna typed"))
