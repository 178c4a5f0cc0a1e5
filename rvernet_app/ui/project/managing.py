"""Change or delete a project, and judge or delete several of its photos at a time."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import asdict

from sqlalchemy.orm import Session

from rvernet_app.errors import RvernetError, StoreError
from rvernet_app.store import members, projects, queue, removal
from rvernet_app.store.annotations import give_verdict
from rvernet_app.store.database import Store
from rvernet_app.store.files import PhotoFiles
from rvernet_app.store.roles import Actor, Role
from rvernet_app.store.tables import OPEN
from rvernet_app.ui.answers import StoreHandler
from rvernet_app.ui.project.replies import (
    DeletedPhotos,
    Judged,
    LossReply,
    PeopleReply,
    PersonReply,
    ProjectSettings,
    Refused,
)
from rvernet_app.ui.project.requests import (
    ChangeProject,
    DeletePhotos,
    DeleteProject,
    JudgePhotos,
    OfProject,
    RemoveMember,
    SetMember,
    SomePhotos,
)
from rvernet_app.ui.requests import Done


class Managing:
    """Changes projects and their photos, for the page.

    Args:
        forget: drops what the server has of photos beside the store, by the SHA-256 of each.
    """

    def __init__(self, store: Store, files: PhotoFiles, forget: Callable[[Collection[str]], None]) -> None:
        self._store = store.acting
        self._files = files
        self._forget = forget

    @property
    def handlers(self) -> list[StoreHandler]:
        """All that the page may ask."""
        return [
            self.change_project,
            self.people,
            self.set_member,
            self.remove_member,
            self.what_goes,
            self.delete_photos,
            self.delete_project,
            self.judge_photos,
        ]

    def change_project(self, asked: ChangeProject, me: Actor) -> ProjectSettings:
        """Save the name and the settings of a project."""
        with self._store(me).writing() as session:
            row = projects.project(session, asked.project)
            row = projects.change_project(
                session,
                asked.project,
                asked.name,
                new_labels=asked.new_labels,
                double_share=asked.double_share,
                blind_share=asked.blind_share,
                self_review=row.self_review if asked.self_review is None else asked.self_review,
                by=projects.ensure_annotator(session, me.name),
            )
            return ProjectSettings(
                name=row.name,
                new_labels=row.new_labels,
                double_share=row.double_share,
                blind_share=row.blind_share,
                self_review=row.self_review,
            )

    def people(self, asked: OfProject, me: Actor) -> PeopleReply:
        """List who works on a project, and their roles."""
        with self._store(me).reading() as session:
            return _people(session, asked.project)

    def set_member(self, asked: SetMember, me: Actor) -> PeopleReply:
        """Add somebody to a project, or give them another role."""
        with self._store(me).writing() as session:
            mine = projects.ensure_annotator(session, me.name)
            members.set_member(session, asked.project, asked.name, Role.of(asked.role), mine)
            return _people(session, asked.project)

    def remove_member(self, asked: RemoveMember, me: Actor) -> PeopleReply:
        """Take somebody out of a project; what they saved stays."""
        with self._store(me).writing() as session:
            mine = projects.ensure_annotator(session, me.name)
            members.remove_member(session, asked.project, asked.name, mine)
            return _people(session, asked.project)

    def what_goes(self, asked: SomePhotos, me: Actor) -> LossReply:
        """Count what a deletion of photos, or of the whole project, would take away."""
        with self._store(me).reading() as session:
            return LossReply(**asdict(removal.loss(session, asked.project, asked.items)))

    def delete_photos(self, asked: DeletePhotos, me: Actor) -> DeletedPhotos:
        """Delete photos of a project, with all that is on them."""
        store = self._store(me)
        with store.writing() as session:
            projects.project(session, asked.project, Role.ADMIN)
            mine = projects.ensure_annotator(session, me.name)
        removed = removal.delete_photos(store, self._files, asked.project, asked.items, mine)
        self._forget(removed)
        with store.reading() as session:
            return DeletedPhotos(progress=queue.progress(session, asked.project, mine))

    def delete_project(self, asked: DeleteProject, me: Actor) -> Done:
        """Delete a project, once its name was typed."""
        store = self._store(me)
        with store.writing() as session:
            name = projects.project(session, asked.project, Role.ADMIN).name
            mine = projects.ensure_annotator(session, me.name)
        if " ".join(asked.name.split()) != name:
            raise StoreError(f"Type the project's name, {name}, to delete it.")
        self._forget(removal.delete_project(store, self._files, asked.project, mine))
        return Done()

    def judge_photos(self, asked: JudgePhotos, me: Actor) -> Judged:
        """Give several photos a verdict; those that cannot have it are named, with why.

        Photos that the visitor has not begun have no verdict to take back.
        """
        refused = []
        with self._store(me).writing() as session:
            projects.project(session, asked.project)
            mine = projects.ensure_annotator(session, me.name)
        for item_id in asked.items:
            name = ""
            try:
                with self._store(me).writing() as session:
                    name = queue.item(session, asked.project, item_id).name
                    if asked.state != OPEN or queue.state_of(session, item_id, mine) != queue.NEW:
                        give_verdict(session, item_id, mine, asked.state, reason=asked.reason)
            except RvernetError as error:
                refused.append(Refused(item=item_id, name=name, why=str(error)))
        with self._store(me).reading() as session:
            return Judged(progress=queue.progress(session, asked.project, mine), refused=refused)


def _people(session: Session, project_id: int) -> PeopleReply:
    return PeopleReply(
        people=[
            PersonReply(
                name=one.name,
                role=None if one.role is None else one.role.word,
                begun=one.begun,
                done=one.done,
                foods=one.foods,
            )
            for one in members.people(session, project_id)
        ]
    )
