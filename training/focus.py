"""Where both modules look, in figures: `python -m training.focus CHECKPOINT --data DIR [--classes NAME …] [--out …]`.

For every region the Grad-CAM maps of the true class are laid over the photo, and the share of each map's energy is
taken that falls inside the region, inside the masks of the other foods on the photo, and elsewhere. Beside it stands
the share that a map spread evenly over what its module can see would have there.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from tqdm import tqdm

from rvernet_app import files
from rvernet_app.config import AppConfig
from rvernet_app.errors import RvernetError
from rvernet_app.model.checkpoint import Checkpoint
from rvernet_app.model.explain import activation_maps
from rvernet_app.model.rvernet import RveRNet
from rvernet_app.picture.cutouts import cut_out
from rvernet_app.picture.overlay import heat_overlay
from rvernet_app.types import Mask, Photo
from training.data.photos import PhotoCache, open_photo
from training.data.regions import DataError, Region
from training.evidence.inputs import add_arguments, open_labelled
from training.evidence.statistics import mean_interval
from training.shared.command import command

PLACES = ("region", "other_foods", "elsewhere")
KEEP_MB = 200
SHOWN = 8
"""Regions on the picture sheet."""


def focus(
    checkpoint: Checkpoint, regions: Sequence[Region], around: Sequence[Region], skip_broken: bool = False
) -> dict[str, Any]:
    """Shares of the maps' energy by place, means over regions with 95 % intervals over groups.

    Args:
        regions: those explained, of classes that the checkpoint knows.
        around: all foods on the photos.
        skip_broken: leave regions that cannot be read out, rather than stop.

    Returns:
        For "roi" and "extra_roi": for each of PLACES the mean share of energy with its interval, and `even`, what a map
        spread evenly over the pixels its module can see would have; and how many maps were empty.

    Raises:
        RvernetError: the checkpoint is of a single-picture baseline, there are no regions, or one cannot be read.
    """
    model = checkpoint.model
    if not isinstance(model, RveRNet):
        raise RvernetError(f"{checkpoint.name} sees one picture; there are no two modules to look at.")
    if not regions:
        raise RvernetError("There are no regions of these classes to explain.")
    shares: dict[str, list[NDArray[np.float64]]] = {"roi": [], "extra_roi": []}
    even: dict[str, list[NDArray[np.float64]]] = {"roi": [], "extra_roi": []}
    groups: dict[str, list[str]] = {"roi": [], "extra_roi": []}
    photos = PhotoCache(KEEP_MB, max_side=int(AppConfig.max_photo_megapixels * 10**6))
    explained = 0
    for region in tqdm(regions, desc="explain", unit="region", leave=False):
        try:
            photo, mask = region.masked[0].read(photos.open)
            places = _places(region, mask, around, photos)
        except DataError:
            if not skip_broken:
                raise
            continue
        explained += 1
        for picture, energy in _maps(checkpoint, photo, mask, region.label).items():
            visible = mask if picture == "roi" else ~mask
            if total := float(energy.sum()):
                shares[picture].append(np.array([energy[places[p]].sum() / total for p in PLACES]))
                even[picture].append(np.array([(visible & places[p]).sum() / visible.sum() for p in PLACES]))
                groups[picture].append(region.group)
    return {
        "regions": explained,
        **{
            picture: {
                "empty_maps": explained - len(shares[picture]),
                **_summary(np.array(shares[picture]), np.array(even[picture]), groups[picture]),
            }
            for picture in shares
        },
    }


def _places(region: Region, mask: Mask, regions: Sequence[Region], photos: PhotoCache) -> dict[str, Mask]:
    """The photo's pixels by PLACES; where foods overlap they are the region's. Cut-outs alone have no others."""
    others = np.zeros_like(mask)
    for other in regions if region.photo is not None else ():
        if other.photo == region.photo and other.name != region.name:
            others |= other.masked[0].read(photos.open)[1]
    others &= ~mask
    return {"region": mask, "other_foods": others, "elsewhere": ~(mask | others)}


def _maps(checkpoint: Checkpoint, photo: Photo, mask: Mask, label: str) -> dict[str, NDArray[np.float32]]:
    """Both modules' maps of a class over the photo, float32 (H, W) each."""
    assert isinstance(checkpoint.model, RveRNet)
    cutouts = cut_out(photo, mask)
    roi, extra_roi = checkpoint.preprocessing([cutouts])
    maps = activation_maps(checkpoint.model, roi, extra_roi, checkpoint.classes.index(label))
    undo = checkpoint.preprocessing.letterbox.undo
    return {
        name: undo(found, cutouts.size_hw) for name, found in zip(("roi", "extra_roi"), maps, strict=True)
    }


def _summary(shares: NDArray[np.float64], even: NDArray[np.float64], groups: Sequence[str]) -> dict[str, Any]:
    if not len(shares):
        return {}
    return {
        place: {
            "share": round(float(shares[:, i].mean()), 4),
            "interval": [round(bound, 4) for bound in mean_interval(shares[:, i], groups)],
            "even": round(float(even[:, i].mean()), 4),
        }
        for i, place in enumerate(PLACES)
    }


def as_markdown(found: Mapping[str, Any]) -> str:
    """What `focus` found as a table."""
    lines = ["| module | place | share of energy | 95 % | spread evenly |", "|---|---|---|---|---|"]
    for picture in ("roi", "extra_roi"):
        for place in PLACES:
            if row := found[picture].get(place):
                low, high = row["interval"]
                lines.append(
                    f"| {picture.replace('_', '-')} | {place.replace('_', ' ')} | {row['share']:.3f} "
                    f"| {low:.3f} to {high:.3f} | {row['even']:.3f} |"
                )
    empty = {p: found[p]["empty_maps"] for p in ("roi", "extra_roi")}
    told = f"{found['regions']} regions; empty maps: {empty['roi']} ROI, {empty['extra_roi']} extra-ROI."
    return "\n".join([*lines, "", told, ""])


def draw_sheet(checkpoint: Checkpoint, regions: Sequence[Region], path: Path) -> None:
    """Some regions with both maps over them, evenly taken, as a PNG."""
    by_class = defaultdict(list)
    for region in regions:
        by_class[region.label].append(region)
    each = max(1, SHOWN // len(by_class))
    chosen = [
        region for found in by_class.values() for region in found[:: max(1, len(found) // each)][:each]
    ][:SHOWN]
    figure = Figure(figsize=(9, 2.4 * len(chosen)), layout="constrained")
    for row, region in zip(figure.subplots(len(chosen), 3, squeeze=False), chosen, strict=True):
        photo, mask = region.masked[0].read(open_photo)
        maps = _maps(checkpoint, photo, mask, region.label)
        cutouts = cut_out(photo, mask)
        pictures = {
            region.label: photo,
            "ROI module": heat_overlay(cutouts.roi, maps["roi"] / (maps["roi"].max() or 1)),
            "extra-ROI module": heat_overlay(
                cutouts.extra_roi, maps["extra_roi"] / (maps["extra_roi"].max() or 1)
            ),
        }
        for axes, (title, picture) in zip(row, pictures.items(), strict=True):
            axes.imshow(picture)
            axes.contour(mask, levels=[0.5], colors=["#ffb000"], linewidths=1)
            axes.set_title(title, fontsize=9)
            axes.set_axis_off()
    figure.savefig(path, dpi=100)


@command
def main(arguments: Sequence[str]) -> None:
    """The command itself; see the top of this file."""
    parser = argparse.ArgumentParser(prog="python -m training.focus", description="Where both modules look.")
    add_arguments(parser)
    parser.add_argument("--classes", nargs="+", default=[], help="explain regions of these classes only")
    parser.add_argument("--out", type=Path, help="folder for focus.json, focus.md and focus.png")
    parser.add_argument("--json", action="store_true", help="print JSON instead of Markdown")
    chosen = parser.parse_args(arguments)
    labelled = open_labelled(chosen)
    labelled.require_known(chosen.classes)
    regions = [r for r in labelled.regions if not chosen.classes or r.label in chosen.classes]
    found = focus(labelled.checkpoint, regions, labelled.around, chosen.skip_broken)
    if chosen.out:
        files.write(chosen.out / "focus.json", json.dumps(found, indent=2), durable=False)
        files.write(chosen.out / "focus.md", as_markdown(found), durable=False)
        draw_sheet(labelled.checkpoint, regions, chosen.out / "focus.png")
    print(json.dumps(found, indent=2) if chosen.json else as_markdown(found))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
