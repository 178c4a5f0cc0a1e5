"""Answers about blurring faces and other parts of a photo in a project."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path

from rvernet_app.errors import StoreError
from rvernet_app.picture.faces import face_weights, find_faces
from rvernet_app.picture.photos import read_pixels
from rvernet_app.store import projects, queue
from rvernet_app.store.blurring import blur_photo
from rvernet_app.store.database import Store
from rvernet_app.store.files import PhotoFiles
from rvernet_app.store.roles import Actor, Role
from rvernet_app.ui.answers import StoreHandler
from rvernet_app.ui.project.replies import Blurred, Faces
from rvernet_app.ui.project.requests import BlurPhoto, FindFaces


class Blurring:
    """Blurs parts of photos, for the page.

    Args:
        forget: drops what the server has of photos beside the store, by the SHA-256 of each.
        weights_dir: folder that may hold the weights of the face finder.
    """

    def __init__(
        self,
        store: Store,
        files: PhotoFiles,
        forget: Callable[[Collection[str]], None],
        weights_dir: Path,
    ) -> None:
        self._store = store.acting
        self._files = files
        self._forget = forget
        self._weights_dir = weights_dir

    @property
    def handlers(self) -> list[StoreHandler]:
        """All that the page may ask."""
        return [self.blur_photo, self.find_faces]

    def blur_photo(self, asked: BlurPhoto, me: Actor) -> Blurred:
        """Blur boxes of a photo for good."""
        store = self._store(me)
        with store.writing() as session:
            projects.project(session, asked.project, Role.REVIEWER)
            mine = projects.ensure_annotator(session, me.name)
        boxes = [(left, top, right, bottom) for left, top, right, bottom in asked.boxes]
        done = blur_photo(store, self._files, asked.project, asked.item, boxes, mine)
        self._forget(done.removed)
        return Blurred(elsewhere=done.elsewhere)

    def find_faces(self, asked: FindFaces, me: Actor) -> Faces:
        """Propose boxes around the faces of a photo."""
        with self._store(me).reading() as session:
            photo = queue.item(session, asked.project, asked.item).photo
            copy = self._files.working_copy(photo.sha256, photo.format)
        weights = face_weights(self._weights_dir)
        if weights is None:
            return Faces(boxes=[], can=False)
        try:
            boxes = find_faces(read_pixels(copy), weights)
        except OSError as error:
            raise StoreError("The file of this photo is missing or damaged.") from error
        return Faces(boxes=[list(box) for box in boxes], can=True)
