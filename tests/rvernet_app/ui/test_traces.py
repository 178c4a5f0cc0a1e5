"""What leaves the server holds no metadata of a photo, and a deleted photo leaves nothing behind."""

from __future__ import annotations

import base64
import io
import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import numpy as np
import pytest
from PIL import ExifTags, Image, ImageCms, PngImagePlugin

from rvernet_app.config import AppConfig
from rvernet_app.exchange.backup import backup
from rvernet_app.exchange.formats.registry import EXPORTS
from rvernet_app.pipeline import Pipeline, build_pipeline
from rvernet_app.store.annotations import give_verdict
from rvernet_app.store.consensus import Shares
from rvernet_app.store.database import Store
from rvernet_app.store.queue import add_photos
from rvernet_app.store.removal import delete_photos
from rvernet_app.store.roles import Actor
from rvernet_app.store.tables import DONE
from rvernet_app.ui.access import uploads_folder
from rvernet_app.ui.answers import answered
from rvernet_app.ui.project.exporting import Exporting
from rvernet_app.ui.project.labeling import Labeling
from rvernet_app.ui.project.requests import ExportProject, OpenItem
from rvernet_app.ui.traces import forget
from rvernet_app.ui.turns import Turns
from rvernet_app.ui.visitor.api import Api
from rvernet_app.ui.visitor.handlers import Handlers
from tests.loops import in_loop
from tests.rvernet_app.store.desk import Desk, commit, set_up

SECRET = b"ZQXJ"
"""Begins every marker in the metadata of the photos here."""
MARKER = SECRET.decode() + "-%s"
ME = Actor("Ann", is_admin=True)
FORMATS = ["JPEG", "PNG", "WEBP", "TIFF", "HEIF"]


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    config = AppConfig(segmenter="grabcut", device="cpu", photos_dir=tmp_path_factory.mktemp("photos"))
    return build_pipeline(config)


@pytest.fixture
def handlers(pipeline: Pipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Handlers:
    monkeypatch.delenv("SPACE_ID", raising=False)
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "uploads"))
    return Handlers(pipeline, {})


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    store = Store(tmp_path / "data")
    yield set_up(store)
    store.close()


def telling(file_format: str, size: tuple[int, int]) -> bytes:
    """Return a photo with markers in all the metadata that its format can hold, and behind its end."""
    exif = Image.Exif()
    exif[ExifTags.Base.Artist] = MARKER % "artist"
    exif[ExifTags.Base.ImageDescription] = MARKER % "description"
    exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSAreaInformation] = (MARKER % "gps").encode()
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.MakerNote] = (MARKER % "maker").encode()
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.UserComment] = (MARKER % "comment").encode()
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    profile += (MARKER % "profile").encode()
    xmp = f"<x:xmpmeta xmlns:x='adobe:ns:meta/'>{MARKER % 'xmp'}</x:xmpmeta>".encode()
    how: dict[str, Any] = {"exif": exif.tobytes(), "icc_profile": profile}
    if file_format in ("JPEG", "WEBP", "HEIF"):
        how["xmp"] = xmp
    if file_format == "JPEG":
        how["comment"] = MARKER % "jpeg-comment"
    if file_format == "PNG":
        how["pnginfo"] = PngImagePlugin.PngInfo()
        how["pnginfo"].add_text("Comment", MARKER % "text")
        how["pnginfo"].add_itxt("XML:com.adobe.xmp", xmp.decode())
    pixels = np.full((size[1], size[0], 3), 200, np.uint8)
    pixels[size[1] // 4 : size[1] // 2, size[0] // 4 : size[0] // 2] = (190, 40, 40)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, file_format, **how)
    data = file.getvalue()
    if file_format == "JPEG":  # IPTC as Photoshop writes it, in front of the rest
        caption = (MARKER % "iptc").encode()
        record = b"\x1c\x02\x78" + len(caption).to_bytes(2, "big") + caption
        body = b"Photoshop 3.0\0" + b"8BIM\x04\x04\0\0" + len(record).to_bytes(4, "big") + record
        data = data[:2] + b"\xff\xed" + (len(body) + 2).to_bytes(2, "big") + body + data[2:]
    return data + (MARKER % "trailer").encode()


def uploaded(data: bytes) -> Path:
    path = uploads_folder() / "abc" / "meal"
    path.parent.mkdir(parents=True)
    path.write_bytes(data)
    return path


def inside(data: bytes) -> Iterator[bytes]:
    """Yield a file, and all that is packed or written as text in it."""
    yield data
    if zipfile.is_zipfile(io.BytesIO(data)):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for name in archive.namelist():
                yield from inside(archive.read(name))
    for picture in re.findall(rb"base64,([A-Za-z0-9+/=]+)", data):
        yield base64.b64decode(picture)


def tells(*files: bytes | Path | dict[str, Any]) -> bool:
    """Return whether a marker is anywhere in these files or messages."""
    for file in files:
        data = file if isinstance(file, bytes) else b""
        if isinstance(file, Path):
            data = file.read_bytes()
        elif isinstance(file, dict):
            data = json.dumps(file).encode()
        if any(SECRET in part for part in inside(data)):
            return True
    return False


def files_in(*folders: Path) -> list[Path]:
    return sorted(path for folder in folders for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("file_format", FORMATS)
def test_no_metadata_of_an_opened_photo_leaves(
    file_format: str, handlers: Handlers, pipeline: Pipeline
) -> None:
    data = telling(file_format, (120, 90))
    assert tells(data)
    upload = uploaded(data)
    opened = answered(handlers.open_photo)({"path": str(upload), "name": "Meal"})
    photo = opened["id"]
    found = answered(handlers.segment)({"photo": photo, "points": [[40, 30, 1]], "box": None, "insist": True})
    food = {"rle": found["candidates"][0]["rle"], "title": "Rice", "label": None, "score": 0.5}
    asked = {"photo": photo, "name": "Meal", "foods": [food], "method": "gradcam"}
    ready = answered(handlers.download)(asked)
    api = Api(pipeline, Turns())
    file: Any = {"path": str(upload)}
    segmented = in_loop(api.segment(file, [[40, 30, 1]], gr.Request(session_hash="ann"), insist=True))
    assert "url" in ready
    assert len(handlers.served.paths) == 2
    assert not tells(opened, found, ready, segmented, *map(Path, handlers.served.paths))


@pytest.mark.parametrize("file_format", ["JPEG", "PNG"])
def test_no_metadata_of_a_projects_photo_leaves_but_in_a_backup(
    file_format: str, desk: Desk, handlers: Handlers, tmp_path: Path
) -> None:
    data = telling(file_format, (8, 6))
    (added,) = add_photos(desk.store, desk.files, desk.project, [("meal", data)])
    assert added.item_id is not None
    commit(desk.store, give_verdict, added.item_id, desk.ann, DONE)
    labeling = Labeling(desk.store, desk.files, handlers.photos, handlers.present)
    shown = labeling.open_item(OpenItem(project=desk.project, item=added.item_id), ME).to_json()
    assert shown["photo"]["width"] == 8
    for name, export in EXPORTS.items():
        export(desk.store, desk.files, desk.project, tmp_path / "exports" / name, Shares())
    sha256 = shown["photo"]["id"]
    kind = "JPEG" if file_format == "JPEG" else "PNG"
    thumbnail = desk.files.thumbnail(sha256, kind)
    copy = desk.files.working_copy(sha256, kind)
    assert not tells(
        shown, thumbnail, copy, *files_in(tmp_path / "exports"), *map(Path, handlers.served.paths)
    )
    backup(desk.store, tmp_path / "backup")
    telling_files = [path for path in files_in(tmp_path / "backup") if tells(path)]
    assert telling_files == [tmp_path / "backup" / "originals" / sha256[:2] / sha256]


def test_a_deleted_photo_leaves_no_file_behind(
    desk: Desk, handlers: Handlers, pipeline: Pipeline, tmp_path: Path
) -> None:
    folders = [tmp_path / "data", pipeline.config.photos_dir, tmp_path / "uploads"]
    commit(desk.store, give_verdict, desk.items[0], desk.ann, DONE)
    pipeline.config.photos_dir.mkdir(exist_ok=True)
    before = {path for path in files_in(*folders) if path.name != "rvernet.sqlite3-wal"}
    data = telling("JPEG", (8, 6))
    upload = uploaded(data)
    (added,) = add_photos(desk.store, desk.files, desk.project, [("meal.jpg", upload)])
    assert added.item_id is not None
    commit(desk.store, give_verdict, added.item_id, desk.ann, DONE)
    labeling = Labeling(desk.store, desk.files, handlers.photos, handlers.present)
    shown = labeling.open_item(OpenItem(project=desk.project, item=added.item_id), ME).to_json()
    photo = shown["photo"]["id"]
    desk.files.thumbnail(photo, "JPEG")
    exporting = Exporting(desk.store, desk.files, handlers.served)
    exporting.export_project(ExportProject(project=desk.project, format="coco"), ME)
    pipeline.encode(handlers.photos.get(photo))
    handlers._keep(photo, SimpleNamespace(low_res=np.zeros((1, 2, 2))))  # type: ignore[arg-type]
    made = set(files_in(*folders)) - before
    kinds = {path.suffix for path in made}
    assert {"", ".jpg", ".zip"} <= kinds  # original and upload, copies, export

    forget(handlers, pipeline, delete_photos(desk.store, desk.files, desk.project, [added.item_id]))

    left = {path.name for path in set(files_in(*folders)) - before}
    assert left <= {"CACHEDIR.TAG", "rvernet.sqlite3-wal", "rvernet.sqlite3-shm"}
    assert not handlers._low_res
    assert photo not in handlers.photos._decoded
    assert not any(photo in key for key in pipeline.embeddings._kept)
