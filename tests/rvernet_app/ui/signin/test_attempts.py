"""Who guesses waits longer each time; others do not wait for who guesses."""

from __future__ import annotations

import pytest

from rvernet_app.ui.signin.attempts import (
    FORGIVE_SECONDS,
    FREE,
    FREE_OF_ADDRESS,
    LONGEST_WAIT,
    MOST_KEPT,
    OFTEN,
    Attempts,
    network_of,
)

HOME, ELSEWHERE = "192.0.2.1", "198.51.100.7"


class Clock:
    """A clock that a test moves."""

    now = 50.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def attempts(clock: Clock) -> Attempts:
    return Attempts(clock)


def waits(attempts: Attempts, times: int, name: str = "ann", address: str = ELSEWHERE) -> list[float]:
    return [attempts.begin(name, address, None) for _ in range(times)]


def test_the_wait_doubles_with_each_failure(attempts: Attempts, clock: Clock) -> None:
    assert waits(attempts, FREE) == [0] * FREE
    for failures in range(4):
        wait = attempts.begin("ann", ELSEWHERE, None)
        assert wait == pytest.approx(2.0**failures, rel=0.05)
        clock.now += wait
        assert attempts.begin("ann", ELSEWHERE, None) == 0


def test_attempts_at_the_same_moment_all_count(attempts: Attempts) -> None:
    assert waits(attempts, 100).count(0) == FREE


def test_a_wait_has_an_end_and_failures_are_forgotten(attempts: Attempts, clock: Clock) -> None:
    longest = 0.0
    for _ in range(200):
        wait = attempts.begin("ann", ELSEWHERE, None)
        longest = max(longest, wait)
        clock.now += wait
    assert 60 < longest <= LONGEST_WAIT
    clock.now += 20 * FORGIVE_SECONDS
    assert waits(attempts, FREE) == [0] * FREE


def test_who_tries_many_names_from_one_address_waits(attempts: Attempts) -> None:
    tried = [attempts.begin(f"name {number}", ELSEWHERE, None) for number in range(100)]
    assert tried.count(0) == FREE_OF_ADDRESS
    assert attempts.begin("name 0", HOME, None) == 0


def test_an_address_that_guesses_does_not_lock_out_the_person_elsewhere(attempts: Attempts) -> None:
    waits(attempts, 100)
    assert waits(attempts, FREE, address=HOME) == [0] * FREE


def test_many_addresses_that_guess_leave_each_new_one_a_single_try(attempts: Attempts) -> None:
    for number in range(OFTEN):
        attempts.begin("ann", f"203.0.113.{number}", None)
    assert [wait > 0 for wait in waits(attempts, 2, address=HOME)] == [False, True]
    assert waits(attempts, FREE, name="ben", address=HOME) == [0] * FREE


def test_a_browser_that_is_known_waits_for_its_own_failures_only(attempts: Attempts) -> None:
    for number in range(2 * OFTEN):
        attempts.begin("ann", f"203.0.113.{number}", None)
    waits(attempts, 100, address=HOME)  # somebody behind the same address guesses too
    tried = [attempts.begin("ann", HOME, "her browser") for _ in range(FREE + 1)]
    assert [wait > 0 for wait in tried] == [False] * FREE + [True]


def test_success_takes_back_only_what_it_counted(attempts: Attempts) -> None:
    """Who has an account cannot clear the failures of an address by logging in now and then."""
    for number in range(FREE_OF_ADDRESS - 1):
        attempts.begin(f"name {number}", ELSEWHERE, None)
    for _ in range(10):
        assert attempts.begin("ann", ELSEWHERE, None) == 0
        attempts.succeeded("ann", ELSEWHERE, None)
    assert attempts.begin("ben", ELSEWHERE, None) == 0
    assert attempts.begin("ben", ELSEWHERE, None) > 0


def test_a_right_password_ends_the_failures_before_it(attempts: Attempts) -> None:
    waits(attempts, FREE - 1, address=HOME)
    attempts.begin("ann", HOME, None)
    attempts.succeeded("ann", HOME, None)
    assert waits(attempts, FREE, address=HOME) == [0] * FREE


def test_the_memory_for_counters_has_a_limit(attempts: Attempts) -> None:
    waits(attempts, FREE)
    for number in range(MOST_KEPT):
        attempts.begin(f"name {number}", f"10.0.{number // 256}.{number % 256}", None)
    assert len(attempts._counters) == MOST_KEPT


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:db8:1:2::9", "2001:db8:1:2::"),
        ("fe80::1%eth0", "fe80::"),
        ("", ""),
        ("testclient", "testclient"),
    ],
)
def test_the_addresses_of_one_ipv6_network_are_one_visitor(address: str, network: str) -> None:
    assert network_of(address) == network
