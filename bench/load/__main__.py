"""Put a server under the load of many visitors and check every answer: `python -m bench.load`.

Each scripted visitor speaks with the server as the page does. It opens photos that nobody else has, clicks,
waits for the evidence and, if it is one of every two, saves the food in a project. After an answer it looks
for 4 to 9 seconds, as a person does; with --eager it looks for a second at most. Some visitors reload the
page, lose the connection in mid-request, cancel, click again before the answer, or have a photo searched.
Browsers are real ones. A greedy visitor asks for 80 searches at once, again and again.

An answer is wrong if a mask misses the click, a cut-out or a map belongs to something else, or the
suggestions differ from those that the same checkpoint gives alone; a save is lost if it is not there in the
end. The exit status is 1 if anything is wrong, lost or unanswered.

With --photos a single visitor opens that many photos one after the other, and the memory is told.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import os
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import httpx

from bench.load.browsers import start_browser
from bench.load.photos import OwnPhoto, make_photo, make_photos
from bench.load.server import ServerProcess, server_process
from bench.load.tally import Tally
from bench.load.visitor import Claim, Pace, Visitor
from bench.load.wire import ANSWER_SECONDS, UnansweredError, Wire
from rvernet_app.config import ASSETS_DIR, AppConfig
from rvernet_app.model.classify import Classifier, load_classifier
from rvernet_app.picture.cutouts import cut_out
from rvernet_app.picture.photos import read_photo

SAMPLES = ASSETS_DIR / "samples" / "images"
PHOTOS_EACH = 4
SOURCES = 40
"""Most real photos that visitors' photos are made of."""
CHECKED_CLAIMS = 300
"""Most answers whose suggestions are computed again."""
SAME = 1e-3
"""Largest difference of a probability that was computed in another batch."""
EAGER = Pace(0.0, 1.0)
GREEDY_SEARCHES = 80
MOMENTS = (50, 100, 200, 400, 1000)
"""Numbers of opened photos after which the memory is told."""


def source_photos(seed: int) -> list[Path]:
    """Return the samples, and some photos of RVERNET_PHOTOS where there are any."""
    folder = Path(os.environ.get("RVERNET_PHOTOS", "../shared/photos"))
    real = sorted(folder.rglob("*.jpg")) if folder.is_dir() else []
    chosen = random.Random(seed).sample(real, min(SOURCES, len(real)))
    return [*sorted(SAMPLES.glob("*.jpg")), *chosen]


async def visit_all(
    url: str,
    photos: Sequence[list[OwnPhoto]],
    tally: Tally,
    pace: Pace,
    seconds: float,
    greedy: int = 0,
    rounds: float = math.inf,
) -> list[Claim]:
    """Let visitors work for a time, one for each list of photos; return the answers to be checked later.

    Args:
        greedy: number of visitors who ask for many searches at once.
        rounds: most photos that a visitor opens.
    """
    until = time.perf_counter() + seconds
    visitors = [
        Visitor(url, f"visitor {n}", own, tally, pace, labels=n % 2 == 0, seed=n)
        for n, own in enumerate(photos)
    ]
    others = [asyncio.create_task(demand_searches(url, photos[0][0], until)) for _ in range(greedy)]
    try:
        await asyncio.gather(*(visitor.visit(until, rounds) for visitor in visitors))
        await asyncio.gather(*(visitor.check_saved() for visitor in visitors if visitor.saved))
    finally:
        for other in others:
            other.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        for visitor in visitors:
            await visitor.close()
    return [claim for visitor in visitors for claim in visitor.claims]


async def demand_searches(url: str, photo: OwnPhoto, until: float) -> None:
    """Ask for many searches at once, from as many pages of one address, until a moment."""
    async with httpx.AsyncClient(base_url=url, timeout=ANSWER_SECONDS, trust_env=False) as http:
        wire = Wire(http)
        await wire.load()
        opened = (await wire.ask("open_photo", {"path": await wire.upload(photo.path)}))["id"]

        async def search(number: int) -> None:
            page = Wire(http)
            try:
                await page.load()
                at = time.perf_counter()
                event = await page.send("propose", {"seq": number, "photo": opened})
                await page.answers(at, event)
            except UnansweredError:
                return  # whoever asks for too much may be refused

        while time.perf_counter() < until:
            await asyncio.gather(*(search(n) for n in range(1, GREEDY_SEARCHES + 1)))
            await asyncio.sleep(1)


async def watch_memory(server: ServerProcess, tally: Tally, seconds: float) -> None:
    """Note the memory every minute."""
    for minute in range(1, int(seconds // 60) + 1):
        await asyncio.sleep(60)
        tally.memory_mb[f"minute {minute}"] = server.memory_mb()


def check_claims(claims: Sequence[Claim], classifier: Classifier, tally: Tally) -> None:
    """Compute some of the suggestions again, alone, and count those that differ as wrong."""
    for claim in random.Random(0).sample(claims, min(CHECKED_CLAIMS, len(claims))):
        pixels = read_photo(claim.photo.path, max_mb=100, max_megapixels=100).pixels
        cutouts = cut_out(pixels, claim.photo.mask(claim.rle))
        alone = classifier.predict(cutouts)
        without = classifier.predict(cutouts.without_context())
        same = all(
            abs(alone.probability_of(one["label"]) - one["probability"]) <= SAME
            and abs(without.probability_of(one["label"]) - one["without_context"]) <= SAME
            for one in claim.suggestions
        )
        best = claim.suggestions[0]["probability"] >= float(alone.probabilities.max()) - SAME
        tally.require(same and best, f"{claim.photo.path.name}: suggestions of something else")


async def visit_server(
    server: ServerProcess, photos: Sequence[list[OwnPhoto]], tally: Tally, arguments: argparse.Namespace
) -> list[Claim]:
    """Let all visitors work, and note memory and CPU time of the server."""
    seconds, pace = 60 * arguments.minutes, EAGER if arguments.eager else Pace()
    tally.memory_mb["at the start"] = server.memory_mb()
    before, until = server.cpu_seconds(), time.perf_counter() + seconds
    browsers = [start_browser(server.url, tally, pace, until, n) for n in range(arguments.browsers)]
    watch = asyncio.create_task(watch_memory(server, tally, seconds))
    claims = await visit_all(server.url, photos, tally, pace, seconds, arguments.greedy)
    for browser in browsers:
        await asyncio.to_thread(browser.join)
    watch.cancel()
    tally.cpu_seconds = server.cpu_seconds() - before
    tally.memory_mb["at the end"] = server.memory_mb()
    return claims


async def open_many(server: ServerProcess, folder: Path, count: int, tally: Tally) -> None:
    """Open photos one after the other, each with a click and its evidence, and note the memory."""
    chance, sources = random.Random(0), source_photos(0)
    tally.memory_mb["at the start"] = server.memory_mb()
    for number in range(1, count + 1):
        photo = make_photo(chance.choice(sources), folder / "photo.jpg", chance, large=number % 7 == 0)
        visitor = Visitor(server.url, "one", [photo], tally, Pace(0, 0), labels=False, seed=number)
        await visitor.look_once()
        await visitor.close()
        if number in MOMENTS or number == count:
            tally.memory_mb[f"{number} photos"] = server.memory_mb()
            print(f"{number} photos: {server.memory_mb():.0f} MB", file=sys.stderr, flush=True)


def main() -> int:
    """Run the load; return the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--visitors", type=int, default=32)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--browsers", type=int, default=0, help="visitors with a real browser, in addition")
    parser.add_argument("--greedy", type=int, default=0, help="visitors who ask for 80 searches at once")
    parser.add_argument("--eager", action="store_true", help="click without a person's pause")
    parser.add_argument("--photos", type=int, default=0, help="open photos one after the other instead")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    arguments = parser.parse_args()
    tally = Tally()
    with tempfile.TemporaryDirectory() as made, tempfile.TemporaryDirectory() as kept:
        folder = Path(made)
        photos = []
        if not arguments.photos:
            sources = source_photos(0)
            photos = [make_photos(sources, folder, PHOTOS_EACH, n) for n in range(arguments.visitors)]
        with server_process(Path(kept), {}) as server:
            if arguments.photos:
                asyncio.run(open_many(server, folder, arguments.photos, tally))
                claims = []
            else:
                claims = asyncio.run(visit_server(server, photos, tally, arguments))
        check_claims(claims, load_classifier(AppConfig.from_env()), tally)
    print(json.dumps(tally.to_json(), indent=1) if arguments.json else tally)
    return 0 if tally.is_clean else 1


if __name__ == "__main__":
    sys.exit(main())
