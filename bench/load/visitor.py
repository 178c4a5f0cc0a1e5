"""A scripted visitor: opens photos, clicks at a person's pace, reads the evidence, saves, and misbehaves."""

from __future__ import annotations

import asyncio
import base64
import math
import random
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import httpx

from bench.load.photos import OwnPhoto
from bench.load.tally import Tally
from bench.load.wire import ANSWER_SECONDS, Json, Steps, UnansweredError, Wire
from rvernet_app.errors import RvernetError

MARGIN = 0.2
"""Clicks lie within the photo by this share of its sides."""
CLICKS_PER_PHOTO = 6
RELOAD, VANISH, CANCEL, OVERTAKE, PROPOSE = 0.03, 0.03, 0.03, 0.06, 0.01
"""The share of clicks after which a visitor reloads the page, loses the connection in mid-request, cancels,
clicks again without waiting, or has the whole photo searched."""


@dataclass(frozen=True)
class Claim:
    """An answer to be checked once the visits have ended: what was asked, and the suggestions that came."""

    photo: OwnPhoto
    rle: Json
    suggestions: list[Json]


@dataclass(frozen=True)
class Saved:
    """A food that the server said was saved."""

    item: int
    id: int
    revision: int
    counts: str
    note: str


@dataclass(frozen=True)
class Pace:
    """How long a person looks before the next click, in seconds."""

    least: float = 4.0
    most: float = 9.0


def transport_of(number: int) -> httpx.AsyncHTTPTransport:
    """Return a transport with an address of the visitor's own, as visitors have: the server counts by it.

    Only Linux has more than one address for its own machine; elsewhere all visitors share one.
    """
    address = f"127.0.{1 + number // 250 % 250}.{2 + number % 250}" if sys.platform == "linux" else None
    return httpx.AsyncHTTPTransport(local_address=address, limits=httpx.Limits(max_connections=8))


class Visitor:
    """One visitor with own photos and, if `labels` is true, an own project.

    Attributes:
        saved: all that the server said was saved.
        claims: all suggestions that came.
    """

    def __init__(
        self,
        url: str,
        name: str,
        photos: list[OwnPhoto],
        tally: Tally,
        pace: Pace,
        labels: bool,
        seed: int,
    ) -> None:
        self._http = httpx.AsyncClient(
            base_url=url, timeout=ANSWER_SECONDS, trust_env=False, transport=transport_of(seed)
        )
        self._wire = Wire(self._http)
        self._name = name
        self._photos = photos
        self._tally = tally
        self._pace = pace
        self._labels = labels
        self._chance = random.Random(seed)
        self._seq = 0
        self._alive: asyncio.Task[None] | None = None
        self._project = 0
        self._items: list[int] = []
        self.saved: list[Saved] = []
        self.claims: list[Claim] = []

    async def visit(self, until: float, rounds: float = math.inf) -> None:
        """Work until a moment of `time.perf_counter`; no error of the server ends the visit.

        Args:
            rounds: most photos to open.
        """
        await asyncio.sleep(self._chance.uniform(0, self._pace.most))
        await self._counted(self._load)
        if self._labels:
            await self._counted(self._start_project)
        number = 0
        while number < rounds and time.perf_counter() < until:
            await self._counted(lambda n=number: self._work_on(n, until))  # type: ignore[misc]
            number += 1
            await self._think()

    async def look_once(self) -> None:
        """Load the page, open the first photo, click it once and read the evidence."""

        async def look() -> None:
            await self._load()
            opened = await self._open(self._photos[0], None)
            if opened is not None:
                await self._click(self._photos[0], opened, None, draw=0.5)

        await self._counted(look)

    async def close(self) -> None:
        """Close the page."""
        await self._leave()
        await self._http.aclose()

    async def check_saved(self) -> None:
        """Look all saved foods up; count those that are not there as they were saved as lost."""
        await self._counted(self._check_saved)

    async def _counted(self, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except UnansweredError as error:
            self._tally.errors[str(error)] += 1

    async def _load(self) -> None:
        with self._tally.timed("load the page"):
            await self._wire.load()
        self._alive = asyncio.create_task(self._wire.live())

    async def _leave(self) -> None:
        if self._alive is not None:
            self._alive.cancel()
            with suppress(asyncio.CancelledError):
                await self._alive
            self._alive = None

    async def _start_project(self) -> None:
        """Make a project and upload half of the photos into it."""
        self._project = (await self._tell("create_project", {"name": f"{self._name} {id(self)}"}))["id"]
        self._items = []
        for photo in self._photos:
            path = await self._wire.upload(photo.path)
            with self._tally.timed("add a photo"):
                message = {"project": self._project, "path": path, "name": photo.path.name}
                added = await self._tell("add_photo", message)
            self._items.append(added["item_id"])

    async def _work_on(self, number: int, until: float) -> None:
        """Open a photo and click some of its foods."""
        place = number % len(self._photos)
        photo = self._photos[place]
        item = self._items[place] if self._project else None
        opened = await self._open(photo, item)
        if opened is None:
            return
        for _ in range(CLICKS_PER_PHOTO):
            await self._think()
            if time.perf_counter() >= until:
                return
            draw = self._chance.random()
            await self._click(photo, opened, item, draw)
            if draw < RELOAD + VANISH:
                await self._leave()
                await self._load()

    async def _open(self, photo: OwnPhoto, item: int | None) -> str | None:
        if item is None:
            with self._tally.timed("upload"):
                path = await self._wire.upload(photo.path)
            with self._tally.timed("open a photo"):
                reply = await self._ask("open_photo", {"path": path, "name": photo.path.name})
        else:
            with self._tally.timed("open a photo"):
                reply = await self._tell("open_item", {"project": self._project, "item": item})
            reply = reply.get("photo") or {}
        if "id" not in reply:
            return None
        same = (reply["height"], reply["width"]) == photo.size_hw
        self._tally.require(same, f"{photo.path.name}: opened as another photo")
        with self._tally.timed("prepare"):
            await self._ask("prepare", {"photo": reply["id"]})
        return str(reply["id"])

    async def _click(self, photo: OwnPhoto, opened: str, item: int | None, draw: float) -> None:
        mask = await self._segment(photo, opened)
        if mask is None:
            return
        asked = await self._ask_evidence(opened, mask)
        at, event = asked
        if draw < RELOAD:
            return  # the page is gone before the answer
        if draw < RELOAD + VANISH:
            async with self._wire.stream():
                await asyncio.sleep(self._chance.uniform(0, 0.5))
            return
        if draw < RELOAD + VANISH + CANCEL:
            await self._wire.cancel("evidence", event)
            return
        if draw < RELOAD + VANISH + CANCEL + OVERTAKE:
            again = await self._segment(photo, opened)
            mask = again or mask
            at, newer = await self._ask_evidence(opened, mask)
            _, steps = await self._wire.answers(at, event, newer)
        else:
            (steps,) = await self._wire.answers(at, event)
        self._check_evidence(photo, mask, steps)
        if draw > 1 - PROPOSE:
            await self._propose(photo, opened)
        if item is not None and steps.value is not None and "suggestions" in steps.value:
            await self._save(item, mask, steps.value)

    async def _segment(self, photo: OwnPhoto, opened: str) -> Json | None:
        """Click somewhere; insist where the server finds no food, as a person does half of the time."""
        height, width = photo.size_hw
        x = self._chance.uniform(MARGIN, 1 - MARGIN) * width
        y = self._chance.uniform(MARGIN, 1 - MARGIN) * height
        message = {"photo": opened, "points": [[x, y, 1]], "insist": False}
        with self._tally.timed("mask"):
            reply = await self._ask("segment", message)
        if reply.get("no_food"):
            reply = await self._ask("segment", message | {"insist": True})
        if "candidates" not in reply:
            return None
        for candidate in reply["candidates"]:
            try:
                holds = bool(photo.mask(candidate["rle"])[int(y), int(x)])
            except RvernetError:
                holds = False
            self._tally.require(holds, f"{photo.path.name}: a mask misses the click at {x:.0f}, {y:.0f}")
        best: Json = reply["candidates"][0]["rle"]
        return best

    async def _ask_evidence(self, opened: str, rle: Json) -> tuple[float, str]:
        self._seq += 1
        message = {
            "seq": self._seq,
            "photo": opened,
            "rle": rle,
            "stage": "all",
            "label": None,
            "method": "gradcam",
            "scale": "own",
        }
        return time.perf_counter(), await self._wire.send("evidence", message)

    def _check_evidence(self, photo: OwnPhoto, rle: Json, steps: Steps) -> None:
        reply = steps.value
        if reply is None:
            self._tally.errors["evidence: no answer"] += 1
            return
        if "error" in reply:
            self._note(reply)
            return
        name = photo.path.name
        self._tally.require(reply.get("seq") == self._seq, f"{name}: evidence {reply.get('seq')}")
        if not {"suggestions", "cutouts", "maps"} <= set(reply) or not steps.seconds:
            self._tally.wrong.append(f"{name}: incomplete evidence with {sorted(reply)}")
            return
        self._tally.seconds["evidence: suggestions"].append(steps.seconds[0])
        self._tally.seconds["evidence: maps"].append(steps.seconds[-1])
        self.claims.append(Claim(photo, rle, reply["suggestions"]))
        mask = photo.mask(rle)
        for part, kept in (("roi", mask), ("extra_roi", ~mask)):
            missed = photo.misses(_jpeg(reply["cutouts"][part]), kept)
            self._tally.require(not missed, f"{name}: the cut-out {part} is of something else")
        best = reply["suggestions"][0]["label"]
        self._tally.require(reply["maps"]["label"] == best, f"{name}: maps of another class")

    async def _propose(self, photo: OwnPhoto, opened: str) -> None:
        self._seq += 1
        at = time.perf_counter()
        event = await self._wire.send("propose", {"seq": self._seq, "photo": opened})
        (steps,) = await self._wire.answers(at, event)
        self._tally.seconds["search a photo"].append(time.perf_counter() - at)
        proposals = (steps.value or {}).get("proposals") or {}
        if "error" in proposals:
            self._note(proposals)
            return
        for mask in proposals.get("masks") or ():
            self._tally.require(
                tuple(mask["rle"]["size"]) == photo.size_hw, f"{photo.path.name}: a proposal of another photo"
            )

    async def _save(self, item: int, rle: Json, evidence: Json) -> None:
        note = f"{self._name}, food {len(self.saved)}"
        message = {
            "item": item,
            "rle": rle,
            "note": note,
            "checkpoint": evidence["checkpoint"],
            "suggestions": [[one["label"], one["probability"]] for one in evidence["suggestions"]],
        }
        with self._tally.timed("save"):
            reply = await self._tell("save_food", message)
        if "id" in reply:
            self.saved.append(Saved(item, reply["id"], reply["revision"], rle["counts"], note))

    async def _check_saved(self) -> None:
        await self._load()
        there: dict[int, Any] = {}
        for item in {saved.item for saved in self.saved}:
            reply = await self._tell("open_item", {"project": self._project, "item": item})
            there |= {food["id"]: food for food in reply.get("foods") or ()}
        for saved in self.saved:
            food = there.get(saved.id, {})
            kept = (food.get("revision"), (food.get("rle") or {}).get("counts"), food.get("note"))
            if kept != (saved.revision, saved.counts, saved.note):
                self._tally.lost.append(f"{saved.note}: {str(kept)[:60]}")

    async def _ask(self, function: str, message: Json) -> Json:
        reply = await self._wire.ask(function, message)
        self._note(reply)
        return reply

    async def _tell(self, function: str, message: Json) -> Json:
        reply = await self._ask(function, {"me": self._name, **message})
        if function == "create_project" and "id" not in reply:
            raise UnansweredError("no project")
        return reply

    def _note(self, reply: Json) -> None:
        """Count a refusal. One that a visitor at a person's pace did not cause is an error as well."""
        if "error" not in reply:
            return
        kind = str(reply["error"])[:90]
        self._tally.refusals[kind] += 1
        if not reply.get("no_food"):
            self._tally.errors[kind] += 1

    async def _think(self) -> None:
        await asyncio.sleep(self._chance.uniform(self._pace.least, self._pace.most))


def _jpeg(data_url: str) -> bytes:
    return base64.b64decode(data_url.partition(",")[2])
