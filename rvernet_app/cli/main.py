"""The command line, `rvernet` or `python -m rvernet_app`. Without a command it serves the page.

The exit status is 0, or 2 with one line on stderr for bad input.
"""

from __future__ import annotations

import argparse
import io
import json
import logging
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

from tqdm import tqdm

from rvernet_app.cli import project, training
from rvernet_app.config import CAM_METHODS, AppConfig
from rvernet_app.environment import RedactingFormatter, redacted, without_proxies
from rvernet_app.errors import RvernetError
from rvernet_app.model.malloc import keep_memory
from rvernet_app.picture.photos import read_photo
from rvernet_app.pipeline import build_pipeline
from rvernet_app.segment import registry, weights
from rvernet_app.types import BACKGROUND, FOREGROUND, Prompt


class _OneLineParser(argparse.ArgumentParser):
    """An argument parser whose errors are one line, as every other error here."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}\n")


def _numbers(text: str, count: int, form: str) -> tuple[float, ...]:
    try:
        values = tuple(float(part) for part in text.split(","))
    except ValueError:
        values = ()
    if len(values) != count:
        raise argparse.ArgumentTypeError(f"expected {form} in pixels, got {text!r}")
    return values


def _point_xy(text: str) -> tuple[float, ...]:
    return _numbers(text, 2, "X,Y")


def _box_xyxy(text: str) -> tuple[float, ...]:
    return _numbers(text, 4, "X0,Y0,X1,Y1")


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands but those of the training package, which read their own options."""
    parser = _OneLineParser(prog="rvernet", description=__doc__)
    parser.set_defaults(run=_serve)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    serve = commands.add_parser("serve", help="serve the page; options come from RVERNET_* variables")
    serve.set_defaults(run=_serve)

    predict = commands.add_parser("predict", help="mask, cut-outs, suggestions and maps of one food")
    predict.add_argument("photo", type=Path, metavar="PHOTO")
    predict.add_argument(
        "--point", type=_point_xy, action="append", default=[], metavar="X,Y", help="on the food"
    )
    predict.add_argument(
        "--negative", type=_point_xy, action="append", default=[], metavar="X,Y", help="not on the food"
    )
    predict.add_argument("--box", type=_box_xyxy, metavar="X0,Y0,X1,Y1", help="around the food")
    predict.add_argument(
        "--anyway", action="store_true", help="take a mask also where there seems to be no food"
    )
    predict.add_argument("--segmenter", metavar="NAME", help="default: the best found locally")
    predict.add_argument(
        "--checkpoint",
        metavar="DIR",
        help="folder, or OWNER/NAME on the Hugging Face Hub; default: the bundled one",
    )
    predict.add_argument("--cam", choices=CAM_METHODS, metavar="METHOD", help=", ".join(CAM_METHODS))
    predict.add_argument("--out", type=Path, required=True, metavar="DIR", help="where the files go")
    predict.add_argument("--json", action="store_true", help="print result.json too")
    predict.set_defaults(run=_predict)

    weights_parser = commands.add_parser("weights", help="segmenter weights: what is here, fetch, where")
    actions = weights_parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    actions.add_parser("list", help="every known segmenter and where its weights are").set_defaults(run=_list)
    get = actions.add_parser("get", help="download official weights, resuming and checking them")
    get.add_argument("name", metavar="NAME")
    get.set_defaults(run=_get)
    actions.add_parser("path", help="the folder they go to").set_defaults(run=_path)
    project.add_commands(commands)
    training.add_commands(commands)
    return parser


def _serve(arguments: argparse.Namespace, config: AppConfig) -> None:
    logging.basicConfig(handlers=[_plain_log()])
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # Gradio reads it when it is imported
    with without_proxies(os.environ):  # Gradio makes clients when it is imported, which fails with SOCKS
        from rvernet_app.ui.serve import serve  # late: other commands need no page

    serve(config)


def _plain_log() -> logging.Handler:
    """Return a handler that writes messages to stderr, without passwords."""
    handler = logging.StreamHandler()
    handler.setFormatter(RedactingFormatter())
    return handler


def _predict(arguments: argparse.Namespace, config: AppConfig) -> None:
    chosen = {
        "segmenter": arguments.segmenter,
        "checkpoint": arguments.checkpoint,
        "cam_method": arguments.cam,
    }
    config = replace(config, **{name: value for name, value in chosen.items() if value is not None})
    photo = read_photo(
        arguments.photo, max_mb=config.max_photo_mb, max_megapixels=config.max_photo_megapixels
    )
    prompt = Prompt(
        points_xy=(*arguments.point, *arguments.negative),
        point_labels=(FOREGROUND,) * len(arguments.point) + (BACKGROUND,) * len(arguments.negative),
        box_xyxy=arguments.box,
        insist=arguments.anyway,
    )
    prompt.require_within(photo.size_hw)
    result = build_pipeline(config).click(photo, prompt)
    result.write(arguments.out)
    if arguments.json:
        print(json.dumps(result.to_json(), indent=2))


def _list(arguments: argparse.Namespace, config: AppConfig) -> None:
    for weights_file in weights.listing(config):
        place = weights_file.path or f"not here, {weights_file.url}"
        print(f"{weights_file.name:<12} {weights_file.size / 1e6:8.1f} MB  {place}")
    print(f"{registry.SMALL_SAM:<12} {registry.SMALL_SAM_PATH.stat().st_size / 1e6:8.1f} MB  bundled")
    print(f"{registry.GRABCUT:<12}              bundled, needs no weights")


def _get(arguments: argparse.Namespace, config: AppConfig) -> None:
    # A delay, and terminals only: bad input must print one line and nothing else.
    with tqdm(unit="B", unit_scale=True, desc=arguments.name, delay=1, disable=None) as bar:

        def progress(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        path = weights.get(arguments.name, config, progress)
    print(path)


def _path(arguments: argparse.Namespace, config: AppConfig) -> None:
    print(config.weights_dir)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    given = sys.argv[1:] if argv is None else list(argv)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a name that the terminal cannot show is shown in part
            stream.reconfigure(errors="replace")
    try:
        if given and given[0] in training.COMMANDS:
            return training.run(given[0], given[1:])
        keep_memory()
        arguments = build_parser().parse_args(given)
        arguments.run(arguments, AppConfig.from_env())
    except (RvernetError, OSError) as error:
        print(f"rvernet: {redacted(' '.join(str(error).split()))}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("rvernet: stopped", file=sys.stderr)
        return 130
    return 0
