"""The page's requests that find and blur faces, on a real store and real files."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image

from rvernet_app.store.database import Store
from rvernet_app.store.queue import add_photos
from rvernet_app.store.roles import Actor
from rvernet_app.store.tables import Item
from rvernet_app.ui.project.blurring import Blurring
from rvernet_app.ui.project.requests import BlurPhoto, FindFaces
from tests.rvernet_app.store.desk import Desk, set_up

ME = Actor("Ann", is_admin=True)


@pytest.fixture
def desk(store: Store) -> Desk:
    return set_up(store)


def noise(desk: Desk) -> int:
    """Add a photo of noise; returns its item."""
    file = io.BytesIO()
    Image.effect_noise((40, 30), 90).save(file, "PNG")
    (added,) = add_photos(desk.store, desk.files, desk.project, [("face.png", file.getvalue())])
    assert added.item_id is not None
    return added.item_id


def test_a_blurred_photo_is_forgotten_as_it_was(desk: Desk, tmp_path: Path) -> None:
    forgotten: list[str] = []
    blurring = Blurring(desk.store, desk.files, forgotten.extend, tmp_path)
    item = noise(desk)
    with desk.store.reading() as session:
        before = session.get_one(Item, item).photo.sha256
    reply = blurring.blur_photo(BlurPhoto(project=desk.project, item=item, boxes=[[0, 0, 20, 20]]), ME)
    assert reply.elsewhere == 0
    assert forgotten == [before]


def test_faces_are_proposed_where_the_weights_are(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blurring = Blurring(desk.store, desk.files, lambda photos: None, tmp_path)
    asked = FindFaces(project=desk.project, item=noise(desk))
    assert blurring.find_faces(asked, ME).to_json() == {"boxes": [], "can": False}
    (tmp_path / "face_detection_yunet_2023mar.onnx").touch()
    monkeypatch.setattr("rvernet_app.ui.project.blurring.find_faces", lambda photo, weights: [(1, 2, 3, 4)])
    assert blurring.find_faces(asked, ME).to_json() == {"boxes": [[1, 2, 3, 4]], "can": True}
