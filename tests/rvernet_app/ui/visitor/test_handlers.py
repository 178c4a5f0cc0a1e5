"""The page's requests for one photo, with the GrabCut engine and a photo of a disc."""

import base64
import io
import zipfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest
from gradio import utils
from numpy.typing import NDArray
from PIL import Image

from rvernet_app.config import AppConfig
from rvernet_app.picture.masks import from_rle, to_rle
from rvernet_app.pipeline import Pipeline, build_pipeline
from rvernet_app.ui.answers import UNEXPECTED, answered
from rvernet_app.ui.turns import Turns
from rvernet_app.ui.visitor.handlers import Handlers
from rvernet_app.ui.visitor.samples import Sample, find_samples
from rvernet_app.ui.visitor.streams import Newest, Streams
from tests.loops import in_loop


@dataclass
class Event:
    """A fake of gr.EventData."""

    _data: Any


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    config = AppConfig(segmenter="grabcut", device="cpu", photos_dir=tmp_path_factory.mktemp("photos"))
    return build_pipeline(config)


@pytest.fixture
def handlers(pipeline: Pipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Handlers:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "uploads"))
    y, x = np.mgrid[:90, :120]
    pixels = np.full((90, 120, 3), 200, np.uint8)
    pixels[(x - 40) ** 2 + (y - 45) ** 2 < 20**2] = (190, 40, 40)
    Image.fromarray(pixels).save(tmp_path / "disc.png")
    return Handlers(pipeline, {"disc": Sample(tmp_path / "disc.png")})


@pytest.fixture
def streams(pipeline: Pipeline, handlers: Handlers) -> Streams:
    return Streams(pipeline, handlers.photos, Turns())


def replies_of(stream: AsyncIterator[Any]) -> list[Any]:
    """Return what a stream answers, without what says that there is no more."""

    async def collect() -> list[Any]:
        return [reply async for reply in stream]

    return [reply for reply in in_loop(collect()) if is_reply(reply)]


def is_reply(yielded: dict[str, Any]) -> bool:
    """Return False for `gr.skip()`."""
    return yielded.get("__type__") != "update"


def opened(handlers: Handlers) -> str:
    """Open the sample and return its id."""
    return str(answered(handlers.open_photo)({"sample": "disc"})["id"])


def segmented(handlers: Handlers, photo: str, **more: Any) -> dict[str, Any]:
    """Return the reply to a click on the disc."""
    return answered(handlers.segment)({"photo": photo, "points": [[40, 45, 1]], "box": None, **more})


def picture_in(data_url: str) -> NDArray[np.uint8]:
    """Decode the picture in a data URL: uint8 (H, W, 3)."""
    return np.array(Image.open(io.BytesIO(base64.b64decode(data_url.partition(",")[2]))))


def request(photo: str, rle: object, seq: int = 1, **more: Any) -> Any:
    """Return an evidence request as the page sends it."""
    fields = {"stage": "all", "label": None, "method": "gradcam", "scale": "own"}
    return Event({"seq": seq, "photo": photo, "rle": rle, **fields, **more})


def test_a_sample_opens_with_a_display_copy_that_holds_no_metadata(handlers: Handlers) -> None:
    reply = answered(handlers.open_photo)({"sample": "disc"})
    assert (reply["width"], reply["height"], reply["name"]) == (120, 90, "Disc")
    [served] = handlers.served.paths
    assert reply["url"] == f"gradio_api/file={served}"
    shown = Image.open(served)
    assert shown.size == (120, 90)
    assert not shown.getexif()
    assert picture_in(reply["thumb"]).shape == (90, 120, 3)


def test_an_upload_opens_under_its_own_name(handlers: Handlers, tmp_path: Path) -> None:
    uploaded = Path(utils.get_upload_folder()) / "abc" / "meal.png"
    uploaded.parent.mkdir(parents=True)
    (tmp_path / "disc.png").rename(uploaded)
    reply = answered(handlers.open_photo)({"path": str(uploaded), "name": "My <b>meal</b>.png"})
    assert reply["name"] == "My <b>meal</b>.png"


def test_a_photo_that_was_open_before_opens_again_by_its_id(handlers: Handlers) -> None:
    opened = answered(handlers.open_photo)({"sample": "disc"})
    again = answered(handlers.open_photo)({"photo": opened["id"], "name": "Lunch.png"})
    assert (again["id"], again["name"], again["width"]) == (opened["id"], "Lunch.png", opened["width"])
    unknown = answered(handlers.open_photo)({"photo": "0" * 64, "name": "Lunch.png"})
    assert unknown["error"] == "This photo is no longer on the server; open it again."


@pytest.mark.parametrize(
    "path", ["/etc/passwd", "../../etc/passwd", "a\0b", "x" * 5000, None, 5, ["/etc/passwd"]]
)
def test_only_uploads_can_be_opened(path: object, handlers: Handlers) -> None:
    assert set(answered(handlers.open_photo)({"path": path})) == {"error"}


def test_a_prompt_yields_masks_and_a_token_to_refine_them(handlers: Handlers) -> None:
    photo = opened(handlers)
    reply = segmented(handlers, photo)
    best = reply["candidates"][0]
    mask = from_rle(best["rle"], (90, 120))
    assert mask[45, 40]
    assert mask.sum() == pytest.approx(np.pi * 20**2, rel=0.1)
    assert len(best["polygons"]) == 1
    refined = segmented(
        handlers,
        photo,
        points=[[40, 45, 1], [40, 30, 1]],
        refine={"token": reply["token"], "candidate": 0},
    )
    assert "candidates" in refined


@pytest.mark.parametrize(
    "refine", [7, {}, {"token": "gone", "candidate": 0}, {"token": ["x"], "candidate": None}]
)
def test_an_unknown_refinement_token_is_ignored(refine: object, handlers: Handlers) -> None:
    assert "candidates" in segmented(handlers, opened(handlers), refine=refine)


def test_a_click_on_no_food_is_told_from_other_errors(
    handlers: Handlers, pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo = opened(handlers)
    monkeypatch.setattr(pipeline.segmenter, "least_belief", 1.1)
    click = {"photo": photo, "points": [[40, 45, 1]]}
    refused = answered(handlers.segment)(click)
    assert refused.keys() == {"error", "no_food"}
    assert refused["no_food"] is True
    assert refused["error"].startswith("No food found here.")
    assert answered(handlers.segment)({**click, "insist": True})["candidates"]
    assert answered(handlers.segment)({"photo": photo, "box": [15, 20, 65, 70]})["candidates"]


def test_a_click_on_a_corrected_mask_is_never_refused(
    handlers: Handlers, pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = segmented(handlers, opened(handlers))
    monkeypatch.setattr(pipeline.segmenter, "least_belief", 1.1)
    click = {"photo": opened(handlers), "points": [[40, 45, 1]], "onto": found["candidates"][0]["rle"]}
    assert "error" not in answered(handlers.segment)(click)


def test_a_photo_that_is_not_open_is_an_error(handlers: Handlers) -> None:
    assert "open it again" in segmented(handlers, "0" * 64)["error"]


def test_evidence_comes_in_two_steps(handlers: Handlers, streams: Streams) -> None:
    photo = opened(handlers)
    rle = segmented(handlers, photo)["candidates"][0]["rle"]
    first, second = (dict(reply) for reply in replies_of(streams.evidence(Newest(), request(photo, rle))))
    assert [s["probability"] for s in second["suggestions"]] == sorted(
        (s["probability"] for s in second["suggestions"]), reverse=True
    )
    assert {"label", "probability", "without_context"} == set(second["suggestions"][0])
    assert first["sure"] is second["sure"] is (second["suggestions"][0]["probability"] >= 0.5)
    roi, extra_roi = picture_in(second["cutouts"]["roi"]), picture_in(second["cutouts"]["extra_roi"])
    assert roi[45, 40, 0] > 150
    assert roi[5, 100].max() < 10
    assert extra_roi[45, 40].max() < 10
    assert second["maps"]["label"] == second["suggestions"][0]["label"]
    assert first["seq"] == second["seq"] == 1


def test_the_chosen_class_is_explained(handlers: Handlers, streams: Streams) -> None:
    photo = opened(handlers)
    rle = segmented(handlers, photo)["candidates"][0]["rle"]
    event = request(photo, rle, stage="maps", label="banana", method="layercam", scale="common")
    [reply] = replies_of(streams.evidence(Newest(), event))
    assert (reply["maps"]["label"], reply["maps"]["method"]) == ("banana", "layercam")
    assert "suggestions" not in reply


def test_an_overtaken_request_stops_before_the_maps(handlers: Handlers, streams: Streams) -> None:
    photo = opened(handlers)
    rle = segmented(handlers, photo)["candidates"][0]["rle"]
    newest = Newest()

    async def overtaken() -> list[Any]:
        replies = streams.evidence(newest, request(photo, rle, seq=1))
        first = await anext(replies)
        newest.evidence = 2
        return [first, *[reply async for reply in replies if is_reply(reply)]]

    [reply] = in_loop(overtaken())
    assert "suggestions" in reply
    assert "maps" not in reply


def test_an_older_request_does_not_become_the_newest(handlers: Handlers, streams: Streams) -> None:
    newest = Newest(evidence=9)
    replies_of(streams.evidence(newest, request("0" * 64, None, seq=4)))
    assert newest.evidence == 9


@pytest.mark.parametrize(
    ("event", "told"),
    [
        (Event(None), {"seq", "error"}),
        (Event({"seq": "x"}), {"seq", "error"}),
        (request("0" * 64, None), {"seq", "error", "lost"}),
        (request("../x", None), {"seq", "error"}),
    ],
)
def test_a_bad_evidence_request_gets_an_error_in_one_sentence(
    event: Any, told: set[str], handlers: Handlers, streams: Streams
) -> None:
    [reply] = replies_of(streams.evidence(Newest(), event))
    assert set(reply) == told


def test_a_mask_of_another_photo_is_refused(handlers: Handlers, streams: Streams) -> None:
    photo = opened(handlers)
    [reply] = replies_of(streams.evidence(Newest(), request(photo, to_rle(np.ones((4, 4), bool)))))
    assert "size" in reply["error"]


FILES = {"mask.png", "roi.png", "extra_roi.png", "cam_roi.png", "cam_extra_roi.png", "result.json"}
"""What the command line writes for a food."""


def download(handlers: Handlers, **message: Any) -> tuple[str, set[str]]:
    """Return the name of a downloaded ZIP, and the names in it."""
    reply = answered(handlers.download)({"method": "gradcam", **message})
    with zipfile.ZipFile(reply["url"].removeprefix("gradio_api/file=")) as archive:
        return reply["name"], set(archive.namelist())


def test_the_download_holds_the_files_of_the_command_line(handlers: Handlers) -> None:
    photo = opened(handlers)
    food = {"rle": segmented(handlers, photo)["candidates"][0]["rle"], "score": 0.5, "label": "apple"}
    name, files = download(handlers, photo=photo, name="my lunch.jpg", foods=[food])
    assert name == "my lunch-foods.zip"
    assert files == FILES


def test_the_download_of_several_foods_has_a_folder_for_each(handlers: Handlers) -> None:
    photo = opened(handlers)
    food = {"rle": segmented(handlers, photo)["candidates"][0]["rle"], "label": "apple"}
    foods = [food, {**food, "title": "red/apple"}]
    name, files = download(handlers, photo=photo, name="", foods=foods)
    assert name == f"{photo[:8]}-foods.zip"
    assert files == {f"{folder}/{file}" for folder in ("01-apple", "02-red_apple") for file in FILES}


def test_an_unexpected_error_is_a_sentence_and_a_log_entry(
    handlers: Handlers, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> NoReturn:
        raise ZeroDivisionError("secret")

    monkeypatch.setattr(Pipeline, "segment", broken)
    reply = segmented(handlers, opened(handlers))
    assert reply == {"error": UNEXPECTED}
    assert "secret" in caplog.text


def test_the_samples_are_the_jpegs_of_the_folder(tmp_path: Path) -> None:
    for name in ("soup-bowl.jpg", "apple.jpg", "README.md"):
        (tmp_path / name).touch()
    assert [sample.title for sample in find_samples(tmp_path).values()] == ["Apple", "Soup bowl"]
