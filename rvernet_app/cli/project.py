"""Commands on projects: list, label sets, export, import, backups and accounts."""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from getpass import getpass
from pathlib import Path
from typing import TypeVar

from tqdm import tqdm

from rvernet_app.config import AppConfig
from rvernet_app.errors import ConfigError, StoreError, WeightsError
from rvernet_app.exchange.backup import backup, restore
from rvernet_app.exchange.formats.registry import EXPORTS, IMPORTS
from rvernet_app.exchange.importing import UNNAMED, ImportReport
from rvernet_app.label_files import label_set_csv, read_label_file
from rvernet_app.labels import MAX_NAME
from rvernet_app.picture.blur import Box
from rvernet_app.picture.faces import WEIGHTS, face_weights, find_faces
from rvernet_app.picture.photo_cache import PhotoCache
from rvernet_app.picture.photos import read_pixels
from rvernet_app.store import queue
from rvernet_app.store.accounts import NO_ADMIN, Accounts
from rvernet_app.store.blurring import blur_photo
from rvernet_app.store.consensus import Shares
from rvernet_app.store.database import Store
from rvernet_app.store.files import PhotoFiles
from rvernet_app.store.label_sets import label_names, take_label_set
from rvernet_app.store.listing import count_states
from rvernet_app.store.members import people, remove_member, set_member
from rvernet_app.store.projects import all_projects, change_project, project
from rvernet_app.store.removal import delete_project, loss
from rvernet_app.store.roles import Role
from rvernet_app.store.tables import DONE, SKIPPED, UNUSABLE

Parser = TypeVar("Parser", bound=argparse.ArgumentParser)

ACCOUNT_ACTIONS = ("list", "add", "remove", "admin", "open")
NO_ACCOUNTS = "No account is left, so nobody can use the page. `rvernet accounts open` lets everyone in."
SHOWN = 3
"""Number of names printed for each reason not to import something."""


def add_commands(commands: argparse._SubParsersAction[Parser]) -> None:
    """Add the commands on projects to the commands of `rvernet`."""
    projects = commands.add_parser("projects", help="list the projects and how far they are, or change one")
    change = projects.add_mutually_exclusive_group()
    change.add_argument("--rename", type=_name, nargs=2, metavar=("NAME", "NEW"), help="give it another name")
    change.add_argument(
        "--delete", type=_name, metavar="NAME", help="delete it, with its photos and all that is labeled"
    )
    projects.set_defaults(run=_projects)

    labels = commands.add_parser("labels", help="print a label set as CSV, or load labels from a file")
    labels.add_argument("--project", type=_name, metavar="NAME", help="needed if there are several projects")
    labels.add_argument(
        "--take", type=Path, metavar="FILE", help="CSV, text or workbook whose labels go into the label set"
    )
    labels.set_defaults(run=_labels)

    _add_people(commands)
    _add_export(commands)
    _add_import(commands)

    _add_blur(commands)

    keep = commands.add_parser("backup", help="copy the whole store, even while it is in use")
    keep.add_argument("folder", type=Path, metavar="DIR", help="a new folder")
    keep.set_defaults(run=_backup)

    back = commands.add_parser("restore", help="fill an empty data folder or database from a backup")
    back.add_argument("folder", type=Path, metavar="DIR", help="the backup")
    back.set_defaults(run=_restore)

    accounts = commands.add_parser(
        "accounts", help="list, add or remove accounts; without accounts the server needs no login"
    )
    accounts.add_argument("action", choices=ACCOUNT_ACTIONS, metavar="|".join(ACCOUNT_ACTIONS))
    accounts.add_argument("name", type=_name, nargs="?", metavar="NAME")
    accounts.add_argument("--admin", action="store_true", help="add: the account runs the server")
    accounts.add_argument("--revoke", action="store_true", help="admin: the account does not any more")
    accounts.set_defaults(run=_accounts)


def _add_people(commands: argparse._SubParsersAction[Parser]) -> None:
    who = commands.add_parser("people", help="list the people of a project, add, change or remove one")
    who.add_argument("--project", type=_name, metavar="NAME", help="needed if there are several projects")
    change = who.add_mutually_exclusive_group()
    change.add_argument(
        "--add",
        type=_name,
        nargs=2,
        metavar=("NAME", "ROLE"),
        help=f"add somebody, or give them another role: {', '.join(role.word for role in Role)}",
    )
    change.add_argument("--remove", type=_name, metavar="NAME", help="what they saved stays")
    who.set_defaults(run=_people)


def _add_export(commands: argparse._SubParsersAction[Parser]) -> None:
    out = commands.add_parser("export", help="write the finished photos of a project")
    out.add_argument(
        "--format", required=True, choices=list(EXPORTS), metavar="FORMAT", help=", ".join(EXPORTS)
    )
    out.add_argument("--out", type=Path, required=True, metavar="DIR", help="a new folder")
    out.add_argument("--project", type=_name, metavar="NAME", help="needed if there are several projects")
    out.add_argument(
        "--val", type=float, default=0.1, metavar="SHARE", help="share of meals for validation (default 0.1)"
    )
    out.add_argument(
        "--test", type=float, default=0.1, metavar="SHARE", help="share of meals for the test (default 0.1)"
    )
    out.add_argument(
        "--polygons",
        action="store_true",
        help="coco with polygons in place of RLE, for programs that read no RLE; the same as coco-polygons",
    )
    out.set_defaults(run=_export)


def _add_import(commands: argparse._SubParsersAction[Parser]) -> None:
    into = commands.add_parser("import", help="add photos and foods labeled elsewhere to a project")
    into.add_argument("path", type=Path, metavar="PATH", help="the file or folder to read")
    into.add_argument(
        "--format", required=True, choices=list(IMPORTS), metavar="FORMAT", help=", ".join(IMPORTS)
    )
    into.add_argument(
        "--project",
        type=_name,
        metavar="NAME",
        help="a new name makes a project; needed unless there is exactly one project",
    )
    into.add_argument(
        "--annotator",
        type=_name,
        default="import",
        metavar="NAME",
        help="who labeled the foods (default import)",
    )
    into.set_defaults(run=_import)


def _add_blur(commands: argparse._SubParsersAction[Parser]) -> None:
    hide = commands.add_parser("blur", help="blur faces or other parts of a photo in a project, for good")
    hide.add_argument("project", type=_name, metavar="PROJECT")
    hide.add_argument("photo", metavar="PHOTO", help="name of the photo in the project")
    hide.add_argument(
        "--box",
        type=_box,
        action="append",
        default=[],
        metavar="X0,Y0,X1,Y1",
        help="left, top, right and bottom in pixels; may be given several times",
    )
    hide.add_argument(
        "--faces", action="store_true", help=f"find faces too, with {WEIGHTS} in the weights folder"
    )
    hide.set_defaults(run=_blur)


def _box(text: str) -> Box:
    try:
        left, top, right, bottom = (int(part) for part in text.split(","))
    except ValueError as error:
        raise argparse.ArgumentTypeError("a box is X0,Y0,X1,Y1 in whole pixels") from error
    return left, top, right, bottom


def open_files(config: AppConfig) -> PhotoFiles:
    """Return the photo files of the data folder."""
    return PhotoFiles(config.data_dir, max_mb=config.max_photo_mb, max_megapixels=config.max_photo_megapixels)


def _name(text: str) -> str:
    """Return the name of a project or a person as the store keeps it, with single spaces."""
    name = " ".join(text.split())
    if not 0 < len(name) <= MAX_NAME or any("\ud800" <= character <= "\udfff" for character in name):
        raise argparse.ArgumentTypeError(f"a name has 1 to {MAX_NAME} characters of text")
    return name


@contextmanager
def _opened(config: AppConfig) -> Iterator[Store]:
    store = Store(config.data_dir, config.database_url or None)
    try:
        yield store
    finally:
        store.close()


def _projects(arguments: argparse.Namespace, config: AppConfig) -> None:
    if arguments.rename is not None:
        with _opened(config) as store:
            _rename(store, *arguments.rename)
        return
    if arguments.delete is not None:
        with _opened(config) as store:
            _delete(store, config, arguments.delete)
        return
    with _opened(config) as store, store.reading() as session:
        for project in all_projects(session):
            print(_line(f"{project.name}: {_progress_text(count_states(session, project.id)[0])}"))


def _rename(store: Store, name: str, new: str) -> None:
    project_id = _project(store, name)
    with store.writing() as session:
        row = project(session, project_id)
        change_project(
            session,
            project_id,
            new,
            new_labels=row.new_labels,
            double_share=row.double_share,
            blind_share=row.blind_share,
            self_review=row.self_review,
        )
    print(_line(f"{name} is {new} now"))


def _delete(store: Store, config: AppConfig, name: str) -> None:
    project_id = _project(store, name)
    with store.reading() as session:
        gone = loss(session, project_id)
    _forget(config, delete_project(store, open_files(config), project_id))
    print(_line(f"{name} is deleted: {gone.photos} photos, {sum(gone.foods.values())} foods"))


def _progress_text(photos: Mapping[str, int]) -> str:
    """Say how many photos there are; skipped and unusable ones do not count as labelled."""
    apart = [f"{photos[state]} {state}" for state in (SKIPPED, UNUSABLE) if photos[state]]
    return ", ".join((f"{sum(photos.values())} photos", f"{photos[DONE]} labelled", *apart))


def _people(arguments: argparse.Namespace, config: AppConfig) -> None:
    with _opened(config) as store:
        project_id = _project(store, arguments.project)
        with store.writing() as session:
            if arguments.add is not None:
                name, word = arguments.add
                set_member(session, project_id, name, Role.of(word))
            elif arguments.remove is not None:
                remove_member(session, project_id, arguments.remove)
            found = people(session, project_id)
    for one in found:
        role = "no member" if one.role is None else one.role.word
        print(_line(f"{one.name}: {role}, {one.done} of {one.begun} photos done, {one.foods} foods"))


def _labels(arguments: argparse.Namespace, config: AppConfig) -> None:
    with _opened(config) as store:
        project_id = _project(store, arguments.project)
        if arguments.take is not None:
            read = read_label_file(arguments.take)
            if read.note:
                print(read.note, file=sys.stderr)
            with store.writing() as session:
                new, changed = take_label_set(session, project_id, read.labels)
            print(f"labels: {new} new, {changed} changed")
            return
        with store.reading() as session:
            _write_utf8(label_set_csv(label_names(session, project_id)))


def _write_utf8(text: str) -> None:
    """Write a file's text to stdout. A file is UTF-8 whatever the terminal's encoding is."""
    sys.stdout.flush()
    sys.stdout.buffer.write(text.encode())
    sys.stdout.buffer.flush()


def _export(arguments: argparse.Namespace, config: AppConfig) -> None:
    shares = Shares(arguments.val, arguments.test)
    with _opened(config) as store, _progress("photo") as progress:
        project_id = _project(store, arguments.project)
        write = EXPORTS[_export_format(arguments)]
        report = write(store, open_files(config), project_id, arguments.out, shares, progress)
    print(_line(f"{report.photos} photos with {report.foods} foods in {arguments.out}"))
    for reason, count in report.left_out.items():
        print(f"  {count} {reason}")


def _export_format(arguments: argparse.Namespace) -> str:
    name: str = arguments.format
    if arguments.polygons and name not in ("coco", "coco-polygons"):
        raise ConfigError(f"--polygons is for coco; {name} has no choice of masks.")
    return "coco-polygons" if arguments.polygons else name


def _import(arguments: argparse.Namespace, config: AppConfig) -> None:
    with _opened(config) as store, _progress("photo") as progress:
        project = arguments.project or _project(store, None)
        read = IMPORTS[arguments.format]
        files = open_files(config)
        report = read(store, files, project, arguments.annotator, arguments.path, progress)
    if not report.photos + report.known_photos:
        raise StoreError(_line(f"Nothing in {arguments.path} was imported: {_first(report)}"))
    for line in _lines(report, arguments.path):
        print(_line(line))


def _first(report: ImportReport) -> str:
    """Return why nothing was imported, as the end of a sentence."""
    if not report.not_taken:
        return "it holds no photos."
    first, *others = report.not_taken
    more = f" (and {len(others)} more)" if others else ""
    return f"{first.what}: {first.why.rstrip('.')}{more}."


def _lines(report: ImportReport, path: Path) -> Iterator[str]:
    """Yield the lines that say what was imported, and what was not and why."""
    yield f"{report.photos + report.known_photos} photos with {report.foods} foods from {path}"
    if report.known_photos:
        yield f"  {report.known_photos} photos already in the project"
    if report.labels:
        yield f"  {len(report.labels)} new labels: {', '.join(report.labels)}"
    left: defaultdict[str, list[str]] = defaultdict(list)
    for one in report.not_taken:
        left[one.why].append(one.what)
    if report.unnamed:
        left[UNNAMED] = list(report.unnamed)
    for why, names in left.items():
        more = "; …" if len(names) > SHOWN else ""
        yield f"  {len(names)} not imported ({'; '.join(names[:SHOWN])}{more}): {why}"


def _line(text: str) -> str:
    """Return untrusted text on one line, with characters that could control the terminal replaced."""
    indent = text[: len(text) - len(text.lstrip(" "))]
    kept = (c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in " ".join(text.split()))
    return indent + "".join(kept)


def _blur(arguments: argparse.Namespace, config: AppConfig) -> None:
    files = open_files(config)
    with _opened(config) as store:
        project_id = _project(store, arguments.project)
        with store.reading() as session:
            item = queue.named(session, project_id, arguments.photo)
            copy = files.working_copy(item.photo.sha256, item.photo.format)
        boxes = list(arguments.box)
        if arguments.faces:
            boxes += find_faces(read_pixels(copy), _face_weights(config))
        done = blur_photo(store, files, project_id, item.id, boxes)
    _forget(config, done.removed)
    print(_line(f"{len(boxes)} parts of {arguments.photo} are blurred"))
    if done.elsewhere:
        print(f"  {done.elsewhere} other projects have the photo as it was")


def _forget(config: AppConfig, photos: Iterable[str]) -> None:
    """Remove the page's copies of photos, by the SHA-256 of each."""
    opened = PhotoCache(config)
    for sha256 in photos:
        opened.forget(sha256)


def _face_weights(config: AppConfig) -> Path:
    weights = face_weights(config.weights_dir)
    if weights is None:
        raise WeightsError(f"Finding faces needs {WEIGHTS} in {config.weights_dir}; or give each --box.")
    return weights


def _backup(arguments: argparse.Namespace, config: AppConfig) -> None:
    with _opened(config) as store:
        report = backup(store, arguments.folder)
    print(_line(f"{sum(report.rows.values())} rows and {len(report.files)} files in {arguments.folder}"))
    for problem in report.problems:
        print(f"  {problem}")


def _restore(arguments: argparse.Namespace, config: AppConfig) -> None:
    report = restore(arguments.folder, config.data_dir, config.database_url or None)
    print(_line(f"{sum(report.rows.values())} rows and {len(report.files)} files from {arguments.folder}"))


def _accounts(arguments: argparse.Namespace, config: AppConfig) -> None:
    accounts = Accounts(config.data_dir)
    if arguments.action == "list":
        _list_accounts(accounts)
    elif arguments.action == "open":
        accounts.let_everyone_in()
    elif not arguments.name:
        raise ConfigError("Give the NAME of the account.")
    elif arguments.action == "remove":
        accounts.remove(arguments.name)
        if not accounts.names():
            print(NO_ACCOUNTS)
    elif arguments.action == "admin":
        accounts.set_admin(arguments.name, admin=not arguments.revoke)
    else:
        accounts.add(arguments.name, _password(), admin=arguments.admin)


def _list_accounts(accounts: Accounts) -> None:
    """Print the names, and on stderr how to name an admin if nobody is one."""
    names, admins = accounts.names(), accounts.admins()
    for name in names:
        print(_line(f"{name}, admin" if name in admins else name))
    if names and not admins:
        print(NO_ADMIN, file=sys.stderr)


def _password() -> str:
    """Read a password without echo from a terminal, else the first line of stdin; "" if stdin ends."""
    try:
        typed = getpass("Password: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
        typed.encode()
    except EOFError:
        return ""
    except UnicodeError as error:
        raise ConfigError("The password is not valid UTF-8 text.") from error
    return typed


def _project(store: Store, name: str | None) -> int:
    """Return the id of the project with this name, or of the only project if no name is given.

    Raises:
        StoreError: no project has this name, or no name is given and there is not exactly one project.
    """
    with store.reading() as session:
        found = {project.name: project.id for project in all_projects(session)}
    if name is None and len(found) == 1:
        return next(iter(found.values()))
    if name in found:
        return found[name]
    known = f"Projects: {', '.join(found)}." if found else "There are no projects yet."
    if name is None:
        raise StoreError(f"Name a project with --project. {known}")
    raise StoreError(f"No project is named {name!r}. {known}")


@contextmanager
def _progress(unit: str) -> Iterator[Callable[[int, int], None]]:
    """Show a bar on stderr and yield (done, total) -> None, which moves it."""
    # A delay, and terminals only: bad input must print one line and nothing else.
    with tqdm(unit=unit, delay=1, disable=None) as bar:

        def progress(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield progress
