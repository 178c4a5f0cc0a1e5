"""ZIPs that other people made: unpacked, or refused with a sentence."""

from __future__ import annotations

import io
import json
import stat
import zipfile
from pathlib import Path

import numpy as np
import pytest

from rvernet_app.errors import StoreError
from rvernet_app.exchange import archive
from tests.rvernet_app.exchange.formats.coco_source import MASK, one_photo
from tests.rvernet_app.exchange.formats.kitchen import SMALL, Kitchen, draw, encoded, masks_of

PHOTO = encoded(draw(SMALL, 9), "PNG")
SOUND = {
    "images/default/one.png": PHOTO,
    "annotations/instances_default.json": json.dumps(one_photo()).encode(),
}


def zipped(path: Path, members: dict[str, bytes], *extra: tuple[zipfile.ZipInfo, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
        for name, content in members.items():
            out.writestr(name, content)
        for info, content in extra:
            out.writestr(info, content)
    return path


@pytest.mark.parametrize("top", ["", "my export/"])
def test_an_archive_is_imported_like_its_folder(kitchen: Kitchen, tmp_path: Path, top: str) -> None:
    source = zipped(tmp_path / "cvat.zip", {f"{top}{name}": content for name, content in SOUND.items()})
    project = kitchen.new_project()
    report = kitchen.take("coco", source, project)
    assert (report.photos, report.foods, report.not_taken, report.unnamed) == (1, 1, (), ())
    np.testing.assert_array_equal(masks_of(kitchen.finals(project)[0])["rice"], [MASK])


def test_every_export_that_can_be_imported_comes_back_as_a_zip(kitchen: Kitchen, tmp_path: Path) -> None:
    for name in ("coco", "yolo-seg"):
        kitchen.export(name, tmp_path / name)
        files = {
            str(p.relative_to(tmp_path)): p.read_bytes() for p in (tmp_path / name).rglob("*") if p.is_file()
        }
        report = kitchen.take(name, zipped(tmp_path / f"{name}.zip", files), kitchen.new_project())
        assert (report.photos, report.foods, report.not_taken) == (6, 10, ())


@pytest.mark.parametrize(
    "name", ["../out.png", "/etc/out.png", "images/../../out.png", "..\\out.png", "C:\\out.png"]
)
def test_nothing_is_written_outside(kitchen: Kitchen, tmp_path: Path, name: str) -> None:
    source = zipped(tmp_path / "in.zip", {**SOUND, name: PHOTO})
    report = kitchen.take("coco", source, kitchen.new_project())
    assert [(one.what, one.why) for one in report.not_taken] == [(name, "Its path leads out of the archive.")]
    assert report.foods == 1
    assert not list(tmp_path.rglob("out.png"))


def test_links_and_copies_of_other_programs_are_left_out(kitchen: Kitchen, tmp_path: Path) -> None:
    link = zipfile.ZipInfo("images/link.png")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    members = {**SOUND, "__MACOSX/images/default/._one.png": b"side file"}
    report = kitchen.take(
        "coco", zipped(tmp_path / "in.zip", members, (link, b"/etc/passwd")), kitchen.new_project()
    )
    assert [one.what for one in report.not_taken] == ["__MACOSX/images/default/._one.png", "images/link.png"]
    assert report.foods == 1


def test_names_in_utf_8_without_its_flag_are_read(kitchen: Kitchen, tmp_path: Path) -> None:
    """macOS writes such names."""
    described = one_photo()
    described["images"][0]["file_name"] = "cr\u00e8me.png"
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        made.writestr("images/crxxme.png", PHOTO)
        made.writestr("annotations.json", json.dumps(described))
    (tmp_path / "mac.zip").write_bytes(out.getvalue().replace(b"crxxme", "cr\u00e8me".encode()))
    assert kitchen.take("coco", tmp_path / "mac.zip", kitchen.new_project()).foods == 1


def test_archives_that_grow_too_much_are_refused(
    kitchen: Kitchen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = zipped(tmp_path / "in.zip", {**SOUND, "zeros.png": bytes(10**6)})
    rows = kitchen.rows()
    for name, limit, message in (
        ("MAX_MEMBERS", 2, "holds 3 files"),
        ("MAX_BYTES", 10**5, "over the limits"),
        ("SMALL", 0, "far more than photos"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(archive, name, limit)
            with pytest.raises(StoreError, match=message):
                kitchen.take("coco", source)
    assert kitchen.rows() == rows


def test_encrypted_and_damaged_archives_and_other_kinds_are_refused(kitchen: Kitchen, tmp_path: Path) -> None:
    source = zipped(tmp_path / "in.zip", SOUND)
    sound = source.read_bytes()
    encrypted = bytearray(sound)
    encrypted[sound.index(b"PK\x01\x02") + 8] |= 1
    source.write_bytes(encrypted)
    with pytest.raises(StoreError, match=r"in\.zip has a password; unpack it and import the folder"):
        kitchen.take("coco", source)
    damaged = bytearray(sound)
    damaged[60:80] = bytes(20)
    for content, message in (
        (bytes(damaged), "cannot be unpacked"),
        (sound[:-60], "is damaged, or not a ZIP"),
    ):
        source.write_bytes(content)
        with pytest.raises(StoreError, match=message):
            kitchen.take("coco", source)
    (tmp_path / "in.tar.gz").write_bytes(sound)
    with pytest.raises(StoreError, match=r"unpack it and import the folder"):
        kitchen.take("labelme", tmp_path / "in.tar.gz")
