"""labelme import: shapes, groups, and photos beside or inside the JSON file."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from rvernet_app.errors import StoreError
from tests.rvernet_app.exchange.formats.kitchen import SMALL, Kitchen, draw, encoded, masks_of

PHOTO = encoded(draw(SMALL, 9), "PNG")
INSIDE = base64.b64encode(PHOTO).decode()


def shape(kind: str | None, *points: tuple[float, float], label: str = "rice", **rest: Any) -> dict[str, Any]:
    return {"label": label, "shape_type": kind, "points": points, "group_id": None, "flags": {}, **rest}


RECTANGLE = shape("rectangle", (50, 20), (30, 10))


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "one.png").write_bytes(PHOTO)
    return folder


def write(folder: Path, *shapes: Any, name: str = "one", **rest: Any) -> Path:
    described: dict[str, Any] = {
        "version": "5.5.0",
        "flags": {},
        "shapes": shapes,
        "imagePath": "one.png",
        "imageData": None,
        "imageHeight": 48,
        "imageWidth": 64,
    }
    path = folder / f"{name}.json"
    path.write_text(json.dumps({**described, **rest}))
    return path


def taken(kitchen: Kitchen, source: Path) -> dict[str, list[np.ndarray]]:
    """Return the masks by label after an import of one photo into a new project."""
    project = kitchen.new_project()
    report = kitchen.take("labelme", source, project)
    assert report.not_taken == ()
    [final] = kitchen.finals(project)
    assert {f.annotation.prompts["imported"] for f in final.foods} == {"labelme"}
    return masks_of(final)


def box(left: int, top: int, right: int, bottom: int) -> np.ndarray:
    mask = np.zeros(SMALL, np.bool_)
    mask[top:bottom, left:right] = True
    return mask


@pytest.mark.parametrize(
    "drawn",
    [
        RECTANGLE,
        shape("polygon", (30, 10), (50, 10), (50, 20), (30, 20)),
        shape(None, (30, 10), (50, 10), (50, 20), (30, 20)),
    ],
    ids=["rectangle", "polygon", "a polygon of an older labelme"],
)
def test_rectangles_and_polygons_become_masks(kitchen: Kitchen, source: Path, drawn: dict[str, Any]) -> None:
    np.testing.assert_array_equal(taken(kitchen, write(source, drawn))["rice"], [box(30, 10, 50, 20)])


CORNERS = (30, 10), (50, 10), (50, 20), (30, 20)
TILTED = (20, 4), (40, 24), (30, 34), (10, 14)


@pytest.mark.parametrize("kind", ["rectangle", "rotation", "quadrilateral", "oriented_rectangle"])
def test_boxes_of_four_corners_become_masks(kitchen: Kitchen, source: Path, kind: str) -> None:
    """X-AnyLabeling writes rectangles with four corners, and rotated ones of another kind."""
    masks = taken(kitchen, write(source, shape(kind, *CORNERS), shape(kind, *TILTED, label="peas")))
    np.testing.assert_array_equal(masks["rice"], [box(30, 10, 50, 20)])
    [tilted] = masks["peas"]
    as_polygon = taken(kitchen, write(source, shape("polygon", *TILTED)))["rice"]
    np.testing.assert_array_equal([tilted], as_polygon)
    assert tilted[19, 25]
    assert not tilted[6, 36]


@pytest.mark.parametrize("kind", ["ellipse", "cuboid"])
def test_shapes_of_other_kinds_are_named(kitchen: Kitchen, source: Path, kind: str) -> None:
    report = kitchen.take("labelme", write(source, shape(kind, *CORNERS), RECTANGLE))
    assert [(one.what, one.why) for one in report.not_taken] == [
        (
            "one.png, shape 1",
            f"Its kind '{kind}' is not known; only polygons, rectangles, circles and masks are taken.",
        )
    ]
    assert report.foods == 1


def test_copies_of_other_programs_are_left_out_and_named(kitchen: Kitchen, source: Path) -> None:
    write(source, RECTANGLE)
    for folder in (".ipynb_checkpoints", "@eaDir"):
        (source / folder).mkdir()
        write(source / folder, shape("rectangle", (1, 1), (9, 9), label="old"), name="one-checkpoint")
    (source / "._one.png").write_bytes(b"side file")
    project = kitchen.new_project()
    report = kitchen.take("labelme", source, project)
    assert (report.photos, report.foods, report.labels) == (1, 1, ("rice",))
    assert [one.what for one in report.not_taken] == [
        ".ipynb_checkpoints/one-checkpoint.json",
        "@eaDir/one-checkpoint.json",
        "._one.png",
    ]
    assert {one.why for one in report.not_taken} == {
        "It is a copy that another program keeps, such as a thumbnail or a deleted file."
    }


def test_a_photo_of_another_folder_is_not_taken_for_the_one_named(kitchen: Kitchen, source: Path) -> None:
    (source / "monday").mkdir()
    (source / "one.png").rename(source / "monday" / "one.png")
    write(source, RECTANGLE, imagePath="tuesday/one.png")
    report = kitchen.take("labelme", source, kitchen.new_project())
    [left] = report.not_taken
    assert (left.what, report.photos) == ("one.json", 0)
    assert left.why.startswith("The file 'tuesday/one.png' is missing.")
    assert report.unnamed == ("monday/one.png",)


def test_photos_that_no_file_names_are_said(kitchen: Kitchen, source: Path) -> None:
    (source / "two.png").write_bytes(encoded(draw(SMALL, 10), "PNG"))
    write(source, RECTANGLE)
    report = kitchen.take("labelme", source, kitchen.new_project())
    assert (report.photos, report.unnamed) == (1, ("two.png",))


def test_photos_of_one_name_are_told_apart_by_their_folders(kitchen: Kitchen, source: Path) -> None:
    for seed, name in enumerate(("P01", "P02"), 10):
        (source / name).mkdir()
        (source / name / "IMG_0001.png").write_bytes(encoded(draw(SMALL, seed), "PNG"))
        write(source / name, RECTANGLE, name="IMG_0001", imagePath="IMG_0001.png")
    (source / "one.png").unlink()
    project = kitchen.new_project()
    kitchen.take("labelme", source, project)
    assert [final.item.name for final in kitchen.finals(project)] == ["P01/IMG_0001.png", "P02/IMG_0001.png"]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_file_may_begin_with_a_byte_order_mark(kitchen: Kitchen, source: Path, encoding: str) -> None:
    path = write(
        source, shape("rectangle", (50, 20), (30, 10), label="crème"), imageWidth="64", imageHeight=48.0
    )
    path.write_text(path.read_text(), encoding=encoding)
    np.testing.assert_array_equal(taken(kitchen, source)["crème"], [box(30, 10, 50, 20)])


def test_a_circle_is_a_centre_and_a_point_on_its_rim(kitchen: Kitchen, source: Path) -> None:
    [mask] = taken(kitchen, write(source, shape("circle", (20, 24), (20, 34))))["rice"]
    rows, columns = np.nonzero(mask)
    assert (columns.min(), columns.max(), rows.min(), rows.max()) == (10, 29, 14, 33)
    assert mask.sum() == pytest.approx(np.pi * 100, rel=0.02)
    assert mask[14, 19]
    assert not mask[14, 10]


def test_a_circle_is_clipped_at_the_edge(kitchen: Kitchen, source: Path) -> None:
    [mask] = taken(kitchen, write(source, shape("circle", (0, 0), (10, 0))))["rice"]
    assert mask.sum() == pytest.approx(np.pi * 25, rel=0.04)


def picture_of(mask: np.ndarray, mode: str = "L") -> str:
    file = io.BytesIO()
    Image.fromarray(mask.astype(np.uint8)).convert(mode).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


@pytest.mark.parametrize("white", [1, 255])
def test_a_mask_is_a_picture_of_its_box(kitchen: Kitchen, source: Path, white: int) -> None:
    expected = box(30, 10, 50, 20) & ~box(35, 12, 40, 15)
    drawn = picture_of(expected[10:20, 30:50] * white)
    path = write(source, shape("mask", (30, 10), (49, 19), mask=drawn))
    np.testing.assert_array_equal(taken(kitchen, path)["rice"], [expected])


@pytest.mark.parametrize(
    ("corners", "mask", "why"),
    [
        (
            ((30, 10), (49, 20)),
            picture_of(np.ones((10, 20))),
            "The picture of its mask does not fit its box.",
        ),
        (((30, 10), (49, 19)), picture_of(np.ones((10, 20)), "RGB"), "The picture of its mask does not fit"),
        (((45, 10), (64, 19)), picture_of(np.ones((10, 20))), "The box of its mask lies outside the photo."),
        (((49, 19), (30, 10)), picture_of(np.ones((10, 20))), "The box of its mask lies outside the photo."),
        (((30, 10), (49, 19)), picture_of(np.ones((10, 20)))[:-40], "The picture of its mask is damaged."),
        (((30, 10), (49, 19)), "no!", "The picture of its mask is damaged."),
        (((30, 10), (49, 19)), None, "The picture of its mask is damaged."),
        (((30, 10), (49, 19)), picture_of(np.zeros((10, 20))), "The mask is empty."),
    ],
)
def test_an_invalid_mask_is_reported(
    kitchen: Kitchen, source: Path, corners: Any, mask: str | None, why: str
) -> None:
    report = kitchen.take("labelme", write(source, shape("mask", *corners, mask=mask), RECTANGLE))
    [left] = report.not_taken
    assert left.what == "one.png, shape 1"
    assert left.why.startswith(why)
    assert report.foods == 1


def test_shapes_with_the_same_label_and_group_are_one_food(kitchen: Kitchen, source: Path) -> None:
    one, other = (
        shape("rectangle", (0, 0), (5, 5), group_id=1),
        shape("rectangle", (9, 0), (14, 5), group_id=1),
    )
    alone, peas = shape("rectangle", (20, 20), (30, 30)), shape("rectangle", (0, 9), (9, 20), label="peas")
    masks = taken(kitchen, write(source, one, alone, other, {**peas, "group_id": 1}, alone))
    assert list(masks) == ["rice", "peas"]
    twice = box(20, 20, 30, 30)
    np.testing.assert_array_equal(masks["rice"], [box(0, 0, 5, 5) | box(9, 0, 14, 5), twice, twice])
    np.testing.assert_array_equal(masks["peas"], [box(0, 9, 9, 20)])


def test_subfolders_are_read(kitchen: Kitchen, source: Path) -> None:
    write(source, RECTANGLE)
    (source / "json").mkdir()
    (source / "photos").mkdir()
    (source / "photos" / "two.png").write_bytes(encoded(draw(SMALL, 10), "PNG"))
    write(source / "json", RECTANGLE, name="two", imagePath="..\\photos\\two.png")
    project = kitchen.new_project()
    report = kitchen.take("labelme", source, project)
    assert (report.photos, report.foods, report.not_taken) == (2, 2, ())
    assert {final.item.name for final in kitchen.finals(project)} == {"one.png", "two.png"}


def test_the_photo_inside_the_file_is_used_if_its_file_is_missing(kitchen: Kitchen, source: Path) -> None:
    (source / "one.png").unlink()
    write(source, RECTANGLE, imageData=INSIDE)
    np.testing.assert_array_equal(taken(kitchen, source)["rice"], [box(30, 10, 50, 20)])


@pytest.mark.parametrize("name", ["../secret.png", "/etc/passwd", "{folder}/secret.png", "..\\secret.png"])
def test_nothing_outside_the_folder_is_read(kitchen: Kitchen, source: Path, name: str) -> None:
    (source.parent / "secret.png").write_bytes(PHOTO)
    rows = kitchen.rows()
    path = write(source, RECTANGLE, imagePath=name.format(folder=source.parent))
    [left] = kitchen.take("labelme", path).not_taken
    assert left.what == "one.json"
    assert "lies outside the folder that is imported" in left.why
    assert kitchen.rows() == rows


def test_a_link_to_the_outside_is_not_followed(kitchen: Kitchen, source: Path) -> None:
    (source.parent / "elsewhere").mkdir()
    (source / "linked.json").symlink_to(write(source.parent / "elsewhere", RECTANGLE))
    [left] = kitchen.take("labelme", source).not_taken
    assert left.what == "linked.json"
    assert "lies outside the folder that is imported" in left.why


@pytest.mark.parametrize(
    ("drawn", "why"),
    [
        (
            shape("line", (1, 1), (9, 9)),
            "A line has no area; only polygons, rectangles, circles and masks are taken.",
        ),
        (
            shape("point", (1, 1)),
            "A point has no area; only polygons, rectangles, circles and masks are taken.",
        ),
        (shape("rectangle", (1, 1)), "A rectangle has two points, this one 1."),
        (shape("circle", (1, 1), (2, 2), (3, 3)), "A circle has two points, this one 3."),
        (shape("polygon", (1, 1), (9, 9)), "It is an outline of fewer than three points."),
        (shape("polygon", (1, 1), (9, 9), (99, 1)), "It lies outside the photo of 64 x 48 pixels, at 99, 1."),
        (shape("rectangle", (5, 5), (5, 9)), "The mask is empty."),
        (shape("circle", (5, 5), (5, 5)), "The mask is empty."),
        ({"shape_type": "polygon", "points": []}, "It has no label."),
        (
            shape("rectangle", (1, 1), (5, 5), label="half \ud800"),
            "Its name or its note holds characters that cannot be stored.",
        ),
        ({"label": "rice", "shape_type": "polygon", "points": None}, "Its points are not pairs of numbers."),
        ({"label": "rice", "points": [[1, 2, 3]]}, "Its points are not pairs of numbers."),
        ("rice", "It has no label."),
    ],
)
def test_an_invalid_shape_is_reported_and_the_rest_imported(
    kitchen: Kitchen, source: Path, drawn: Any, why: str
) -> None:
    project = kitchen.new_project()
    report = kitchen.take("labelme", write(source, drawn, RECTANGLE), project)
    assert [(one.what, one.why) for one in report.not_taken] == [("one.png, shape 1", why)]
    np.testing.assert_array_equal(masks_of(kitchen.finals(project)[0])["rice"], [box(30, 10, 50, 20)])


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ({"imagePath": "two.png"}, "The file 'two.png' is missing."),
        ({"imagePath": "two.png", "imageData": "no!"}, "The picture inside it is damaged."),
        ({"imagePath": "two.png", "imageData": "aGVsbG8="}, "This file is text"),
        ({"imagePath": None}, "The file 'bad' is missing."),
        (
            {"imageWidth": 48, "imageHeight": 64},
            "The photo has 64 x 48 pixels, and 48 x 64 by the labelme file",
        ),
        ({"shapes": None}, "It is not a labelme file: it has no shapes."),
    ],
)
def test_an_invalid_file_is_reported_and_the_others_imported(
    kitchen: Kitchen, source: Path, content: dict[str, Any], why: str
) -> None:
    write(source, RECTANGLE)
    write(source, RECTANGLE, name="bad", **content)
    report = kitchen.take("labelme", source, kitchen.new_project())
    [left] = report.not_taken
    assert left.what == "bad.json"
    assert left.why.startswith(why)
    assert (report.photos, report.foods) == (1, 1)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe"])
def test_a_damaged_file_changes_nothing(kitchen: Kitchen, source: Path, content: bytes) -> None:
    (source / "one.json").write_bytes(content)
    rows = kitchen.rows()
    report = kitchen.take("labelme", source)
    assert [one.what for one in report.not_taken] == ["one.json"]
    assert (report.photos, report.foods) == (0, 0)
    assert kitchen.rows() == rows


def test_a_folder_without_json_files_is_refused(kitchen: Kitchen, source: Path) -> None:
    with pytest.raises(StoreError, match="has no JSON files, which labelme writes beside the photos"):
        kitchen.take("labelme", source)
