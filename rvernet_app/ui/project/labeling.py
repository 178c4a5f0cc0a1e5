"""Answers about labeling: the photos of a queue, and what an annotator says of them.

Nothing here belongs to a visitor. A reply that something is saved is sent once it is committed.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import asdict

from sqlalchemy.orm import Session

from rvernet_app.errors import RvernetError, StoreError
from rvernet_app.label_files import decode_label_set
from rvernet_app.picture.photo_cache import PhotoCache
from rvernet_app.picture.photos import LoadedPhoto
from rvernet_app.portions import METHODS, UNITS
from rvernet_app.store import annotations as stored_foods
from rvernet_app.store import history, listing, members, projects, queue, review
from rvernet_app.store.database import Store
from rvernet_app.store.files import PhotoFiles
from rvernet_app.store.roles import Actor, Role, names_with, require_item_role, require_server_admin, role_of
from rvernet_app.store.sight import sees_others
from rvernet_app.store.tables import DONE, Annotation, Event, Item
from rvernet_app.ui.access import LoginError
from rvernet_app.ui.answers import StoreHandler
from rvernet_app.ui.project import replies, requests
from rvernet_app.ui.project.label_sets import file_bytes
from rvernet_app.ui.project.rows import (
    comment_replies,
    event_reply,
    food_reply,
    label_set_reply,
    limit_replies,
)
from rvernet_app.ui.requests import Empty, Signed
from rvernet_app.ui.visitor.replies import PhotoReply


class Labeling:
    """Answers about a store's projects, for the page.

    Args:
        photos: where the engine looks for the photos it is asked about.
        present: makes what the page shows of a photo and its name.
    """

    def __init__(
        self,
        store: Store,
        files: PhotoFiles,
        photos: PhotoCache,
        present: Callable[[LoadedPhoto, str], PhotoReply],
    ) -> None:
        self._store = store.acting
        self._files = files
        self._photos = photos
        self._present = present

    @property
    def handlers(self) -> list[StoreHandler]:
        """All that the page may ask."""
        return [
            self.projects,
            self.create_project,
            self.open_project,
            self.open_item,
            self.list_items,
            self.find_items,
            self.save_food,
            self.delete_food,
            self.undo_food,
            self.redo_food,
            self.give_verdict,
            self.link_before,
            self.set_meal,
            self.history,
        ]

    def projects(self, asked: Empty, me: Actor) -> replies.Projects:
        """List the projects of the visitor, with how far they are."""
        with self._store(me).reading() as session:
            mine = _find(session, me)
            found = [
                replies.ProjectReply(id=p.id, name=p.name, progress=queue.progress(session, p.id, mine))
                for p in projects.all_projects(session)
            ]
        return replies.Projects(
            me=me.name,
            alone=me.alone,
            may_create=me.is_admin,
            projects=found,
            units=list(UNITS),
            methods=list(METHODS),
            limits=limit_replies(),
        )

    def create_project(self, asked: requests.CreateProject, me: Actor) -> replies.Created:
        """Make a project."""
        with self._store(me).reading() as session:  # before a file is read that may be large
            require_server_admin(session, "make projects")
        labels = decode_label_set(file_bytes(asked.label_set)).labels if asked.label_set else None
        with self._store(me).writing() as session:
            created = projects.create_project(
                session,
                asked.name,
                labels,
                new_labels=asked.new_labels is not False,
                double_share=asked.double_share or 0.0,
                blind_share=asked.blind_share or 0.0,
                self_review=me.alone if asked.self_review is None else asked.self_review,
                by=projects.ensure_annotator(session, me.name),
            )
        return replies.Created(id=created)

    def open_project(self, asked: requests.OfProject, me: Actor) -> replies.OpenedProject:
        """Open a project: its label set and the visitor's progress."""
        with self._store(me).reading() as session:
            mine = _find(session, me)
            project = projects.project(session, asked.project)
            role = role_of(session, project.id) or Role.ANNOTATOR
            return replies.OpenedProject(
                id=project.id,
                name=project.name,
                new_labels=project.new_labels,
                double_share=project.double_share,
                blind_share=project.blind_share,
                self_review=project.self_review,
                role=role.word,
                admins=list(names_with(session, project.id, Role.ADMIN)),
                label_set=label_set_reply(session, project.id),
                progress=queue.progress(session, project.id, mine),
                annotators=[me.name] if role < Role.REVIEWER else members.names_of(session, project.id),
            )

    def open_item(self, asked: requests.OpenItem, me: Actor) -> replies.ItemReply:
        """Open a photo of a queue with what the visitor saved on it."""
        named = asked.item is not None or asked.step is not None
        led_to = None if named else self._lead(asked, me)
        with self._store(me).reading() as session:
            mine = _find(session, me)
            item = _asked_item(session, asked) if named else session.get(Item, led_to or 0)
            progress = queue.progress(session, asked.project, mine)
            if item is None:
                return replies.ItemReply(item=None, progress=progress)
            state = queue.state_of(session, item.id, mine)
            reply = replies.ItemReply(
                item=item.id,
                position=item.position,
                blind=item.blind,
                state=state,
                full=queue.is_full(session, item, mine),
                before=item.before_id,
                served=_position(session, item.before_id),
                meal=item.meal,
                foods=self._foods(session, item, mine),
                comments=comment_replies(session, item.id) if state == DONE else [],
                progress=progress,
            )
            sha256, name = item.photo.sha256, item.name
        try:  # outside the transaction: decoding a photo takes long
            photo = self._photos.add(self._files.original(sha256))
        except RvernetError as error:
            return replies.ItemReply(item=reply.item, position=reply.position, error=str(error))
        return reply.model_copy(update={"photo": self._present(photo, name)})

    def list_items(self, asked: requests.ListItems, me: Actor) -> replies.Listed:
        """List a page of a queue, with thumbnails."""
        with self._store(me).reading() as session:
            only = _filter(session, asked)
            if only is None:
                return replies.Listed(items=[])
            after = -1 if asked.after is None else asked.after
            listed = listing.list_items(
                session, asked.project, _find(session, me), **asdict(only), after=after
            )
            return replies.Listed(items=[self._listed(one) for one in listed])

    def find_items(self, asked: requests.FindItems, me: Actor) -> replies.Found:
        """Find the photos that a filter leaves."""
        with self._store(me).reading() as session:
            only = _filter(session, asked)
            if only is None:
                return replies.Found(items=[])
            return replies.Found(items=listing.find_items(session, asked.project, _find(session, me), only))

    def save_food(self, asked: requests.SaveFood, me: Actor) -> replies.SavedReply:
        """Save a food of a photo."""
        _require_own(asked, me)
        draft = asked.draft()
        with self._store(me).writing() as session:
            saved = stored_foods.save(
                session,
                asked.item,
                projects.ensure_annotator(session, me.name),
                draft,
                id=asked.id,
                revision=asked.revision or 0,
                step=asked.step or None,
            )
            return _saved_reply(session, saved)

    def delete_food(self, asked: requests.DeleteFood, me: Actor) -> replies.SavedReply:
        """Delete a food of a photo."""
        _require_own(asked, me)
        with self._store(me).writing() as session:
            mine = projects.ensure_annotator(session, me.name)
            deleted = stored_foods.delete(
                session, asked.item, mine, id=asked.id, revision=asked.revision, step=asked.step or None
            )
            return _saved_reply(session, deleted)

    def undo_food(self, asked: requests.TakeBack, me: Actor) -> replies.TakenBack:
        """Take back the visitor's last step on a photo."""
        return self._taken_back(history.undo, asked, me)

    def redo_food(self, asked: requests.TakeBack, me: Actor) -> replies.TakenBack:
        """Do again the step that was taken back last."""
        return self._taken_back(history.redo, asked, me)

    def _taken_back(
        self,
        take_back: Callable[..., list[Event]],
        asked: requests.TakeBack,
        me: Actor,
    ) -> replies.TakenBack:
        _require_own(asked, me)
        with self._store(me).writing() as session:
            mine = projects.ensure_annotator(session, me.name)
            events = take_back(session, asked.item, mine, step=asked.step or None)
        with self._store(me).reading() as session:
            foods = self._foods(session, session.get_one(Item, asked.item), mine)
        return replies.TakenBack(undone=bool(events), foods=foods)

    def give_verdict(self, asked: requests.GiveVerdict, me: Actor) -> replies.VerdictReply:
        """Say how far the visitor is with a photo."""
        _require_own(asked, me)
        with self._store(me).writing() as session:
            mine = projects.ensure_annotator(session, me.name)
            stored_foods.give_verdict(
                session, asked.item, mine, asked.state, reason=asked.reason, seconds=asked.seconds or 0.0
            )
        with self._store(me).reading() as session:
            return replies.VerdictReply(progress=queue.progress(session, asked.project, mine))

    def link_before(self, asked: requests.LinkBefore, me: Actor) -> replies.Linked:
        """Say whether a photo shows leftovers, and of which earlier photo."""
        with self._store(me).writing() as session:
            mine = projects.ensure_annotator(session, me.name)
            position = queue.item(session, asked.project, asked.item).position
            behind = position if asked.served is None else min(position, asked.served + 1)
            before = queue.neighbour(session, asked.project, behind, -1) if asked.linked else None
            if asked.linked and before is None:
                raise StoreError("There is no photo before this one.")
            queue.link_before(session, asked.item, before.id if before else None, mine)
            return replies.Linked(before=before.id if before else None)

    def set_meal(self, asked: requests.SetMeal, me: Actor) -> replies.MealReply:
        """Name the meal that a photo is of."""
        with self._store(me).writing() as session:
            mine = projects.ensure_annotator(session, me.name)
            return replies.MealReply(meal=queue.set_meal(session, asked.item, asked.meal or "", mine))

    def history(self, asked: requests.ShowHistory, me: Actor) -> replies.History:
        """List the visitor's changes on a photo, or everybody's if the visitor may see them by now."""
        with self._store(me).reading() as session:
            item = require_item_role(session, session.get(Item, asked.item))
            of_all = bool(asked.all) and sees_others(session, item)
        if of_all:
            review.keep_sight(self._store(me), asked.item)
        with self._store(me).reading() as session:
            mine = _find(session, me)
            names = projects.annotator_names(session)
            events = history.history(session, asked.item, None if of_all else mine)
            return replies.History(events=[event_reply(event, names) for event in reversed(events)])

    def _foods(self, session: Session, item: Item, mine: int) -> list[replies.FoodReply]:
        size_hw = item.photo.height, item.photo.width
        return [food_reply(row, size_hw) for row in stored_foods.foods(session, item.id, mine)]

    def _lead(self, asked: requests.OpenItem, me: Actor) -> int | None:
        after = -1 if asked.after is None else asked.after
        with self._store(me).writing() as session:
            mine = projects.ensure_annotator(session, me.name)
            return queue.lead(session, asked.project, mine, after, asked.order or queue.ORDERS[0])

    def _listed(self, listed: listing.Listed) -> replies.ListedItem:
        item = listed.item
        return replies.ListedItem(
            item=item.id,
            position=item.position,
            name=item.name,
            state=listed.state,
            meal=item.meal,
            full=listed.full,
            foods=listed.foods,
            thumb=self._thumbnail(item),
        )

    def _thumbnail(self, item: Item) -> str | None:
        """Return a data URL; None if the photo's file is missing or damaged."""
        try:
            copy = self._files.thumbnail(item.photo.sha256, item.photo.format)
        except RvernetError:
            return None
        return "data:image/jpeg;base64," + base64.b64encode(copy).decode("ascii")


def _saved_reply(session: Session, saved: stored_foods.Saved) -> replies.SavedReply:
    row = session.get_one(Annotation, saved.id)
    return replies.SavedReply(
        id=saved.id,
        revision=saved.revision,
        label=row.label_id,
        labels_version=projects.project(session, row.project_id).labels_version,
    )


def _find(session: Session, me: Actor) -> int:
    """Return the visitor's id as an annotator, or NOBODY before they have saved anything."""
    return projects.find_annotator(session, me.name) or projects.NOBODY


def _require_own(asked: Signed, me: Actor) -> None:
    """Raise LoginError if the page was opened by someone else, who was logged in then."""
    if asked.me and asked.me != me.name:
        raise LoginError(
            f"You are logged in as {me.name} by now, and this page holds work of {asked.me}; "
            f"log in as {asked.me}."
        )


def _filter(session: Session, asked: requests.FindItems) -> listing.Filter | None:
    """Return the filter of a request, or None if it names an unknown annotator."""
    by = None if asked.by is None else projects.find_annotator(session, asked.by)
    if asked.by is not None and by is None:
        return None
    return listing.Filter(asked.state, asked.label, by, asked.uncertain, asked.search)


def _position(session: Session, item_id: int | None) -> int | None:
    item = None if item_id is None else session.get(Item, item_id)
    return item.position if item else None


def _asked_item(session: Session, asked: requests.OpenItem) -> Item | None:
    if asked.item is not None:
        return queue.item(session, asked.project, asked.item)
    if asked.step is None or asked.position is None:
        return None
    return queue.neighbour(session, asked.project, asked.position, asked.step)
