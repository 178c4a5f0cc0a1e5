"""Simulate a person's clicks on annotated photos: `python -m bench.clicks`.

On each food the first click is at its innermost point. Each further one is a correction: at the innermost
point of the largest error, on the food where the mask misses some of it, off the food where it has too much.
Errors that a person would not see, with a radius below SEEN of the photo's short side, are not corrected.
Pieces of one food are clicked one after the other as one food. Clicks off the food are at random places and
along the edges of the photos whose foods are all annotated.

The photos are those of RVERNET_PHOTOS (default ../shared/photos).
"""

from __future__ import annotations

import argparse
import os
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import cv2
import numpy as np

from rvernet_app.config import AppConfig
from rvernet_app.errors import NoFoodError
from rvernet_app.exchange.formats.coco_parts import ANNOTATIONS_NAME
from rvernet_app.model.malloc import keep_memory
from rvernet_app.picture.masks import Rle, from_rle, innermost_point
from rvernet_app.segment.base import Segmenter
from rvernet_app.segment.registry import open_segmenter
from rvernet_app.types import BACKGROUND, FOREGROUND, Candidates, Embedding, Mask, Prompt
from training.data.clicks import Click, correction, iou
from training.data.coco import AnnotatedPhoto, read_file
from training.data.photos import open_photo

SEEN = 0.012
"""Radius of the smallest error that is corrected, as a share of the photo's short side."""

FALL = 0.02
"""A larger fall of the IoU is one that a person notices."""

HELD = 0.5
"""Share of a piece that the mask must cover to hold it."""

PIECES = 7
"""Most pieces that are clicked as one food."""

RANDOM, EDGES = 4, 4
"""Clicks off the food in a photo: at random places, and along the edges."""

MARGIN = 0.02
"""Clicks off the food stay this share of the short side away from foods; the edge is half as wide."""


@dataclass(frozen=True)
class Set:
    """A set of annotated photos.

    Attributes:
        folder: name of its folder in the folder of photos.
        annotations: another COCO file than the folder's own.
        left_out: categories that are no foods.
        complete: True if every food in the photos is annotated, so that all else is off the food.
    """

    folder: str
    annotations: Path | None = None
    left_out: tuple[str, ...] = ()
    complete: bool = True


SETS = {
    "trays": Set("trays"),
    "nuts": Set("nuts", complete=False),
    "recipes": Set("recipes", Path("training/annotations/recipes.json"), complete=False),
    "food_id": Set("food_id", left_out=("piring",)),
}


@dataclass(frozen=True)
class Scene:
    """A photo with its foods: category and mask of each, COCO compressed RLE."""

    photo: Path
    size_hw: tuple[int, int]
    foods: tuple[tuple[str, Rle], ...]
    complete: bool

    @property
    def short_side(self) -> int:
        """The photo's shorter side in pixels."""
        return min(self.size_hw)


@dataclass
class Tally:
    """What the clicks gave, one entry a click, a food or a correction.

    Attributes:
        kept: by point label, whether the newest point lies where it says.
        all_kept: whether every point of the prompt does, in every candidate.
        falls: fall of the IoU by each correction.
        ious: by number of clicks, the IoU of each food; a food that needs no more keeps its last one.
        pieces: whether each clicked piece is held, once all pieces are clicked.
        refused: by kind of click (food, random, edge), whether it was refused.
        missed: of clicks off the food that gave a mask, whether the mask misses the click.
        chances: score of the first candidate by kind of click, for thresholds; 0 where there is none.
        click_ms: milliseconds of each click.
    """

    kept: dict[int, list[bool]] = field(default_factory=lambda: defaultdict(list))
    all_kept: list[bool] = field(default_factory=list)
    falls: list[float] = field(default_factory=list)
    ious: dict[int, list[float]] = field(default_factory=lambda: defaultdict(list))
    pieces: list[bool] = field(default_factory=list)
    refused: dict[str, list[bool]] = field(default_factory=lambda: defaultdict(list))
    missed: list[bool] = field(default_factory=list)
    click_ms: list[float] = field(default_factory=list)


def read_scenes(photos: Path, chosen: Set) -> list[Scene]:
    """Read a set's photos with at least one food.

    Raises:
        DataError: it is missing or damaged.
    """
    folder = photos / chosen.folder
    file = read_file(chosen.annotations or folder / ANNOTATIONS_NAME)
    names = {category.id: category.name for category in file.categories}
    foods = defaultdict(list)
    for annotation in file.annotations:
        foods[annotation.image_id].append(annotation)
    scenes = []
    for image in file.images:
        if image.file_name is None or image.size_hw is None:
            continue
        photo, size_hw = folder / "images" / image.file_name, image.size_hw
        own = tuple(
            (name, AnnotatedPhoto(photo, size_hw, food.segmentation, f"food {food.id} of {photo}").rle())
            for food in foods[image.id]
            if (name := names.get(food.category_id) or "") not in chosen.left_out
        )
        if own:
            scenes.append(Scene(photo, size_hw, own, chosen.complete))
    return scenes


class Clicker:
    """Clicks in one encoded photo and counts what comes of it."""

    def __init__(self, segmenter: Segmenter, embedding: Embedding, tally: Tally) -> None:
        self._segmenter = segmenter
        self._embedding = embedding
        self._tally = tally

    def food(self, true: Mask, clicks: int) -> None:
        """Click a food, bool (H, W), and correct it."""
        least = SEEN * min(true.shape)
        x, y = innermost_point(true)
        points: list[Click] = [(float(x), float(y), FOREGROUND)]
        found = self._first(points, "food")
        ious = [iou(found.masks[0], true)]
        while len(points) < clicks:
            click = seen_correction(found.masks[0], true, least)
            if click is None:
                break
            points.append(click)
            found = self._ask(points, found)
            self._count_kept(points, found)
            ious.append(iou(found.masks[0], true))
            self._tally.falls.append(ious[-2] - ious[-1])
        for count in range(1, clicks + 1):
            self._tally.ious[count].append(ious[min(count, len(ious)) - 1])

    def pieces(self, pieces: Sequence[Mask]) -> None:
        """Click pieces, bool (H, W) each, one after the other as one food."""
        points: list[Click] = []
        found = None
        for piece in pieces:
            x, y = innermost_point(piece)
            points.append((float(x), float(y), FOREGROUND))
            found = self._first(points) if found is None else self._ask(points, found)
        assert found is not None
        mask = found.masks[0]
        self._tally.pieces += [bool(np.count_nonzero(mask & p) >= HELD * np.count_nonzero(p)) for p in pieces]

    def off(self, point_xy: tuple[float, float], kind: str) -> None:
        """Click where there is no food."""
        point = (*point_xy, FOREGROUND)
        try:
            found = self._ask([point])
        except NoFoodError:
            self._tally.refused[kind].append(True)
            return
        self._tally.refused[kind].append(False)
        self._tally.missed.append(not holds(found.masks[0], point))

    def _first(self, points: list[Click], kind: str = "") -> Candidates:
        """Make a first click; insist if it is refused."""
        try:
            found = self._ask(points)
            refused = False
        except NoFoodError:
            found = self._ask(points, insist=True)
            refused = True
        if kind:
            self._tally.refused[kind].append(refused)
        return found

    def _ask(self, points: list[Click], before: Candidates | None = None, insist: bool = False) -> Candidates:
        prompt = Prompt(
            tuple((x, y) for x, y, _ in points),
            tuple(label for *_, label in points),
            low_res_mask=None if before is None else before.low_res[0],
            insist=insist,
        )
        start = time.perf_counter()
        found = self._segmenter.predict(self._embedding, prompt)
        self._tally.click_ms.append(1e3 * (time.perf_counter() - start))
        return found

    def _count_kept(self, points: list[Click], found: Candidates) -> None:
        newest = points[-1]
        self._tally.kept[newest[2]].append(holds(found.masks[0], newest))
        self._tally.all_kept.append(all(holds(mask, point) for mask in found.masks for point in points))


def holds(mask: Mask, point: Click) -> bool:
    """Return whether a point lies where it says, in a mask, bool (H, W), or outside it."""
    x, y, label = point
    return bool(mask[int(y), int(x)]) == (label == FOREGROUND)


def seen_correction(mask: Mask, true: Mask, least: float) -> Click | None:
    """Return the next click, or None if every error has a radius below `least` pixels."""
    click = correction(mask, true)
    if click is None:
        return None
    wrong = (true & ~mask) if click[2] == FOREGROUND else (mask & ~true)
    depth = cv2.distanceTransform(np.pad(wrong, 1).astype(np.uint8), cv2.DIST_L2, 5)
    return click if depth.max() >= least else None


def off_food(
    foods: Sequence[Mask], rng: np.random.Generator, random: int = RANDOM, edges: int = EDGES
) -> Iterator[tuple[tuple[float, float], str]]:
    """Yield places (x, y) without food and their kind: "random" or "edge"; fewer if there are not enough.

    Args:
        foods: bool (H, W) each, all foods of the photo.
        rng: chooses the places.
        random: number of places anywhere.
        edges: number of places at the photo's edges.
    """
    margin = MARGIN * min(foods[0].shape)
    free = cv2.distanceTransform((~np.logical_or.reduce(foods)).astype(np.uint8), cv2.DIST_L2, 5) >= margin
    inner = np.zeros_like(free)
    width = max(1, round(margin / 2))
    inner[width:-width, width:-width] = True
    for kind, among, count in (("random", free & inner, random), ("edge", free & ~inner, edges)):
        places = np.argwhere(among)
        for row, column in rng.permutation(places)[:count]:
            yield (float(column), float(row)), kind


def measure(segmenter: Segmenter, scenes: Sequence[Scene], clicks: int, most: int | None, seed: int) -> Tally:
    """Click on every food of the scenes and off them.

    Args:
        segmenter: the segmenter to ask.
        scenes: annotated photos.
        clicks: most clicks on a food.
        most: number of foods, drawn at random; None takes all.
        seed: of the random choices.
    """
    tally = Tally()
    rng = np.random.default_rng(seed)
    order = rng.permutation([(s, f) for s, scene in enumerate(scenes) for f in range(len(scene.foods))])
    asked = {(int(s), int(f)) for s, f in order[:most]}
    for number, scene in enumerate(scenes):
        wanted = [f for f in range(len(scene.foods)) if (number, f) in asked]
        if not wanted:
            continue
        embedding = segmenter.encode(open_photo(scene.photo).pixels)
        clicker = Clicker(segmenter, embedding, tally)
        masks = [from_rle(rle, scene.size_hw) for _, rle in scene.foods]
        for f in wanted:
            clicker.food(masks[f], clicks)
        alike = defaultdict(list)
        for (name, _), mask in zip(scene.foods, masks, strict=True):
            alike[name].append(mask)
        for pieces in alike.values():
            if len(pieces) > 1:
                clicker.pieces(pieces[:PIECES])
        if scene.complete:
            for place, kind in off_food(masks, rng):
                clicker.off(place, kind)
    return tally


def figures(tally: Tally) -> dict[str, str]:
    """Return the figures of a tally by name; a dash where nothing was counted."""
    falls = np.array(tally.falls)
    return {
        "foods": str(len(tally.refused["food"])),
        "newest on-food point inside": _of(tally.kept[FOREGROUND]),
        "newest off-food point outside": _of(tally.kept[BACKGROUND]),
        "all points, all candidates": _of(tally.all_kept),
        "pieces of a food held": _of(tally.pieces),
        f"IoU falls by more than {FALL}": _of(list(falls > FALL)),
        "mean fall": f"{falls.mean():.3f}" if len(falls) else "-",
        **{f"IoU after {n}": f"{np.mean(values):.3f}" for n, values in sorted(tally.ious.items())},
        "refused on food": _of(tally.refused["food"]),
        "refused off food": _of(tally.refused["random"]),
        "refused at edges": _of(tally.refused["edge"]),
        "masks that miss the click": _of(tally.missed),
        "click ms": f"{np.median(tally.click_ms):.0f}" if tally.click_ms else "-",
    }


def _of(counted: Sequence[bool]) -> str:
    return f"{np.mean(counted):.1%} of {len(counted)}" if len(counted) else "-"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("sets", nargs="*", default=list(SETS), metavar="SET", help=", ".join(SETS))
    parser.add_argument("--segmenter", help="by default the best one found locally")
    parser.add_argument("--clicks", type=int, default=5, help="most clicks on a food")
    parser.add_argument("--foods", type=int, default=100, help="most foods of a set")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    if unknown := set(arguments.sets) - set(SETS):
        parser.error(f"the sets are {', '.join(SETS)}; got {', '.join(sorted(unknown))}")
    keep_memory()
    config = AppConfig.from_env()
    segmenter = open_segmenter(replace(config, segmenter=arguments.segmenter or config.segmenter))
    photos = Path(os.environ.get("RVERNET_PHOTOS", "../shared/photos"))
    columns = {}
    for name in arguments.sets:
        tally = measure(
            segmenter, read_scenes(photos, SETS[name]), arguments.clicks, arguments.foods, arguments.seed
        )
        columns[name] = figures(tally)
    print(f"{segmenter.name:<32}" + "".join(f"{name:>16}" for name in columns))
    for row in next(iter(columns.values())):
        print(f"{row:<32}" + "".join(f"{column[row]:>16}" for column in columns.values()))


if __name__ == "__main__":
    main()
