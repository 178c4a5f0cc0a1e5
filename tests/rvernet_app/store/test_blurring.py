"""A photo whose parts are blurred is replaced for good, with all that was labeled on it."""

from __future__ import annotations

import hashlib
import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rvernet_app.errors import GoneError, RoleError, StoreError
from rvernet_app.exchange.backup import backup
from rvernet_app.picture.photos import read_pixels
from rvernet_app.store.blurring import Blurring, blur_photo
from rvernet_app.store.database import Store
from rvernet_app.store.members import set_member
from rvernet_app.store.projects import create_project
from rvernet_app.store.queue import add_photos, named
from rvernet_app.store.removal import delete_photos
from rvernet_app.store.roles import Actor, Role
from tests.rvernet_app.store.desk import Desk, commit, set_up

BOX = (0, 0, 4, 3)


@pytest.fixture
def desk(store: Store) -> Desk:
    """Return a project whose fifth photo has no two pixels alike."""
    desk = set_up(store)
    pixels = np.random.default_rng(1).integers(0, 256, (6, 8, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    (added,) = add_photos(store, desk.files, desk.project, [("face.png", file.getvalue())])
    assert added.item_id is not None
    return replace(desk, items=(*desk.items, added.item_id))


def blur(desk: Desk) -> Blurring:
    return blur_photo(desk.store, desk.files, desk.project, desk.items[4], [BOX], desk.ann)


def files_of(folder: Path, sha256: str) -> list[str]:
    return sorted(path.relative_to(folder).parts[0] for path in folder.rglob(f"{sha256}*"))


def test_the_blurred_photo_takes_the_place_and_the_photo_before_is_gone(desk: Desk, tmp_path: Path) -> None:
    saved = desk.save(item=4)
    before = desk.item(4).photo
    desk.files.thumbnail(before.sha256, before.format)
    pixels = read_pixels(desk.files.working_copy(before.sha256, before.format))

    done = blur(desk)

    after = desk.item(4).photo
    assert done.replaced == before.sha256
    assert done.removed == (before.sha256,)
    assert done.elsewhere == 0
    assert files_of(desk.store.folder, before.sha256) == []
    assert files_of(desk.store.folder, after.sha256) == ["originals", "photos"]
    original = desk.files.original(after.sha256).read_bytes()
    assert hashlib.sha256(original).hexdigest() == after.sha256
    shown = read_pixels(desk.files.working_copy(after.sha256, after.format))
    assert shown.shape == pixels.shape
    np.testing.assert_array_equal(shown[3:], pixels[3:])
    assert desk.food(saved.id).item_id == desk.items[4]
    kept = backup(desk.store, tmp_path / "backup").files
    assert not any(before.sha256 in name for name in kept)
    assert any(after.sha256 in name for name in kept)


def test_pictures_of_trainings_that_may_show_the_photo_go_too(desk: Desk) -> None:
    run = desk.store.folder / "training" / "20260101" / "seed-0"
    run.mkdir(parents=True)
    for name in ("worst.png", "curves.png"):
        (run / name).touch()
    blur(desk)
    assert [path.name for path in run.iterdir()] == ["curves.png"]


def test_another_project_keeps_the_photo_as_it_was_and_is_counted(desk: Desk) -> None:
    before = desk.item(4).photo
    other = commit(desk.store, create_project, "Other", [])
    list(add_photos(desk.store, desk.files, other, [("face.png", desk.files.original(before.sha256))]))
    done = blur(desk)
    assert done.elsewhere == 1
    assert done.removed == ()
    assert desk.files.has(before.sha256, before.format)


def test_a_deleted_photo_is_not_blurred_and_a_lost_one_is_named(desk: Desk) -> None:
    delete_photos(desk.store, desk.files, desk.project, [desk.items[1]])
    with pytest.raises(GoneError):
        blur_photo(desk.store, desk.files, desk.project, desk.items[1], [BOX])
    photo = desk.item(4).photo
    desk.files.working_copy(photo.sha256, photo.format).unlink()
    with pytest.raises(StoreError, match="missing or damaged"):
        blur(desk)


def test_an_annotator_may_not_blur(desk: Desk) -> None:
    with desk.store.writing() as session:
        set_member(session, desk.project, "Ben", Role.ANNOTATOR)
    with pytest.raises(RoleError):
        blur_photo(desk.store.acting(Actor("Ben")), desk.files, desk.project, desk.items[4], [BOX])


def test_a_photo_is_found_by_its_name(desk: Desk) -> None:
    with desk.store.reading() as session:
        assert named(session, desk.project, "1.png").id == desk.items[1]
        with pytest.raises(StoreError, match="No photo is named 'x'"):
            named(session, desk.project, "x")
