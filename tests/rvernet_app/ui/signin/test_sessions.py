"""Sessions end when they should, and survive a restart."""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from rvernet_app.ui.signin.sessions import KEEP_SECONDS, PER_ACCOUNT, SESSIONS_NAME, Sessions

MINUTE, HOUR = 60.0, 3600.0
Open = Callable[[], Sessions]


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def open_sessions(tmp_path: Path, clock: Clock) -> Open:
    """A function that opens the sessions as a server that starts."""
    return lambda: Sessions(tmp_path, idle_s=HOUR, longest_s=8 * HOUR, clock=clock)


@pytest.fixture
def sessions(open_sessions: Open) -> Sessions:
    return open_sessions()


def name_of(sessions: Sessions, token: str) -> str | None:
    found = sessions.find(token)
    return None if found is None else found.name


def test_a_token_belongs_to_who_logged_in(sessions: Sessions) -> None:
    anns, bens = sessions.start("ann", "a1"), sessions.start("ben", "b1")
    assert (name_of(sessions, anns), name_of(sessions, bens)) == ("ann", "ben")
    for other in ("", "guessed", anns[:-1], anns + "x", "x" * 10_000, "\ud800"):
        assert sessions.find(other) is None


def test_the_file_holds_no_tokens_and_only_its_owner_reads_it(sessions: Sessions, tmp_path: Path) -> None:
    token = sessions.start("ann", "a1")
    file = tmp_path / SESSIONS_NAME
    assert len(token) == 43
    assert token not in file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_session_ends_when_nobody_uses_it(sessions: Sessions, clock: Clock) -> None:
    token = sessions.start("ann", "a1")
    clock.now += HOUR
    assert sessions.find(token) is not None
    clock.now += HOUR
    assert sessions.find(token) is not None
    clock.now += HOUR + 1
    assert sessions.find(token) is None


def test_a_session_in_use_ends_in_the_end(sessions: Sessions, clock: Clock) -> None:
    token = sessions.start("ann", "a1")
    for _ in range(16):
        clock.now += HOUR / 2
        assert sessions.find(token) is not None
    clock.now += 1
    assert sessions.find(token) is None


def test_logging_in_ends_the_browsers_session_so_far(sessions: Sessions) -> None:
    first, other = sessions.start("ann", "a1"), sessions.start("ann", "a1")
    second = sessions.start("ben", "b1", instead_of=first)
    assert [name_of(sessions, token) for token in (first, other, second)] == [None, "ann", "ben"]


def test_logging_out_ends_one_session_and_everywhere_ends_all_of_the_account(sessions: Sessions) -> None:
    first, second, third = (sessions.start("ann", "a1") for _ in range(3))
    bens = sessions.start("ben", "b1")
    sessions.end(first)
    assert [name_of(sessions, token) for token in (first, second, third)] == [None, "ann", "ann"]
    sessions.end_all("ann")
    assert [name_of(sessions, token) for token in (second, third, bens)] == [None, None, "ben"]


def test_an_account_has_a_limited_number_of_sessions(sessions: Sessions, clock: Clock) -> None:
    bens = sessions.start("ben", "b1")
    tokens = []
    for _ in range(PER_ACCOUNT):
        tokens.append(sessions.start("ann", "a1"))
        clock.now += 1
    sessions.find(tokens[0])  # it was used later than the second one
    last = sessions.start("ann", "a1")
    assert [name_of(sessions, token) for token in (*tokens[:3], last, bens)] == [
        "ann",
        None,
        "ann",
        "ann",
        "ben",
    ]


def test_sessions_survive_a_restart_and_what_ended_stays_ended(open_sessions: Open, clock: Clock) -> None:
    before = open_sessions()
    kept, ended = before.start("ann", "a1"), before.start("ann", "a1")
    before.end(ended)
    after = open_sessions()
    assert (name_of(after, kept), name_of(after, ended)) == ("ann", None)


def test_a_restart_knows_when_a_session_was_used(open_sessions: Open, clock: Clock) -> None:
    before = open_sessions()
    token = before.start("ann", "a1")
    assert not before.is_due()
    clock.now += KEEP_SECONDS + 1
    assert before.find(token) is not None
    assert before.is_due()
    before.keep()
    assert not before.is_due()
    clock.now += HOUR - 1
    assert name_of(open_sessions(), token) == "ann"
    clock.now += 2
    assert open_sessions().find(token) is None


def test_two_servers_on_one_folder_know_the_same_sessions(open_sessions: Open) -> None:
    one, other = open_sessions(), open_sessions()
    token, second = one.start("ann", "a1"), other.start("ben", "b1")
    assert (name_of(other, token), name_of(one, second)) == ("ann", "ben")
    other.end_all("ann")
    assert one.find(token) is None


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{", b'{"a": {"name": 5}}', b'{"a": "ann"}', b"\xff", b"[" * 100_000]
)
def test_a_damaged_file_lets_nobody_in_and_is_replaced_at_the_next_log_in(
    sessions: Sessions, tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    token = sessions.start("ann", "a1")
    (tmp_path / SESSIONS_NAME).write_bytes(content)
    assert sessions.find(token) is None
    assert sessions.find(token) is None
    assert len(caplog.messages) == 1
    assert caplog.messages[0].startswith("Everybody has to log in again: ")
    again = sessions.start("ann", "a1")
    assert name_of(sessions, again) == "ann"
