"""The command line: arguments, environment variables and what stdin says."""

from __future__ import annotations

import io
import json
import os
import pwd
import re
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

from PIL import Image

from rvernet_app.cli import main as cli
from rvernet_app.cli import training
from rvernet_app.config import AppConfig
from rvernet_app.errors import WeightsError
from rvernet_app.segment import weights
from rvernet_app.store.database import Store
from rvernet_app.ui.listening import close, listen
from rvernet_app.ui.page import page_options
from tests.fuzz import mutate
from tests.fuzz.target import JsonTarget, UnnamedError
from tests.fuzz.targets import checkpoints, imports
from tests.rvernet_app.store.desk import set_up

ARGUMENTS: tuple[list[str], ...] = (
    ["predict", "photo.png", "--point", "30,30", "--out", "out", "--json", "--segmenter", "grabcut"],
    [
        "predict",
        "photo.png",
        "--box",
        "2,2,50,50",
        "--negative",
        "1,1",
        "--point",
        "9,9",
        "--anyway",
        "--out",
        "o",
    ],
    [
        "predict",
        "missing.png",
        "--point",
        "1,1",
        "--cam",
        "layercam",
        "--checkpoint",
        "checkpoint",
        "--out",
        "o",
    ],
    ["weights", "list"],
    ["weights", "path"],
    ["weights", "get", "sam_vit_z"],
    ["labels", "--project", "Lunch"],
    ["labels", "--take", "labels.csv", "--project", "Lunch"],
    ["projects"],
    ["projects", "--rename", "Lunch", "Supper"],
    ["projects", "--delete", "Nobody"],
    ["import", "--format", "coco", "--project", "New", "--annotator", "Ann", "coco"],
    ["import", "--format", "labelme", "labelme"],
    ["import", "--format", "yolo-seg", "yolo"],
    ["export", "--format", "csv", "--out", "csv", "--val", "0.2", "--test", "0.2"],
    ["backup", "kept"],
    ["restore", "kept"],
    ["accounts", "list"],
    ["accounts", "add", "Ben"],
    ["accounts", "remove", "Ben"],
    ["serve"],
    ["train", "--config", "x.yaml"],
    [],
    ["--help"],
)
NUMBERS = ("MAX_PHOTO_MB", "MAX_PHOTO_MEGAPIXELS", "EMBEDDING_CACHE_MB", "PORT")
TEXTS = ("SEGMENTER", "CHECKPOINT", "CAM_METHOD", "DEVICE", "IMPORT_DIR", "HUB_DATASET", "HOST")
FOLDERS = ("WEIGHTS_DIR", "PHOTOS_DIR", "DATA_DIR")
URLS = (
    *(
        "sqlite:///x.db",
        "postgresql://a:b@127.0.0.1:1/x",
        "postgresql://",
        "mysql://x",
        "://",
        "postgresql+psycopg://[",
    ),
)
FIXED = {"PATH": os.environ.get("PATH", ""), "HF_HUB_OFFLINE": "1"}
SPECIAL = ("/dev/null", "/dev/full", "/etc/passwd", "/proc/self/mem", "/", ".", "..")
"""Whole paths outside the folder that cannot be written, or that exist already."""


class Commands(JsonTarget):
    """Runs `rvernet` in this process."""

    name, weight, megabytes, short = "commands", 2, 800, 15
    parts = ("argv", "argv", "env", "stdin")

    def open(self, folder: Path) -> None:
        """Make a folder to work in, and keep commands from the network and from serving for ever."""
        super().open(folder)
        self._held = ExitStack()
        for module, name, instead in (
            (cli, "_serve", _nearly_serve),
            (cli, "keep_memory", lambda: None),
            (training, "run", lambda name, arguments: 0),
            (weights, "download", _no_download),
        ):
            self._held.enter_context(patch.object(module, name, instead))
        self._streams = sys.stdin, sys.stdout, sys.stderr
        self._before = dict(os.environ), Path.cwd()
        self._template = folder / "template"
        _furnish(self._template)

    def close(self) -> None:
        """Go back to where the process was."""
        os.chdir(self._before[1])
        self._held.close()

    def seeds(self) -> Sequence[bytes]:
        """Return sound commands, and odd environments."""
        environs: list[dict[str, str]] = [
            *({f"RVERNET_{name}": value} for name in NUMBERS for value in ("70000", "1e3", "")),
            *({f"RVERNET_{name}": value} for name in TEXTS for value in ("auto", "x")),
            *({f"RVERNET_{name}": "elsewhere"} for name in FOLDERS),
            *({"DATABASE_URL": url} for url in URLS),
            {"HOME": "", "TMPDIR": ""},
        ]
        plain = [{"argv": argv, "env": {}, "stdin": "secret word\n"} for argv in ARGUMENTS]
        odd = [{"argv": ["projects"], "env": env, "stdin": ""} for env in environs]
        return [mutate.written_json(command) for command in (*plain, *plain, *odd)]

    def run(self, data: bytes) -> str:
        """Run the command in a fresh folder.

        Raises:
            UnnamedError: another exit status than 0 and 2, or not one line on stderr.
        """
        asked = _command(data)
        if asked is None:
            return "no command"
        argv, env, stdin = asked
        place = self.folder / "place"
        shutil.copytree(self._template, place)
        try:
            os.chdir(place)
            status, said = self._ended(
                argv, {**FIXED, "HOME": str(place), "RVERNET_DATA_DIR": "data", **env}, stdin
            )
        finally:
            os.chdir(self._before[1])
            shutil.rmtree(place, ignore_errors=True)
        command = argv[0][:20] if argv else "serve"
        if status not in (0, 2):
            raise UnnamedError(f"{argv} ended with {status}: {said}", f"{command} ends with {status}")
        if "Traceback" in said or (status == 2 and len(said.strip().splitlines()) != 1):
            raise UnnamedError(f"{argv} said {said[-2000:]!r}", f"{command} says not one line")
        return f"exit {status}"

    def _ended(self, argv: list[str], env: dict[str, str], stdin: str) -> tuple[int, str]:
        """Return the exit status and what was written to stderr."""
        errors = io.TextIOWrapper(io.BytesIO(), "utf-8", errors="backslashreplace", write_through=True)
        output = io.TextIOWrapper(io.BytesIO(), "utf-8", errors="backslashreplace", write_through=True)
        typed = io.TextIOWrapper(io.BytesIO(stdin.encode("utf-8", "surrogatepass")), "utf-8")
        with _environment(env):
            sys.stdin, sys.stdout, sys.stderr = typed, output, errors
            try:
                status = cli.main(argv)
            except SystemExit as error:  # as argparse ends
                status = error.code if isinstance(error.code, int) else 1
            finally:
                sys.stdin, sys.stdout, sys.stderr = self._streams
        errors.seek(0)
        return status, errors.read()


@contextmanager
def _environment(env: dict[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update(env)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _command(data: bytes) -> tuple[list[str], dict[str, str], str] | None:
    """Return arguments, variables and stdin as a system could hand them over; None if there are none."""
    try:
        asked = json.loads(data)
        given, variables = asked["argv"], asked["env"]
        argv = [_inside(_plain(one)) for one in (given if isinstance(given, list) else [given])][:60]
        env = {
            re.sub(r"[^A-Za-z0-9_]", "", str(name)) or "X": _inside(_plain(value))
            for name, value in (variables.items() if isinstance(variables, dict) else ())
        }
        return argv, env, str(asked["stdin"])
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None


def _plain(value: Any) -> str:
    """Return a text as arguments can be: without NUL, surrogates only where bytes were no UTF-8."""
    text = value if isinstance(value, str) else json.dumps(value)
    return text.replace("\0", "").encode("utf-8", "replace").decode()[:4000]


def _inside(text: str) -> str:
    """Return a text that names no place outside the folder which could be written."""
    if text in SPECIAL:
        return text
    text = text.replace("..", ".")
    text = re.sub(r"(^|[=:,\s])/+", r"\1", text) if "://" not in text else text
    if found := re.match(r"~([^/]+)", text):
        try:
            pwd.getpwnam(found[1])
            return text[1:]
        except (KeyError, UnicodeError):
            return text
    return text


def _nearly_serve(arguments: object, config: AppConfig) -> None:
    """Do what a server does with its options before it serves."""
    close(listen(config.host, 0))
    page_options(config)


def _no_download(*arguments: object) -> Path:
    raise WeightsError("There is no network here.")


def _furnish(place: Path) -> None:
    """Make a folder with a photo, a label set, sources to import, a checkpoint and a small store."""
    place.mkdir(parents=True)
    Image.linear_gradient("L").resize((64, 64)).convert("RGB").save(place / "photo.png")
    (place / "labels.csv").write_text("name,parent\nmilk,\n")
    for name, kind in (("coco", imports.Coco), ("labelme", imports.Labelme), ("yolo", imports.Yolo)):
        mutate.lay_out(mutate.unpacked(kind().seeds()[0]), place / name)
    mutate.lay_out(mutate.unpacked(checkpoints.Checkpoints().seeds()[0]), place / "checkpoint")
    store = Store(place / "data")
    set_up(store)
    store.close()
