"""Rendered meals; needs Blender: `make test-render`."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from rvernet_app.picture.masks import from_rle
from rvernet_app.types import Photo

pytestmark = pytest.mark.render
ROOT = Path(__file__).resolve().parents[3]
SIZE = ("--size", "128x96", "--samples", "2")


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "training.meals", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("meals")
    done = run("--count", "3", "--seed", "5", "--out", str(folder), *SIZE)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [f"3 meals in {folder}"]
    assert "cycles" not in done.stderr.lower()
    return folder


def read(path: Path) -> Photo:
    return np.asarray(cv2.imread(str(path)))


@pytest.fixture(scope="module")
def coco(rendered: Path) -> dict[str, Any]:
    described: dict[str, Any] = json.loads((rendered / "annotations.json").read_text())
    return described


# --- the menu


def test_labels_are_in_the_label_set_and_kinds_are_unique() -> None:
    from training.meals.foods.registry import MENU

    lines = (ROOT / "assets" / "label_sets" / "foodseg103.txt").read_text().splitlines()
    labels = [line.split(";")[0] for line in lines]
    assert len(labels) == len(set(labels)) == 105
    assert {food.label for food in MENU} <= set(labels)
    assert len({food.kind for food in MENU}) == len(MENU)
    assert all(food.cuisines and food.radii_cm[0] <= food.radii_cm[1] for food in MENU)


def test_ketchup_and_chili_paste_are_one_sauce() -> None:
    from training.meals.foods.registry import MENU

    foods = {food.kind: food for food in MENU}
    for form in ("", "_in_dish"):
        ketchup, paste = foods["ketchup" + form], foods["chili_paste" + form]
        assert ketchup.build is paste.build
        assert (ketchup.radii_cm, ketchup.liquid) == (paste.radii_cm, paste.liquid)
        assert ketchup.label != paste.label


# --- the command


def test_masks_fit_their_photos(rendered: Path, coco: dict[str, Any]) -> None:
    assert len(coco["images"]) == 3
    for image in coco["images"]:
        photo = read(rendered / "images" / image["file_name"])
        assert photo.shape == (96, 128, 3)
        assert photo.std() > 5
        masks = [
            from_rle(a["segmentation"], (96, 128))
            for a in coco["annotations"]
            if a["image_id"] == image["id"]
        ]
        assert masks
        assert np.sum(masks, axis=0).max() == 1  # servings share no pixel
    for annotation in coco["annotations"]:
        mask = from_rle(annotation["segmentation"], (96, 128))
        assert annotation["area"] == mask.sum() >= 0.001 * mask.size
        pieces = [from_rle(piece, (96, 128)) for piece in annotation.get("pieces", [])]
        if pieces:
            np.testing.assert_array_equal(np.sum(pieces, axis=0), mask)


def test_a_damaged_meal_is_rendered_again_with_the_same_result(rendered: Path) -> None:
    photo, record = rendered / "images" / "000001.jpg", rendered / "meals" / "000001.json"
    annotations = (rendered / "annotations.json").read_bytes()
    before = read(photo).astype(int)
    photo.write_bytes(photo.read_bytes()[:-50])
    record.unlink()

    assert run("--count", "3", "--seed", "5", "--out", str(rendered), *SIZE).returncode == 0

    assert (rendered / "annotations.json").read_bytes() == annotations
    assert np.abs(read(photo).astype(int) - before).max() <= 2


@pytest.mark.parametrize("processes", ["1", "2"])
def test_an_interrupted_render_keeps_finished_meals_and_ends_its_processes(
    tmp_path: Path, processes: str
) -> None:
    command = [sys.executable, "-m", "training.meals", "--count", "40", "--seed", "5", "--out", str(tmp_path)]
    with subprocess.Popen(
        [*command, *SIZE, "--processes", processes],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    ) as render:
        assert render.stderr is not None
        progress = ""
        while not re.search(r"\b[1-9]\d*/40", progress):
            progress += render.stderr.read(1)
        os.killpg(render.pid, signal.SIGINT)
        said = render.stderr.read()  # until the last process has closed the stream
    assert render.returncode == 130
    assert said.rstrip().endswith("interrupted; run the same command again to resume")
    assert json.loads((tmp_path / "annotations.json").read_text())["images"]


def test_other_settings_end_with_a_plain_error(rendered: Path) -> None:
    done = run("--count", "3", "--seed", "6", "--out", str(rendered), *SIZE)
    assert done.returncode == 2
    assert "begun with seed 5 and not 6" in done.stderr
    assert "Traceback" not in done.stderr


# --- masks of a scene with known areas


def test_masks_are_exact_under_blur() -> None:
    """Two squares seen from above have their geometric areas, also out of focus."""
    import bpy

    from training.meals.geometry import slab
    from training.meals.masks import read_coverage, serving_masks
    from training.meals.render import render, reset, silence

    side, half = 128, 8.0
    areas = {}
    for f_stop in (None, 0.3):
        with silence():
            reset()
            square = np.array([(-3, -3), (3, -3), (3, 3), (-3, 3)], float)
            slab("food-0-0", square, 0.01).location = (-4, 0, 0)
            slab("food-1-0", square * 0.5, 0.01).location = (4, 0, 0)
            camera = bpy.data.cameras.new("camera")
            camera.type, camera.ortho_scale = "ORTHO", 2 * half
            if f_stop:
                camera.dof.use_dof, camera.dof.focus_distance, camera.dof.aperture_fstop = True, 18, f_stop
            thing = bpy.data.objects.new("camera", camera)
            thing.location.z = 20
            bpy.context.scene.collection.objects.link(thing)
            bpy.context.scene.camera = thing
            folder = Path(bpy.app.tempdir)
            render(folder / "p.jpg", folder / "c.exr", (side, side), 16)
        coverage = read_coverage(folder / "c.exr", ["food-0-0", "food-1-0"])
        large, small = serving_masks(coverage, [["food-0-0"], ["food-1-0"]], 0.001)
        assert large is not None
        assert small is not None
        areas[f_stop] = (int(large[0].sum()), int(small[0].sum()))
    pixel = (2 * half / side) ** 2
    assert areas[None] == (36 / pixel, 9 / pixel)
    np.testing.assert_allclose(areas[0.3], areas[None], rtol=0.06)
