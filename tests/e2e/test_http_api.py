"""The HTTP API for programs, and the page's server functions with messages that no page would send."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import httpx
import numpy as np
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError

from rvernet_app.picture.masks import bbox_xywh, from_rle
from rvernet_app.pipeline import Pipeline

if TYPE_CHECKING:
    from tests.e2e.conftest import DrawnPhoto, Server

Ask: TypeAlias = Callable[[str, object], httpx.Response]
"""Sends any JSON to one of the page's server functions, named first."""

POINT = [[140, 130, 1]]
RLE = {"size": [480, 640], "counts": "lfl0<a>6I9E<"}
SECRET = "root:"  # how /etc/passwd begins


@pytest.fixture(scope="module")
def client(server: Server) -> Client:
    return Client(server.url, verbose=False)


def test_only_two_endpoints_are_public(client: Client) -> None:
    offered = client.view_api(return_format="dict", print_info=False)

    assert set(offered["named_endpoints"]) == {"/segment", "/classify"}
    assert offered["unnamed_endpoints"] == {}


def test_a_program_segments_and_classifies(client: Client, plate: DrawnPhoto, pipeline: Pipeline) -> None:
    candidates = client.predict(handle_file(plate.path), POINT, None, api_name="/segment")["candidates"]

    mask = from_rle(candidates[0]["rle"], (480, 640))
    assert (mask & plate.foods[0]).sum() / (mask | plate.foods[0]).sum() > 0.6
    assert candidates[0]["bbox"] == list(bbox_xywh(mask))
    scores = [candidate["score"] for candidate in candidates]
    assert scores == sorted(scores, reverse=True)
    assert all(0 <= score <= 1 for score in scores)

    answer = client.predict(handle_file(plate.path), candidates[0]["rle"], api_name="/classify")

    assert answer["checkpoint"] == pipeline.classifier.name
    assert answer["classes"] == list(pipeline.classifier.labels)
    calibration = pipeline.classifier.calibration
    assert calibration is not None
    assert answer["sure"] is (answer["suggestions"][0]["probability"] >= calibration.threshold)
    for name in ("suggestions", "without_context"):
        probabilities = [each["probability"] for each in answer[name]]
        assert len(probabilities) == 5
        assert probabilities == sorted(probabilities, reverse=True)


def test_a_box_is_a_prompt(client: Client, plate: DrawnPhoto) -> None:
    reply = client.predict(handle_file(plate.path), [], [420, 100, 540, 200], api_name="/segment")

    mask = from_rle(reply["candidates"][0]["rle"], (480, 640))
    assert np.array_equal(mask & plate.foods[1], mask & ~(plate.foods[0] | plate.foods[2]) & plate.foods[1])
    assert mask[150, 480]


@pytest.mark.parametrize(
    ("points", "box", "says"),
    [
        ([[9999, 1, 1]], None, "outside the photo of 640 x 480"),
        ([], None, "at least one point or a box"),
        ([[1, 2]], None, r"\[x, y, label\]"),
        ([[1, 2, 0]], None, "Point at the food itself first"),
        ("here", None, "at most 200 points"),
        (POINT * 201, None, "at most 200 points"),
        ([], [5, 5, 5, 9], "left < right"),
        ([], [1, 2, 3], "left, top, right, bottom"),
    ],
)
def test_a_wrong_prompt_is_a_clear_error(
    client: Client, plate: DrawnPhoto, points: object, box: object, says: str
) -> None:
    with pytest.raises(AppError, match=says):
        client.predict(handle_file(plate.path), points, box, api_name="/segment")


@pytest.mark.parametrize(
    ("rle", "says"),
    [
        ({"size": [480, 640]}, "not a COCO compressed RLE"),
        ({"size": [10, 10], "counts": "0"}, "this photo is"),
        (RLE, "run lengths do not add up"),
    ],
)
def test_a_wrong_mask_is_a_clear_error(
    client: Client, plate: DrawnPhoto, rle: dict[str, Any], says: str
) -> None:
    with pytest.raises(AppError, match=says):
        client.predict(handle_file(plate.path), rle, api_name="/classify")


def test_a_file_that_is_no_photo_is_a_clear_error(client: Client, tmp_path: Path) -> None:
    (tmp_path / "note.jpg").write_text("no photo")

    with pytest.raises(AppError, match="This file is text"):
        client.predict(handle_file(tmp_path / "note.jpg"), POINT, None, api_name="/segment")


@pytest.mark.parametrize("name", ["/evidence", "/open_photo", "/prepare", "/download"])
def test_the_pages_own_events_are_no_endpoints(client: Client, name: str) -> None:
    with pytest.raises(ValueError, match="Cannot find a function"):
        client.predict(None, api_name=name)


# Requests without Gradio's client, which would check them


@pytest.fixture(scope="module")
def http(server: Server) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, timeout=30) as http:
        yield http


@pytest.fixture(scope="module")
def config(http: httpx.Client) -> dict[str, Any]:
    config: dict[str, Any] = http.get("/config").json()
    return config


@pytest.fixture
def ask(http: httpx.Client, config: dict[str, Any]) -> Ask:
    """A function that sends any JSON to one of the page's server functions."""
    (component,) = [
        each["id"] for each in config["components"] if each["props"].get("elem_id") == "workbench"
    ]

    def ask(name: str, message: object) -> httpx.Response:
        body = {"data": message, "component_id": component, "fn_name": name, "session_hash": "anyone"}
        return http.post(
            "/gradio_api/component_server/",
            content=json.dumps(body),  # httpx would refuse NaN and infinity
            headers={"content-type": "application/json"},
        )

    return ask


@pytest.fixture
def opened(http: httpx.Client, ask: Ask, plate: DrawnPhoto) -> str:
    """The id of an uploaded and opened photo."""
    (path,) = http.post("/gradio_api/upload", files={"files": ("plate.jpg", plate.path.read_bytes())}).json()
    assert ask("open_photo", {"path": path, "name": "plate.jpg"}).json()["id"] == plate.sha256
    return plate.sha256


def file_data(path: object, **more: str) -> dict[str, Any]:
    """Return a file reference as Gradio's clients send it."""
    return {"path": path, "meta": {"_type": "gradio.FileData"}, **more}


def called(http: httpx.Client, name: str, data: list[Any]) -> str:
    """Call an endpoint by name and return the whole event stream of the answer."""
    event = http.post(f"/gradio_api/call/{name}", json={"data": data}).json()["event_id"]
    return http.get(f"/gradio_api/call/{name}/{event}").text


def queued(http: httpx.Client, body: dict[str, Any]) -> str:
    """Send an event as the page does and return the event stream up to its completion."""
    headers = {"content-type": "application/json"}
    http.post(
        "/gradio_api/queue/join", content=json.dumps(body | {"session_hash": "anyone"}), headers=headers
    )
    lines = []
    with http.stream("GET", "/gradio_api/queue/data?session_hash=anyone") as response:
        for line in response.iter_lines():
            lines.append(line)
            if "process_completed" in line:
                break
    return "\n".join(lines)


def assert_refused(response: httpx.Response, kind: str | None = None) -> None:
    """Check that the answer is one sentence, and its kind; no traceback, no file contents."""
    assert response.status_code == 200
    told = {"error": response.json()["error"]}
    assert response.json() == (told if kind is None else {**told, kind: True})
    sentence = response.json()["error"]
    assert sentence.endswith(".")
    assert "Traceback" not in sentence
    assert SECRET not in sentence


@pytest.mark.parametrize(
    "message",
    [
        {"path": "/etc/passwd"},
        {"path": "../../../../etc/passwd"},
        {"path": ["/etc/passwd"]},
        {"path": "a\0b"},
        {"path": "x" * 5000},
        {"path": None},
        {"sample": "../../README"},
        {"sample": {"name": "x"}},
        {},
        [],
        None,
        "/etc/passwd",
        7,
        float("nan"),
    ],
    ids=str,
)
def test_only_uploads_and_samples_are_opened(ask: Ask, message: object) -> None:
    assert_refused(ask("open_photo", message))


def test_a_photo_that_was_not_uploaded_is_not_opened(ask: Ask, http: httpx.Client, plate: DrawnPhoto) -> None:
    assert_refused(ask("open_photo", {"path": str(plate.path)}))
    assert "event: error" in called(http, "segment", [file_data(str(plate.path)), POINT, None])
    assert "event: error" in called(http, "classify", [file_data(str(plate.path)), RLE])


@pytest.mark.parametrize("name", ["prepare", "segment", "download"])
@pytest.mark.parametrize(
    "photo", ["/etc/passwd", "../" * 8 + "etc/passwd", "0" * 64, 5, None, ["x"], {"a": 1}]
)
def test_only_the_id_of_an_opened_photo_names_a_photo(ask: Ask, name: str, photo: object) -> None:
    reply = ask(name, {"photo": photo, "points": POINT, "foods": [{"rle": RLE}], "method": "gradcam"})
    assert_refused(reply, kind="lost" if photo == "0" * 64 else None)


@pytest.mark.parametrize(
    "prompt",
    [
        {"points": POINT * 100_000},
        {"points": [[float("nan"), 2, 1]]},
        {"points": [[float("inf"), 2, 1]]},
        {"points": [[10**400, 2, 1]]},
        {"points": [["a", "b", "c"]]},
        {"points": [[[[1]], 2, 1]]},
        {"points": [5]},
        {"points": {"x": 1}},
        {"points": [[1, 2, 7]]},
        {"points": [[-1, 2, 1]]},
        {"points": POINT, "box": 5},
        {"points": POINT, "box": [1, 2]},
        {"points": POINT, "box": [9, 9, 1, 1]},
        {"points": POINT, "box": [5000, 5000, 6000, 6000]},
        {},
    ],
    ids=lambda prompt: str(prompt)[:40],
)
def test_a_malformed_prompt_is_refused(ask: Ask, opened: str, prompt: dict[str, Any]) -> None:
    assert_refused(ask("segment", {"photo": opened, **prompt}))


@pytest.mark.parametrize(
    "refine",
    ["x", {"token": [], "candidate": 0}, {"token": "x", "candidate": 10**9}, {"candidate": "0"}, [1]],
)
def test_an_unknown_refinement_token_is_ignored(ask: Ask, opened: str, refine: object) -> None:
    plain = ask("segment", {"photo": opened, "points": POINT}).json()["candidates"]
    assert ask("segment", {"photo": opened, "points": POINT, "refine": refine}).json()["candidates"] == plain


BAD_MASKS: list[dict[str, object]] = [
    {},
    {"rle": None},
    {"rle": "x"},
    {"rle": RLE},
    {"rle": {"size": 5, "counts": "0"}},
    {"rle": {"size": [480, 640], "counts": "0" * 1_000_000}},
    {"rle": {"size": [480, 640], "counts": "\u00fc"}},
    {"rle": {"size": [10**9, 10**9], "counts": "0"}},
    {"rle": RLE, "method": ["gradcam"]},
    {"rle": RLE, "method": "nosuchcam"},
    {"rle": RLE, "label": 5},
]


@pytest.mark.parametrize("message", BAD_MASKS, ids=lambda message: str(message)[:40])
def test_a_malformed_mask_is_refused(ask: Ask, opened: str, message: dict[str, Any]) -> None:
    method = message.get("method", "gradcam")
    food = {name: value for name, value in message.items() if name != "method"}
    assert_refused(ask("download", {"photo": opened, "method": method, "foods": [food]}))


@pytest.mark.parametrize(
    "message",
    [
        None,
        7,
        [],
        {},
        {"seq": "1"},
        {"seq": float("nan")},
        *[{"method": "gradcam", **bad} for bad in BAD_MASKS],
    ],
    ids=lambda message: str(message)[:40],
)
def test_malformed_evidence_requests_are_refused(
    http: httpx.Client, config: dict[str, Any], opened: str, message: object
) -> None:
    if isinstance(message, dict) and message:
        message = {"seq": 1, "photo": opened, "stage": "all", "label": None, "scale": "own", **message}
    (event,) = [each["id"] for each in config["dependencies"] if each["api_name"] == "evidence"]

    answer = queued(http, {"data": [None], "event_data": message, "fn_index": event})

    assert '"error":"' in answer
    assert "Traceback" not in answer
    assert "suggestions" not in answer


def test_evidence_cannot_be_called_by_name(http: httpx.Client) -> None:
    assert http.post("/gradio_api/call/evidence", json={"data": [None]}).status_code == 404


@pytest.mark.parametrize(
    "photo",
    [*map(file_data, ("/etc/passwd", "a\0b", None)), file_data("x", url="http://127.0.0.1:9/"), {}, None, 5],
)
@pytest.mark.parametrize(("name", "rest"), [("segment", [POINT, None]), ("classify", [RLE])])
def test_the_endpoints_open_uploads_only(
    http: httpx.Client, name: str, rest: list[Any], photo: object
) -> None:
    answer = called(http, name, [photo, *rest])

    assert "event: error" in answer
    assert SECRET not in answer
    assert "Traceback" not in answer


def test_no_file_of_the_machine_is_served(http: httpx.Client) -> None:
    assert http.get("/gradio_api/file=/etc/passwd").status_code == 404
    assert http.get(f"/gradio_api/file={Path(__file__).resolve()}").status_code == 404


@pytest.mark.parametrize("name", ["evidence", "postprocess", "__init__", "_keep", "nosuch"])
def test_only_the_pages_own_functions_can_be_called(ask: Ask, name: str) -> None:
    assert ask(name, {}).status_code == 404
