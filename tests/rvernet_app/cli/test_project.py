"""Commands on projects, run as they are typed: their output, their files, and their errors."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from openpyxl import load_workbook
from PIL import Image

from rvernet_app.cli import project
from rvernet_app.cli.main import main
from rvernet_app.store.accounts import ACCOUNTS_NAME, NO_ADMIN, Accounts
from rvernet_app.store.annotations import Portion, give_verdict
from rvernet_app.store.consensus import FinalPhoto, Shares, final_photos
from rvernet_app.store.database import DATABASE_NAME, Store
from rvernet_app.store.label_sets import labels_of
from rvernet_app.store.projects import all_projects, create_project
from rvernet_app.store.queue import add_photos, named
from rvernet_app.store.tables import DONE, OPEN, SKIPPED, UNUSABLE, Annotator, Project
from tests.rvernet_app.store.desk import Desk, commit, picture, set_up

Command = Callable[..., int]


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Set the data folder of the commands to a folder that does not exist yet."""
    for name in ("DATABASE_URL", "RVERNET_DATABASE_URL", "SPACE_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("RVERNET_DATA_DIR", str(tmp_path / "data"))
    return tmp_path / "data"


@pytest.fixture
def desk(data: Path) -> Iterator[Desk]:
    """A project of four photos, two of them done, with three foods."""
    desk = set_up(Store(data))
    desk.save("no oil", portion=Portion(150.0, "g", "weighed"))
    desk.save(label="soup", left=4)
    desk.save(label="beans", item=1)
    desk.save(label=None, item=1, left=4)
    desk.save(item=2)
    for number in (0, 1):
        commit(desk.store, give_verdict, desk.items[number], desk.ann, DONE)
    yield desk
    desk.store.close()


def run(*arguments: object) -> int:
    """Run a command and return its exit status."""
    try:
        return main([str(argument) for argument in arguments])
    except SystemExit as stop:
        return int(stop.code or 0)


def finals(folder: Path, project: str) -> list[FinalPhoto]:
    store = Store(folder)
    with store.reading() as session:
        found = next(row.id for row in all_projects(session) if row.name == project)
        photos = list(final_photos(session, found))
    store.close()
    return photos


def said(photos: list[FinalPhoto]) -> list[list[tuple[str, str, str, float | None]]]:
    """Return label, mask, note and amount of every food, photo by photo."""
    return [
        [(f.label.name, f.rle["counts"], f.annotation.note, f.annotation.amount) for f in photo.foods]
        for photo in photos
    ]


# Projects


def test_projects_are_listed_with_their_photos(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    commit(desk.store, create_project, "Nothing yet", [])
    commit(desk.store, create_project, "Breakfasts", [])
    sources = [(f"{n}.png", picture(n)) for n in range(7)]
    with desk.store.reading() as session:
        other = next(row.id for row in all_projects(session) if row.name == "Breakfasts")
    items = [added.item_id or 0 for added in add_photos(desk.store, desk.files, other, sources)]
    for item, state in zip(items, (DONE, DONE, SKIPPED, SKIPPED, UNUSABLE, OPEN), strict=False):
        commit(desk.store, give_verdict, item, desk.ann, state, "blurred")
    assert run("projects") == 0
    told = capsys.readouterr().out.splitlines()
    assert "Nothing yet: 0 photos, 0 labelled" in told
    assert "Breakfasts: 7 photos, 2 labelled, 2 skipped, 1 unusable" in told


def test_a_project_is_renamed(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("projects", "--rename", "Trays", "Lunch  trays") == 0
    assert capsys.readouterr().out == "Trays is Lunch trays now\n"
    assert run("projects") == 0
    assert capsys.readouterr().out == "Lunch trays: 4 photos, 0 labelled\n"
    assert run("projects", "--rename", "Trays", "Other") == 2
    assert "No project is named 'Trays'." in capsys.readouterr().err


def test_a_project_is_deleted_with_what_is_in_it(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("projects", "--delete", "Trays") == 0
    assert capsys.readouterr().out == "Trays is deleted: 4 photos, 5 foods\n"
    assert not desk.files.has(desk.item().photo.sha256, "PNG")
    assert run("projects") == 0
    assert capsys.readouterr().out == ""
    assert run("projects", "--delete", "Trays") == 2


def test_people_are_listed_added_and_removed(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("people", "--add", "Rita", "reviewer") == 0
    assert run("people", "--add", "Ann", "admin") == 0
    capsys.readouterr()
    assert run("people", "--remove", "Rita") == 0
    assert capsys.readouterr().out == "Ann: admin, 2 of 3 photos done, 5 foods\n"
    assert run("people", "--add", "Ann", "king") == 2
    told = "rvernet: A member is annotator, reviewer, admin; got 'king'.\n"
    assert capsys.readouterr().err == told
    assert run("people", "--remove", "Olga") == 2
    assert capsys.readouterr().err == "rvernet: Olga is no member of this project.\n"


def test_a_new_data_folder_has_no_projects(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("projects") == 0
    assert capsys.readouterr().out == ""
    assert (data / DATABASE_NAME).is_file()


# Label sets


def test_a_label_set_is_printed_and_loaded_as_csv(
    desk: Desk, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("labels") == 0
    told = capsys.readouterr().out
    assert [line.partition(",")[0] for line in told.splitlines()] == ["name", "rice", "soup", "beans"]
    (tmp_path / "set.csv").write_text("name,parent,food_code\nbrown rice,rice,168874\nrice,,168878\n")
    assert run("labels", "--project", "Trays", "--take", tmp_path / "set.csv") == 0
    assert capsys.readouterr().out == "labels: 1 new, 1 changed\n"
    assert run("labels") == 0
    rows = {row["name"]: row for row in csv.DictReader(io.StringIO(capsys.readouterr().out))}
    assert (rows["brown rice"]["parent"], rows["rice"]["food_code"]) == ("rice", "168878")


def test_an_invalid_label_set_changes_nothing(
    desk: Desk, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "set.csv").write_text("name,parent\nbrown rice,grain\n")
    for path, says in (
        (tmp_path / "set.csv", "not in the label set"),
        (tmp_path / "none.csv", "cannot be read"),
    ):
        assert run("labels", "--take", path) == 2
        error = capsys.readouterr().err
        assert says in error
        assert error.count("\n") == 1
    with desk.store.reading() as session:
        assert [label.name for label in labels_of(session, desk.project)] == ["rice", "soup", "beans"]


# Export


def test_a_project_is_exported_as_coco(
    desk: Desk, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert run("export", "--format", "coco", "--out", out) == 0
    described = json.loads((out / "annotations.json").read_text())
    names = {category["id"]: category["name"] for category in described["categories"]}
    assert list(names.values()) == ["rice", "soup", "beans"]
    assert [names[one["category_id"]] for one in described["annotations"]] == ["rice", "soup", "beans"]
    assert len(described["images"]) == len(list((out / "images").iterdir())) == 2
    printed = capsys.readouterr()
    first, *left_out = printed.out.splitlines()
    assert first == f"2 photos with 3 foods in {out}"
    assert sorted(left_out) == ["  1 foods without a name", "  2 photos that are not done"]
    assert printed.err == ""


def test_polygons_replace_rle_on_request(desk: Desk, tmp_path: Path) -> None:
    for name, rest in (("coco", ["--polygons"]), ("coco-polygons", [])):
        assert run("export", "--format", name, *rest, "--out", tmp_path / name) == 0
        described = json.loads((tmp_path / name / "annotations.json").read_text())
        assert {type(one["segmentation"]) for one in described["annotations"]} == {list}


def test_a_project_is_exported_as_a_workbook(desk: Desk, tmp_path: Path) -> None:
    assert run("export", "--format", "xlsx", "--out", tmp_path / "out") == 0
    sheet = load_workbook(tmp_path / "out" / "food-record.xlsx")["Foods"]
    found = [row[3:6] for row in sheet.iter_rows(min_row=2, values_only=True)]
    assert found == [("rice", 150, "g"), ("soup", None, None), ("beans", None, None)]


def test_a_project_is_exported_for_a_spreadsheet(desk: Desk, tmp_path: Path) -> None:
    commit(desk.store, create_project, "Other", [])
    assert run("export", "--format", "csv", "--out", tmp_path / "out", "--project", "Trays") == 0
    with (tmp_path / "out" / "foods.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["food"], row["amount"], row["unit"]) for row in rows] == [
        ("rice", "150", "g"),
        ("soup", "", ""),
        ("beans", "", ""),
    ]


@pytest.mark.parametrize(
    ("val", "test", "split"), [(0, 0, "train"), (0.99999, 0, "val"), (0, 0.99999, "test")]
)
def test_an_export_is_split_by_the_given_shares(
    desk: Desk, tmp_path: Path, val: float, test: float, split: str
) -> None:
    out = tmp_path / "out"
    assert run("export", "--format", "coco", "--out", out, "--val", val, "--test", test) == 0
    described = json.loads((out / "annotations.json").read_text())
    assert [image["split"] for image in described["images"]] == [split, split]
    assert Shares(val, test).split_of("any") == split


# Import


def test_an_export_can_be_imported_elsewhere(
    desk: Desk,
    data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run("export", "--format", "coco", "--out", tmp_path / "out") == 0
    monkeypatch.setenv("RVERNET_DATA_DIR", str(tmp_path / "elsewhere"))
    into = ("import", "--format", "coco", tmp_path / "out", "--project", "Copy", "--annotator", "Cleo")
    assert run(*into) == 0
    copied = finals(tmp_path / "elsewhere", "Copy")
    assert said(copied) == said(finals(data, "Trays"))
    assert {food.annotator for photo in copied for food in photo.foods} == {"Cleo"}
    assert capsys.readouterr().err == ""


def test_an_import_goes_into_the_only_project(
    desk: Desk, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("export", "--format", "coco", "--out", tmp_path / "out") == 0
    assert run("import", "--format", "coco", tmp_path / "out") == 0
    capsys.readouterr()
    assert run("projects") == 0
    assert capsys.readouterr().out == "Trays: 4 photos, 2 labelled\n"


BOX = [1, 1, 4, 1, 4, 4, 1, 4]


def write_coco(folder: Path, *annotations: dict[str, object]) -> Path:
    """Write a COCO folder with the first photo of the desk and a new one."""
    (folder / "images").mkdir(parents=True)
    for number in (0, 9):
        (folder / "images" / f"{number}.png").write_bytes(picture(number))
    described = {
        "images": [{"id": number, "file_name": f"{number}.png"} for number in (0, 9)],
        "annotations": [{"image_id": 9, "category_id": 1, "segmentation": [BOX], **a} for a in annotations],
        "categories": [{"id": 1, "name": "peas"}, {"id": 2, "name": "rice"}],
    }
    (folder / "annotations.json").write_text(json.dumps(described))
    return folder


def test_an_import_reports_what_was_imported_and_what_was_not(
    desk: Desk, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    no_masks = [{"id": number, "segmentation": []} for number in range(4)]
    source = write_coco(tmp_path / "in", {"id": 8}, {"id": 9, "category_id": 7}, *no_masks)
    assert run("import", "--format", "coco", source) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    assert printed.out.splitlines() == [
        f"2 photos with 1 foods from {source}",
        "  1 photos already in the project",
        "  1 new labels: peas",
        "  1 not imported (9.png, annotation 9): Its category 7 is not in the file.",
        "  4 not imported (9.png, annotation 0; 9.png, annotation 1; 9.png, annotation 2; …): "
        "It has no mask; a box alone is not enough.",
    ]


def test_imported_names_are_printed_without_terminal_control_characters(
    desk: Desk, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = write_coco(tmp_path / "in", {"id": "\x1b[2J\nhalf \ud800", "segmentation": []}, {"id": 8})
    assert run("import", "--format", "coco", source) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith(
        "  1 not imported (9.png, annotation \N{REPLACEMENT CHARACTER}[2J half \N{REPLACEMENT CHARACTER}):"
    )


def test_extra_spaces_in_a_project_name_do_not_matter(
    desk: Desk, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = write_coco(tmp_path / "in", {"id": 8})
    assert run("import", "--format", "coco", source, "--project", " Trays ") == 0
    assert run("projects") == 0
    assert capsys.readouterr().out.endswith("Trays: 5 photos, 0 labelled\n")


NOTHING_WRITTEN = {
    "coco": (
        ("nowhere", None, "cannot be read"),
        ("broken", b"{", "is damaged, or not a JSON file"),
        ("other", b'{"images": []}', "no list of annotations"),
        ("empty", b'{"images": [], "annotations": [], "categories": []}', "it holds no photos"),
        (
            "lost",
            b'{"images": [{"id": 1, "file_name": "a.png"}], "annotations": [], "categories": []}',
            "a.png: The file 'a.png' is missing.",
        ),
    ),
    "labelme": (
        ("nowhere", None, "no such file or folder"),
        ("broken", b"{", "is damaged, or not a JSON file"),
        ("lost", b'{"shapes": [], "imagePath": "a.png"}', "The file 'a.png' is missing."),
    ),
    "yolo-seg": (("nowhere", None, "cannot be read"), ("broken", b"names: [", "not a YAML file")),
}


@pytest.mark.parametrize(
    ("name", "folder", "content", "says"),
    [(name, *case) for name, cases in NOTHING_WRITTEN.items() for case in cases],
)
def test_an_unusable_source_leaves_neither_project_nor_annotator(
    name: str,
    folder: str,
    content: bytes | None,
    says: str,
    data: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    source = tmp_path / folder
    if content is not None:
        source.mkdir()
        (source / ("data.yaml" if name == "yolo-seg" else "annotations.json")).write_bytes(content)
    assert run("import", "--format", name, source, "--project", "Soups", "--annotator", "Cleo") == 2
    printed = capsys.readouterr()
    assert printed.err.count("\n") == 1
    assert says in printed.err
    assert printed.out == ""
    store = Store(data)
    with store.reading() as session:
        assert session.query(Project).count() == session.query(Annotator).count() == 0
    store.close()


# Backup and restore


def test_a_backup_fills_another_data_folder(
    desk: Desk,
    data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run("backup", tmp_path / "backup") == 0
    (told,) = capsys.readouterr().out.splitlines()
    monkeypatch.setenv("RVERNET_DATA_DIR", str(tmp_path / "elsewhere"))
    assert run("restore", tmp_path / "backup") == 0
    (told_again,) = capsys.readouterr().out.splitlines()
    assert told.removesuffix(f" in {tmp_path / 'backup'}") == told_again.removesuffix(
        f" from {tmp_path / 'backup'}"
    )
    assert said(finals(tmp_path / "elsewhere", "Trays")) == said(finals(data, "Trays"))
    assert run("projects") == 0
    assert capsys.readouterr().out == "Trays: 4 photos, 0 labelled\n"


def test_a_backup_names_missing_files(desk: Desk, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lost = desk.files.original(desk.item().photo.sha256)
    lost.unlink()
    assert run("backup", tmp_path / "backup") == 0
    _, problem = capsys.readouterr().out.splitlines()
    assert problem == f"  {lost.relative_to(desk.store.folder)} is missing."


# Accounts


def test_accounts_are_added_listed_and_removed(
    data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("correct horse\nbattery staple\n"))
    assert run("accounts", "add", "ben") == 0
    assert run("accounts", "add", "ann") == 0
    assert Accounts(data).find("ben", "correct horse")
    assert Accounts(data).find("ann", "battery staple")
    assert run("accounts", "list") == 0
    assert capsys.readouterr() == ("ann\nben, admin\n", "")
    assert run("accounts", "remove", "ann") == 0
    assert Accounts(data).names() == ["ben"]
    assert capsys.readouterr().out == ""


def test_admins_are_named_and_revoked(
    data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("correct horse\nbattery staple\n"))
    assert run("accounts", "add", "ann") == 0
    assert run("accounts", "add", "ben", "--admin") == 0
    assert Accounts(data).admins() == ["ann", "ben"]
    assert run("accounts", "admin", "ann", "--revoke") == 0
    assert run("accounts", "remove", "ben") == 2
    assert "'ben' is the last admin" in capsys.readouterr().err
    assert run("accounts", "admin", "ann") == 0
    assert run("accounts", "remove", "ben") == 0
    assert run("accounts", "remove", "ann") == 0
    assert capsys.readouterr().out == f"{project.NO_ACCOUNTS}\n"
    assert Accounts(data).required()
    assert run("accounts", "open") == 0
    assert not Accounts(data).required()


def test_accounts_of_before_are_listed_with_the_command_that_names_an_admin(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data.mkdir(exist_ok=True)
    (data / ACCOUNTS_NAME).write_text('{"ann": "AAAA$AAAA", "ben": "AAAA$AAAA"}')
    assert run("accounts", "list") == 0
    assert capsys.readouterr() == ("ann\nben\n", f"{NO_ADMIN}\n")


def test_without_accounts_nothing_is_listed(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("accounts", "list") == 0
    assert capsys.readouterr().out == ""


def test_an_end_of_input_instead_of_a_password_is_refused(
    data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def ended(prompt: str) -> str:
        raise EOFError

    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr(project, "getpass", ended)
    assert run("accounts", "add", "ann") == 2
    assert "8 characters" in capsys.readouterr().err
    assert Accounts(data).names() == []


def test_a_password_that_is_not_utf_8_is_refused(
    data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"pass \xff word\n"), encoding="utf-8"))
    assert run("accounts", "add", "ann") == 2
    assert "not valid UTF-8" in capsys.readouterr().err
    assert Accounts(data).names() == []


def test_a_password_typed_at_a_terminal_is_not_shown(
    data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr("sys.stdin", Terminal("read aloud\n"))
    monkeypatch.setattr(project, "getpass", lambda prompt: "correct horse")
    assert run("accounts", "add", "ann") == 0
    assert Accounts(data).find("ann", "correct horse")
    assert "correct horse" not in capsys.readouterr().out


# Bad input


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["export", "--format", "xml", "--out", "out"], "coco"),
        (["export", "--format", "coco"], "--out"),
        (
            ["export", "--format", "coco", "--out", "out", "--project", "Soups"],
            "No project is named 'Soups'. Projects: Trays.",
        ),
        (["export", "--format", "coco", "--out", "taken"], "already exists"),
        (["export", "--format", "coco", "--out", "/"], "already exists"),
        (["export", "--format", "coco", "--out", "out", "--val", "many"], "many"),
        (["export", "--format", "csv", "--out", "out", "--polygons"], "--polygons is for coco"),
        (
            ["export", "--format", "coco", "--out", "out", "--val", "0.6", "--test", "0.4"],
            "nothing to train on",
        ),
        (["export", "--format", "coco", "--out", "out", "--test", "-1"], "nothing to train on"),
        (["import", "--format", "csv", "taken"], "labelme"),
        (["import", "--format", "coco", "nowhere"], "nowhere"),
        (["import", "--format", "coco", "taken", "--annotator", ""], "1 to 200 characters"),
        (["import", "--format", "coco", "taken", "--project", "half \udcff"], "1 to 200 characters"),
        (["backup", "taken"], "not empty"),
        (["restore", "taken"], "not a backup"),
        (["accounts", "add"], "NAME"),
        (["accounts", "remove", "ann"], "no account 'ann'"),
        (["accounts", "admin", "ann"], "no account 'ann'"),
        (["accounts", "admin"], "NAME"),
        (["accounts", "show"], "show"),
        (["projects", "Trays"], "Trays"),
    ],
)
def test_bad_input_gives_one_line_and_status_2(
    arguments: list[str],
    says: str,
    desk: Desk,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "menu.txt").write_text("soup")
    monkeypatch.chdir(tmp_path)
    assert run(*arguments) == 2
    printed = capsys.readouterr()
    assert printed.err.count("\n") == 1
    assert says in printed.err
    assert printed.out == ""
    assert {path.name for path in tmp_path.iterdir()} == {"data", "taken"}


def test_a_short_password_is_refused(
    data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("short\n"))
    assert run("accounts", "add", "ann") == 2
    printed = capsys.readouterr()
    assert printed.err.count("\n") == 1
    assert "8 characters" in printed.err
    assert Accounts(data).names() == []


@pytest.mark.parametrize("command", ["export", "import"])
def test_an_empty_store_needs_a_project_name(
    command: str, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rest = ["--out", tmp_path / "out"] if command == "export" else [tmp_path]
    assert run(command, "--format", "coco", *rest) == 2
    assert "--project. There are no projects yet." in capsys.readouterr().err


def test_several_projects_need_a_project_name(
    desk: Desk, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    commit(desk.store, create_project, "Other", [])
    assert run("export", "--format", "coco", "--out", tmp_path / "out") == 2
    assert "Trays, Other" in capsys.readouterr().err


def test_restoring_into_a_full_store_is_refused(
    desk: Desk, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("backup", tmp_path / "backup") == 0
    capsys.readouterr()
    assert run("restore", tmp_path / "backup") == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_an_unusable_data_folder_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("RVERNET_DATA_DIR", str(tmp_path / "file"))
    assert run("projects") == 2
    printed = capsys.readouterr()
    assert printed.err.count("\n") == 1
    assert str(tmp_path / "file") in printed.err


def test_blur_replaces_a_photo_and_says_so(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    file = io.BytesIO()
    Image.effect_noise((40, 30), 90).save(file, "PNG")
    list(add_photos(desk.store, desk.files, desk.project, [("face.png", file.getvalue())]))
    with desk.store.reading() as session:
        before = named(session, desk.project, "face.png").photo
        project_name = all_projects(session)[0].name
    assert run("blur", project_name, "face.png", "--box", "0,0,20,20", "--box", "20,0,40,9") == 0
    assert capsys.readouterr().out == "2 parts of face.png are blurred\n"
    assert not desk.files.has(before.sha256, before.format)


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["0.png"], "Draw a box"),
        (["0.png", "--box", "1,2,3"], "a box is X0,Y0,X1,Y1 in whole pixels"),
        (["0.png", "--box", "90,90,95,95"], "nothing of the photo in it"),
        (["gone.png", "--box", "0,0,2,2"], "No photo is named 'gone.png'"),
        (["0.png", "--faces"], "Finding faces needs face_detection_yunet"),
    ],
)
def test_blur_says_what_is_wrong(
    desk: Desk,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    why: str,
) -> None:
    monkeypatch.setenv("RVERNET_WEIGHTS_DIR", str(desk.store.folder))
    with desk.store.reading() as session:
        project_name = all_projects(session)[0].name
    assert run("blur", project_name, *arguments) == 2
    assert why in capsys.readouterr().err
