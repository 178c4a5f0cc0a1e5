"""Turns of visitors with the engine: order, fairness, limits, and what a cancelled request leaves."""

from __future__ import annotations

import asyncio
import threading

import pytest

from rvernet_app.ui import turns as module
from rvernet_app.ui.turns import TurnError, Turns, Urgency
from tests.loops import in_loop

ANN, BEN, CEM = "ann", "ben", "cem"
WAIT_S = 60


class Engine:
    """Work that is held until it is let go, and the order in which it began."""

    def __init__(self, places: int = 2) -> None:
        self.turns = Turns(places)
        self.begun: list[str] = []
        self._begin = asyncio.Condition()
        self._held: dict[str, threading.Event] = {}

    def ask(self, visitor: str, urgency: Urgency, name: str) -> asyncio.Task[str]:
        """Ask for a piece of work that is held."""
        loop, held = asyncio.get_running_loop(), threading.Event()
        self._held[name] = held

        def work() -> str:
            asyncio.run_coroutine_threadsafe(self._note(name), loop).result(WAIT_S)
            assert held.wait(WAIT_S)
            return name

        return asyncio.create_task(self.turns.run(visitor, urgency, work))

    async def _note(self, name: str) -> None:
        async with self._begin:
            self.begun.append(name)
            self._begin.notify_all()

    async def until(self, count: int) -> list[str]:
        """Wait until so many pieces have begun; return them."""
        async with self._begin:
            await asyncio.wait_for(self._begin.wait_for(lambda: len(self.begun) >= count), WAIT_S)
        return self.begun

    def let_go(self, *names: str) -> None:
        for name in names:
            self._held[name].set()


def test_a_result_and_an_error_come_back() -> None:
    async def test() -> None:
        turns = Turns(2)
        assert await turns.run(ANN, Urgency.MASK, lambda: 7) == 7
        with pytest.raises(ZeroDivisionError):
            await turns.run(ANN, Urgency.MASK, lambda: 1 // 0)
        assert await turns.run(ANN, Urgency.MASK, lambda: 8) == 8

    in_loop(test())


def test_a_visitor_with_much_to_do_lets_the_others_in_between() -> None:
    async def test() -> None:
        engine = Engine()
        asked = [engine.ask(ANN, Urgency.SUGGESTIONS, f"a{n}") for n in range(5)]
        asked += [engine.ask(BEN, Urgency.SUGGESTIONS, "b"), engine.ask(CEM, Urgency.SUGGESTIONS, "c")]
        assert sorted(await engine.until(2)) == ["a0", "b"]
        engine.let_go("a0")
        assert (await engine.until(3))[2] == "c"
        engine.let_go("b", "c", "a1", "a2", "a3", "a4")
        assert sorted(await asyncio.gather(*asked)) == ["a0", "a1", "a2", "a3", "a4", "b", "c"]

    in_loop(test())


def test_suggestions_of_one_go_before_maps_and_searches_of_others() -> None:
    async def test() -> None:
        engine = Engine()
        first = [engine.ask(f"{n}", Urgency.SUGGESTIONS, f"first{n}") for n in range(2)]
        await engine.until(2)
        asked = [
            engine.ask(ANN, Urgency.SEARCH, "search"),
            engine.ask(BEN, Urgency.MAPS, "maps"),
            engine.ask(CEM, Urgency.SUGGESTIONS, "suggestions"),
            engine.ask("dan", Urgency.MASK, "mask"),
        ]
        await asyncio.sleep(0)
        engine.let_go("mask", "suggestions", "maps", "search", "first0")
        await asyncio.gather(*asked)
        engine.let_go("first1")
        await asyncio.gather(*first)
        assert engine.begun[2:] == ["mask", "suggestions", "maps", "search"]

    in_loop(test())


def test_long_work_leaves_a_place_free() -> None:
    async def test() -> None:
        engine = Engine()
        asked = [engine.ask(ANN, Urgency.SEARCH, "a"), engine.ask(BEN, Urgency.PREPARE, "b")]
        asked.append(engine.ask(CEM, Urgency.MAPS, "c"))
        assert sorted(await engine.until(2)) == ["a", "c"]
        engine.let_go("c", "a")
        assert (await engine.until(3))[2] == "b"
        engine.let_go("b")
        await asyncio.gather(*asked)

    in_loop(test())


def test_a_visitor_has_one_piece_of_each_kind_at_a_time() -> None:
    async def test() -> None:
        engine = Engine(places=4)
        asked = [engine.ask(ANN, Urgency.PREPARE, "next photo"), engine.ask(ANN, Urgency.SEARCH, "search")]
        asked += [engine.ask(ANN, Urgency.MAPS, "maps"), engine.ask(ANN, Urgency.SUGGESTIONS, "second")]
        asked += [engine.ask(ANN, Urgency.MASK, "mask"), engine.ask(ANN, Urgency.MASK, "next mask")]
        assert sorted(await engine.until(3)) == ["maps", "mask", "next photo"]
        engine.let_go("mask", "next photo", "maps", "second", "search", "next mask")
        await asyncio.gather(*asked)

    in_loop(test())


def test_who_waits_for_too_much_is_told_and_others_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_WAITING", 2)

    async def test() -> None:
        engine = Engine()
        asked = [engine.ask(ANN, Urgency.MAPS, f"a{n}") for n in range(3)]
        with pytest.raises(TurnError, match="of yours"):
            await engine.ask(ANN, Urgency.MAPS, "a3")
        asked.append(engine.ask(BEN, Urgency.MAPS, "b"))
        engine.let_go("a0", "a1", "a2", "b")
        assert await asyncio.gather(*asked) == ["a0", "a1", "a2", "b"]
        assert await engine.turns.run(ANN, Urgency.MAPS, lambda: "again") == "again"

    in_loop(test())


def test_all_together_wait_for_so_much_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_WAITING_IN_ALL", 1)

    async def test() -> None:
        engine = Engine()
        asked = [engine.ask(f"{n}", Urgency.MAPS, f"{n}") for n in range(3)]
        with pytest.raises(TurnError, match="Too many people"):
            await engine.ask(ANN, Urgency.MASK, "mask")
        engine.let_go("0", "1", "2")
        await asyncio.gather(*asked)

    in_loop(test())


def test_a_cancelled_request_gives_its_place_back() -> None:
    async def test() -> None:
        engine = Engine()
        busy = [engine.ask(ANN, Urgency.MAPS, "a"), engine.ask(BEN, Urgency.MAPS, "b")]
        await engine.until(2)
        waiting = engine.ask(CEM, Urgency.MAPS, "c")
        await asyncio.sleep(0)
        waiting.cancel()
        busy[0].cancel()
        engine.let_go("a", "b")
        ended = await asyncio.gather(waiting, *busy, return_exceptions=True)
        assert isinstance(ended[0], asyncio.CancelledError)
        assert sorted(engine.begun) == ["a", "b"]
        assert await engine.turns.run(CEM, Urgency.MAPS, lambda: 1) == 1
        assert await engine.turns.run(ANN, Urgency.MAPS, lambda: 2) == 2

    in_loop(test())
