"""What the page asks of the store: the photos of a queue, and what an annotator says of them.

As in `handlers`, each function takes untrusted JSON and returns JSON, and nothing here belongs to a visitor.
"""

from __future__ import annotations

import base64
import logging
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

import gradio as gr
from sqlalchemy.orm import Session

from rvernet_app.errors import ConflictError, FullError, RvernetError, StoreError
from rvernet_app.labels import parse_label_set
from rvernet_app.picture.masks import Rle, from_rle, polygons
from rvernet_app.picture.photo_cache import PhotoShelf
from rvernet_app.picture.photos import LoadedPhoto
from rvernet_app.store import annotations as saved_foods
from rvernet_app.store import history, listing, projects, queue, review
from rvernet_app.store.database import Store
from rvernet_app.store.files import PhotoFiles
from rvernet_app.store.label_sets import labels_of
from rvernet_app.store.tables import DONE, METHODS, UNITS, Annotation, Event, Item
from rvernet_app.ui.access import LoginError, visitor_name
from rvernet_app.ui.project.label_sets import label_json
from rvernet_app.ui.requests import as_mapping, number, read_draft, text
from rvernet_app.ui.visitor.handlers import UNEXPECTED, Reply

log = logging.getLogger(__name__)

Answer = Callable[..., Reply]
StoreHandler = Callable[[Mapping[str, Any], str], Reply]
"""What a request for the store is answered by: (message, annotator's name) -> reply."""


def answered_to(handler: StoreHandler) -> Answer:
    """A handler as a function for the browser, told who asks; what it raises is returned as {"error": sentence}.

    A conflict is returned as {"conflict": how it is now, "error": sentence}, a photo that wants nobody more as
    {"full": true, "error": sentence}, and to someone who is not logged in {"login": true, "error": sentence}.
    """

    def answer(message: object, request: gr.Request, profile: gr.OAuthProfile | None) -> Reply:
        try:
            asked = as_mapping(message)
            return handler(asked, visitor_name(asked, request, profile))
        except ConflictError as error:
            return {"error": str(error), "conflict": error.theirs}
        except FullError as error:
            return {"error": str(error), "full": True}
        except LoginError as error:
            return {"error": str(error), "login": True}
        except RvernetError as error:
            return {"error": str(error)}
        except Exception:
            log.exception("%s failed", handler.__name__)
            return {"error": UNEXPECTED}

    answer.__name__ = handler.__name__
    return answer


class Labeling:
    """A store's projects, for the page.

    Args:
        shelf: where the engine looks for the photos it is asked about.
        present: makes of a photo and its name what the page shows of it.
    """

    def __init__(
        self,
        store: Store,
        files: PhotoFiles,
        shelf: PhotoShelf,
        present: Callable[[LoadedPhoto, str], Reply],
    ) -> None:
        self._store = store
        self._files = files
        self._shelf = shelf
        self._present = present

    @property
    def handlers(self) -> list[StoreHandler]:
        """All that the page may ask."""
        return [
            *(self.projects, self.create_project, self.open_project),
            *(
                self.open_item,
                self.list_items,
                self.save_food,
                self.delete_food,
                self.undo_food,
                self.redo_food,
            ),
            *(self.give_verdict, self.link_before, self.set_meal, self.history),
        ]

    def projects(self, message: Mapping[str, Any], me: str) -> Reply:
        """Every project, with how far the visitor is."""
        with self._store.reading() as session:
            mine = _find(session, me)
            found = [
                {"id": p.id, "name": p.name, "progress": queue.progress(session, p.id, mine)}
                for p in projects.all_projects(session)
            ]
        return {"me": me, "projects": found, "units": list(UNITS), "methods": list(METHODS)}

    def create_project(self, message: Mapping[str, Any], me: str) -> Reply:
        """{"name", "label_set", "new_labels", "double_share", "blind_share"} -> its id.

        The label set is the text of a file; without one it is the default.
        """
        name, chosen = text(message, "name"), text(message, "label_set", "")
        labels = parse_label_set(chosen) if chosen.strip() else None
        double_share, blind_share = (number(message, key, 0.0) for key in ("double_share", "blind_share"))
        with self._store.writing() as session:
            created = projects.create_project(
                session,
                name,
                labels,
                new_labels=bool(message.get("new_labels", True)),
                double_share=double_share,
                blind_share=blind_share,
                by=projects.ensure_annotator(session, me),
            )
        return {"id": created}

    def open_project(self, message: Mapping[str, Any], me: str) -> Reply:
        """{"project"} -> its label set and the visitor's progress."""
        with self._store.reading() as session:
            mine = _find(session, me)
            project = projects.project(session, int(number(message, "project")))
            return {
                "id": project.id,
                "name": project.name,
                "new_labels": project.new_labels,
                "labels": [label_json(label) for label in labels_of(session, project.id)],
                "progress": queue.progress(session, project.id, mine),
                "annotators": sorted(projects.annotator_names(session).values()),
            }

    def open_item(self, message: Mapping[str, Any], me: str) -> Reply:
        """A photo of a queue with what the visitor saved on it; {"item": null} where there is none.

        Of one whose file is missing or damaged {"error", "item", "position"}. What others say of it comes with the
        visitor's being done with it.

        {"project", "item"} asks for one by its id, {"project", "after", "order"} for the next to label,
        {"project", "position", "step"} for the one before (-1) or behind (1).
        """
        project_id = int(number(message, "project"))
        named = message.get("item") is not None or message.get("step") is not None
        led_to = None if named else self._lead(message, project_id, me)
        with self._store.reading() as session:
            mine = _find(session, me)
            item = _asked_item(session, message, project_id) if named else session.get(Item, led_to or 0)
            if item is None:
                return {"item": None, "progress": queue.progress(session, project_id, mine)}
            place = {"item": item.id, "position": item.position}
            state = queue.state_of(session, item.id, mine)
            reply = {
                **place,
                "blind": item.blind,
                "state": state,
                "full": queue.is_full(session, item, mine),
                "before": item.before_id,
                "meal": item.meal,
                "foods": self._foods(session, item, mine),
                "comments": comments_json(session, item.id) if state == DONE else [],
                "progress": queue.progress(session, project_id, mine),
            }
        # Outside the transaction: decoding and encoding a photo takes long.
        try:
            photo = self._shelf.add(self._files.original(item.photo.sha256))
        except RvernetError as error:
            return {"error": str(error), **place}
        return {**reply, "photo": self._present(photo, item.name)}

    def list_items(self, message: Mapping[str, Any], me: str) -> Reply:
        """{"project", "after", "state", "label", "by", "uncertain"} -> a page of the queue, with thumbnails."""
        with self._store.reading() as session:
            mine = _find(session, me)
            by = None
            if message.get("by") is not None:
                by = projects.find_annotator(session, text(message, "by"))
                if by is None:
                    return {"items": []}
            listed = listing.list_items(
                session,
                int(number(message, "project")),
                mine,
                state=None if message.get("state") is None else text(message, "state"),
                label_id=None if message.get("label") is None else int(number(message, "label")),
                by=by,
                uncertain=None if message.get("uncertain") is None else number(message, "uncertain"),
                after=int(number(message, "after", -1)),
            )
            return {"items": [self._listed_json(one) for one in listed]}

    def save_food(self, message: Mapping[str, Any], me: str) -> Reply:
        """A food of a photo, new or (with "id" and "revision") changed -> its id and revision, once committed.

        {"step"} names the person's action; all changes with one name are undone together.
        """
        _require_own(message, me)
        draft, item = read_draft(message), int(number(message, "item"))
        id = None if message.get("id") is None else int(number(message, "id"))
        revision = int(number(message, "revision", 0))
        with self._store.writing() as session:
            mine = projects.ensure_annotator(session, me)
            saved = saved_foods.save(
                session, item, mine, draft, id=id, revision=revision, step=_step(message)
            )
        return asdict(saved)

    def delete_food(self, message: Mapping[str, Any], me: str) -> Reply:
        """{"item", "id", "revision", "step"} -> its new revision, once committed."""
        _require_own(message, me)
        item, id, revision = (int(number(message, name)) for name in ("item", "id", "revision"))
        with self._store.writing() as session:
            mine = projects.ensure_annotator(session, me)
            saved = saved_foods.delete(session, item, mine, id=id, revision=revision, step=_step(message))
        return asdict(saved)

    def undo_food(self, message: Mapping[str, Any], me: str) -> Reply:
        """{"item"} -> whether a step of the visitor's was taken back, and the foods as they are then."""
        return self._taken_back(history.undo, message, me)

    def redo_food(self, message: Mapping[str, Any], me: str) -> Reply:
        """{"item"} -> whether an undo of the visitor's was taken back, and the foods as they are then."""
        return self._taken_back(history.redo, message, me)

    def _taken_back(
        self, take_back: Callable[[Session, int, int], list[Event]], message: Mapping[str, Any], me: str
    ) -> Reply:
        _require_own(message, me)
        item_id = int(number(message, "item"))
        with self._store.writing() as session:
            mine = projects.ensure_annotator(session, me)
            events = take_back(session, item_id, mine)
        with self._store.reading() as session:
            foods = self._foods(session, session.get_one(Item, item_id), mine)
        return {"undone": bool(events), "foods": foods}

    def give_verdict(self, message: Mapping[str, Any], me: str) -> Reply:
        """{"project", "item", "state", "reason", "seconds"} -> the visitor's progress."""
        _require_own(message, me)
        project_id, item_id = (int(number(message, name)) for name in ("project", "item"))
        state, reason = text(message, "state"), text(message, "reason", "")
        seconds = number(message, "seconds", 0.0)
        with self._store.writing() as session:
            mine = projects.ensure_annotator(session, me)
            saved_foods.give_verdict(session, item_id, mine, state, reason=reason, seconds=seconds)
        with self._store.reading() as session:
            return {"progress": queue.progress(session, project_id, mine)}

    def link_before(self, message: Mapping[str, Any], me: str) -> Reply:
        """{"project", "item", "linked"} -> the photo in front of it, of which it then shows the leftovers, or null."""
        project_id, item_id = (int(number(message, name)) for name in ("project", "item"))
        with self._store.writing() as session:
            mine = projects.ensure_annotator(session, me)
            position = queue.item(session, project_id, item_id).position
            before = queue.neighbour(session, project_id, position, -1)
            if message.get("linked") and before is None:
                raise StoreError("There is no photo in front of this one.")
            before_id = before.id if before and message.get("linked") else None
            queue.link_before(session, item_id, before_id, mine)
        return {"before": before_id}

    def set_meal(self, message: Mapping[str, Any], me: str) -> Reply:
        """{"item", "meal"} -> the meal it is of now, null for none."""
        item_id, meal = int(number(message, "item")), text(message, "meal", "")
        with self._store.writing() as session:
            return {"meal": queue.set_meal(session, item_id, meal, projects.ensure_annotator(session, me))}

    def history(self, message: Mapping[str, Any], me: str) -> Reply:
        """{"item", "all"} -> every change of the visitor's on it, newest first.

        All is everyone's, once the visitor is done with it.
        """
        item_id = int(number(message, "item"))
        with self._store.reading() as session:
            mine = _find(session, me)
            of_all = bool(message.get("all")) and queue.state_of(session, item_id, mine) == DONE
            names = projects.annotator_names(session)
            events = history.history(session, item_id, None if of_all else mine)
            return {
                "events": [
                    {
                        "at": event.at.isoformat(),
                        "who": names.get(event.annotator_id or 0),
                        "subject": event.subject,
                        "id": event.subject_id,
                        "before": _without_mask(event.before),
                        "after": _without_mask(event.after),
                    }
                    for event in reversed(events)
                ]
            }

    def _foods(self, session: Session, item: Item, mine: int) -> list[Reply]:
        size_hw = item.photo.height, item.photo.width
        return [_food_json(row, size_hw) for row in saved_foods.foods(session, item.id, mine)]

    def _lead(self, message: Mapping[str, Any], project_id: int, me: str) -> int | None:
        after, order = int(number(message, "after", -1)), text(message, "order", queue.ORDERS[0])
        with self._store.writing() as session:
            return queue.lead(session, project_id, projects.ensure_annotator(session, me), after, order)

    def _listed_json(self, listed: listing.Listed) -> Reply:
        item = listed.item
        return {
            "item": item.id,
            "position": item.position,
            "name": item.name,
            "state": listed.state,
            "meal": item.meal,
            "full": listed.full,
            "foods": listed.foods,
            "thumb": self._thumbnail(item),
        }

    def _thumbnail(self, item: Item) -> str | None:
        """As a data URL; None where the photo's file is missing or damaged."""
        try:
            copy = self._files.thumbnail(item.photo.sha256, item.photo.format)
        except RvernetError:
            return None
        return "data:image/jpeg;base64," + base64.b64encode(copy).decode("ascii")


def _step(message: Mapping[str, Any]) -> str | None:
    return text(message, "step", "") or None


def _find(session: Session, me: str) -> int:
    """Return the visitor's id as an annotator, or NOBODY before they have saved anything."""
    return projects.find_annotator(session, me) or projects.NOBODY


def _require_own(message: Mapping[str, Any], me: str) -> None:
    """Raise LoginError if the page was opened by someone else, who was logged in then."""
    said = text(message, "me", "")
    if said and said != me:
        raise LoginError(
            f"You are logged in as {me} by now, and this page holds work of {said}; log in as {said}."
        )


def _asked_item(session: Session, message: Mapping[str, Any], project_id: int) -> Item | None:
    if message.get("item") is not None:
        return queue.item(session, project_id, int(number(message, "item")))
    step, position = int(number(message, "step")), int(number(message, "position"))
    return queue.neighbour(session, project_id, position, step)


def portion_json(row: Annotation) -> Reply | None:
    """How much of a food there is as the page has it; None where nobody said."""
    names = ("amount", "unit", "method", "low", "high")
    return None if row.amount is None else {name: getattr(row, name) for name in names}


def comments_json(session: Session, item_id: int) -> list[Reply]:
    """What was remarked on a photo, oldest first, as the page has it."""
    names = projects.annotator_names(session)
    return [
        {"who": names[each.annotator_id], "words": each.words, "at": each.at.isoformat()}
        for each in review.comments(session, item_id)
    ]


def _food_json(row: Annotation, size_hw: tuple[int, int]) -> Reply:
    rle = Rle(size=list(size_hw), counts=row.counts)
    return {
        "id": row.id,
        "revision": row.revision,
        "status": row.status,
        "label": row.label_id,
        "rle": rle,
        "polygons": polygons(from_rle(rle, size_hw)),
        "bbox": [row.box_x, row.box_y, row.box_w, row.box_h],
        "prompts": row.prompts,
        "segmenter": row.segmenter,
        "checkpoint": row.checkpoint,
        "suggestions": row.suggestions,
        "taken": row.suggestion_taken,
        "portion": portion_json(row),
        "note": row.note,
    }


def _without_mask(columns: dict[str, Any] | None) -> dict[str, Any] | None:
    return None if columns is None else {k: v for k, v in columns.items() if k not in ("counts", "prompts")}
