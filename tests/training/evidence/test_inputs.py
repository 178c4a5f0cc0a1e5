from __future__ import annotations

import argparse
import json
import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from rvernet_app.errors import CheckpointError, ConfigError
from rvernet_app.model.checkpoint import save_checkpoint
from rvernet_app.model.rvernet import ModuleSpec, RveRNet, RveRNetConfig
from training.data.options import DataOptions, Source
from training.data.regions import DataError, Region
from training.data.sources import read_data
from training.evidence.inputs import Labelled, add_arguments, open_labelled
from training.shared.configuration import to_json

CLASSES = ("ketchup", "pesto")

IGNORED = "left out, marked to be ignored: 16 (data/200, data/201, data/202, …)"


@pytest.fixture(scope="module")
def model() -> RveRNet:
    torch.manual_seed(0)
    spec = ModuleSpec("mobilenetv2_035")
    return RveRNet(RveRNetConfig(spec, spec, 2, fusion="features", hidden=8, input_size=32))


@pytest.fixture
def checkpoint(model: RveRNet, tmp_path: Path) -> Path:
    save_checkpoint(tmp_path / "tiny", model, CLASSES)
    return tmp_path / "tiny"


@pytest.fixture
def opened(made_data: Path, checkpoint: Path, tmp_path: Path) -> Callable[..., Labelled]:
    """Return a function that opens the generated data and the checkpoint with more arguments."""

    def open_with(*more: str, data: Path | None = made_data) -> Labelled:
        parser = argparse.ArgumentParser()
        add_arguments(parser)
        cache = ("--segmenter", "grabcut", "--cache", str(tmp_path / "masks"))
        folder = () if data is None else ("--data", str(data))
        return open_labelled(parser.parse_args([str(checkpoint), *folder, *cache, *more]))

    return open_with


def edit(folder: Path, change: Callable[..., Any]) -> None:
    """Change annotations.json."""
    path = folder / "annotations.json"
    described = json.loads(path.read_text())
    change(described)
    path.write_text(json.dumps(described))


def call_category(name: str, new: str) -> Callable[..., None]:
    def change(described: dict[str, list[dict[str, Any]]]) -> None:
        for category in described["categories"]:
            if category["name"] == name:
                category["name"] = new

    return change


def without_splits(described: dict[str, list[dict[str, Any]]]) -> None:
    for image in described["images"]:
        del image["split"]


def trained_on(
    folder: Path,
    model: RveRNet,
    classes: tuple[str, str] = CLASSES,
    with_fingerprints: bool = False,
    command: str | None = None,
    **data: Any,
) -> DataOptions:
    """Record in the checkpoint these training data and, if requested, their fingerprints."""
    options = DataOptions(**data)
    training: dict[str, Any] = {"options": {"data": to_json(options)}}
    if command is not None:
        training["command"] = command
    if with_fingerprints:
        training["data"] = dict(read_data(options).fingerprints)
    save_checkpoint(folder, model, classes, training=training)
    return options


def names(regions: Sequence[Region]) -> list[str]:
    return [region.name.removeprefix("data/") for region in regions]


def test_validation_regions_have_one_mask_each(opened: Callable[..., Labelled]) -> None:
    labelled = opened()
    assert labelled.checkpoint.name == "tiny"
    assert names(labelled.regions) == ["112", "113", "114", "115"]
    assert [len(region.masked) for region in labelled.regions] == [1, 1, 1, 1]
    assert labelled.around == labelled.regions
    assert labelled.left_out == (IGNORED,)


def test_split_option_selects_one_split_or_all(opened: Callable[..., Labelled]) -> None:
    assert names(opened("--split", "train").regions) == [str(i) for i in range(100, 112)]
    assert names(opened("--split", "all").regions) == [str(i) for i in range(100, 116)]


def test_folder_without_splits_is_measured_as_a_whole(
    opened: Callable[..., Labelled], made_data: Path
) -> None:
    edit(made_data, without_splits)
    everything = [str(i) for i in range(100, 116)]
    assert names(opened("--split", "all").regions) == everything
    assert names(opened().regions) == everything


def test_training_data_is_the_default_to_measure_on(
    opened: Callable[..., Labelled], made_data: Path, checkpoint: Path, model: RveRNet, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    shutil.copytree(made_data, other)
    edit(other, call_category("pesto", "green"))
    sources = (Source(made_data), Source(other, rename={"green": "pesto"}))
    trained_on(checkpoint, model, sources=sources)
    labelled = opened(data=None)
    assert labelled.name == "data, other"
    assert [region.name for region in labelled.regions] == [
        f"{source}/{i}" for source in ("data", "other") for i in range(112, 116)
    ]
    assert opened().name == "data"
    edit(other, call_category("ketchup", "rabbit"))  # a class with too few training regions
    assert names(opened(data=None).regions) == [*map(str, range(112, 116)), "other/113", "other/115"]


def test_renaming_classes_needs_a_single_folder(
    opened: Callable[..., Labelled], made_data: Path, checkpoint: Path, model: RveRNet
) -> None:
    trained_on(checkpoint, model, sources=(Source(made_data),))
    with pytest.raises(ConfigError, match="--rename is for the names in one folder"):
        opened("--rename", '{"pesto": "ketchup"}', data=None)


def test_checkpoint_without_training_record_needs_a_folder(
    opened: Callable[..., Labelled],
) -> None:
    with pytest.raises(ConfigError, match="tiny does not say what it was trained on"):
        opened(data=None)


def test_empty_split_fails(opened: Callable[..., Labelled]) -> None:
    with pytest.raises(DataError, match="no test region"):
        opened("--split", "test")


def test_one_click_masks_replace_the_annotated_masks(opened: Callable[..., Labelled]) -> None:
    (annotated, clicked) = (opened("--masks", kind).regions[1].masked for kind in ("annotated", "click"))
    assert len(clicked) == len(annotated) == 1
    assert clicked != annotated


def test_unknown_labels_fail_or_are_skipped_and_named(
    opened: Callable[..., Labelled], made_data: Path
) -> None:
    edit(made_data, call_category("pesto", "soup"))
    with pytest.raises(
        DataError, match=r"tiny does not know the classes soup of .*data; --rename .*--known_only"
    ):
        opened("--all_labels")
    for more in ((), ("--known_only",)):
        labelled = opened(*more)
        assert names(labelled.regions) == ["112", "114"]
        assert names(labelled.around) == ["112", "113", "114", "115"]
        assert all(region.masked for region in labelled.around)
        unknown = "left out, of labels that tiny does not know: 2 of 4 regions (2 soup)"
        assert labelled.left_out == (IGNORED, unknown)


def test_missing_training_data_are_skipped_and_named(
    opened: Callable[..., Labelled],
    made_data: Path,
    checkpoint: Path,
    model: RveRNet,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    sources = (Source(made_data), Source(tmp_path / "sauces"), Source(tmp_path / "natural"))
    trained_on(checkpoint, model, sources=sources, command="python -m training.train --config food.yaml")
    line = (
        f"left out, not on this machine: {tmp_path / 'sauces'}, {tmp_path / 'natural'}; the options of "
        "its training say how to make them: python -m training.train --config food.yaml"
    )
    labelled = opened(data=None)
    assert (labelled.name, labelled.left_out) == ("data", (line, IGNORED))
    assert names(labelled.regions) == ["112", "113", "114", "115"]
    assert capsys.readouterr().err.splitlines()[-1] == line
    trained_on(checkpoint, model, sources=sources)
    assert opened(data=None).left_out == (line.partition(";")[0], IGNORED)


def test_missing_all_training_data_requires_a_folder(
    opened: Callable[..., Labelled], checkpoint: Path, model: RveRNet, tmp_path: Path
) -> None:
    trained_on(checkpoint, model, sources=(Source(tmp_path / "sauces"),))
    with pytest.raises(
        DataError, match=r"Nothing that tiny was trained on .*sauces\); name a folder with --data"
    ):
        opened(data=None)


def test_data_without_a_known_class_fails(opened: Callable[..., Labelled], made_data: Path) -> None:
    edit(made_data, call_category("pesto", "soup"))
    edit(made_data, call_category("ketchup", "stew"))
    with pytest.raises(DataError, match=r"no val region of a class that tiny knows"):
        opened("--known_only")


def test_rename_maps_classes(opened: Callable[..., Labelled], made_data: Path) -> None:
    edit(made_data, call_category("pesto", "green sauce"))
    labels = [region.label for region in opened("--rename", '{"green sauce": "pesto"}').regions]
    assert labels == ["ketchup", "pesto", "ketchup", "pesto"]


@pytest.mark.parametrize(
    ("text", "error", "sentence"),
    [
        ("{green sauce: pesto}", ConfigError, "is not JSON"),
        ('["pesto"]', ConfigError, r"takes a JSON object of texts, got '\[\"pesto\"\]'"),
        ('{"pesto": 3}', ConfigError, "takes a JSON object of texts"),
        ('{"broth": "pesto"}', DataError, "no categories broth to rename"),
    ],
)
def test_invalid_renaming_fails(
    opened: Callable[..., Labelled], text: str, error: type[Exception], sentence: str
) -> None:
    with pytest.raises(error, match=sentence):
        opened("--rename", text)


def test_training_folder_is_read_with_its_training_options(
    opened: Callable[..., Labelled], made_data: Path, checkpoint: Path, model: RveRNet
) -> None:
    edit(made_data, without_splits)
    edit(made_data, call_category("pesto", "green sauce"))
    source = Source(made_data, rename={"green sauce": "pesto"}, held_out=("g3", "g4"), val_share=0.3)
    options = trained_on(checkpoint, model, sources=(source,))
    labelled = opened()
    assert names(labelled.regions) == names(read_data(options).val)
    assert {"103", "104"} < set(names(labelled.regions)) < {str(i) for i in range(100, 116)}
    assert {region.label for region in labelled.regions} == {"ketchup", "pesto"}
    with pytest.raises(DataError, match="green sauce"):
        opened("--all_labels", "--rename", "{}")  # arguments take precedence


@pytest.mark.parametrize("how", [shutil.move, shutil.copytree])
def test_moved_or_copied_training_folder_is_read_with_its_training_options(
    opened: Callable[..., Labelled],
    made_data: Path,
    checkpoint: Path,
    model: RveRNet,
    tmp_path: Path,
    how: Callable[..., Any],
) -> None:
    edit(made_data, without_splits)
    edit(made_data, call_category("pesto", "green sauce"))
    source = Source(made_data, rename={"green sauce": "pesto"}, held_out=("g3", "g4"), val_share=0.3)
    options = trained_on(checkpoint, model, with_fingerprints=True, sources=(source,), min_share=0.01)
    expected = names(read_data(options).val)
    how(made_data, tmp_path / "elsewhere")
    labelled = opened(data=tmp_path / "elsewhere")
    assert names(labelled.regions) == expected
    photos = [region.photo for region in labelled.regions if region.photo is not None]
    assert len(photos) == len(expected)
    assert all(photo.is_relative_to(tmp_path / "elsewhere") for photo in photos)
    edit(tmp_path / "elsewhere", lambda described: described.update(info="another"))
    with pytest.raises(DataError, match="green sauce"):
        opened("--all_labels", data=tmp_path / "elsewhere")


def test_moved_folder_matches_by_format_and_annotations(
    opened: Callable[..., Labelled],
    made_foodseg103: Path,
    made_data: Path,
    checkpoint: Path,
    model: RveRNet,
    tmp_path: Path,
) -> None:
    food = Source(made_foodseg103, "foodseg103", rename={"pesto": "green"}, held_out=("8", "9"))
    (made_data / "annotations.json").rename(made_data / "labels.json")
    coco = Source(made_data, annotations=made_data / "labels.json", rename={"pesto": "green"})
    options = trained_on(
        checkpoint, model, ("ketchup", "green"), True, sources=(food, coco), cache=tmp_path / "masks"
    )
    expected = [r.name for r in read_data(options).val]
    for folder, layout in ((made_foodseg103, "foodseg103"), (made_data, "coco")):
        moved = folder.rename(tmp_path / f"moved {layout}")
        found = [r.name for r in opened("--format", layout, data=moved).regions]
        assert found == [name for name in expected if name.startswith(f"{folder.name}/")]
        assert len(found) in (2, 4)


def test_training_folder_is_recognized_by_another_path(
    opened: Callable[..., Labelled], made_data: Path, checkpoint: Path, model: RveRNet, tmp_path: Path
) -> None:
    edit(made_data, without_splits)
    relative = Source(Path(os.path.relpath(made_data)), held_out=("g5",))
    trained_on(checkpoint, model, sources=(relative,))
    (tmp_path / "link").symlink_to(made_data)
    assert names(opened(data=tmp_path / "link").regions) == ["105"]


def test_source_keeps_its_training_name(
    opened: Callable[..., Labelled], made_data: Path, checkpoint: Path, model: RveRNet, tmp_path: Path
) -> None:
    """The held-out groups depend on a hash of their names, which include the source's name."""
    edit(made_data, without_splits)
    other = tmp_path / "other" / "data"
    other.mkdir(parents=True)
    sources = tuple(Source(folder, val_share=0.4) for folder in (other, made_data))
    trained_on(checkpoint, model, sources=sources)
    (other / "annotations.json").write_text((made_data / "annotations.json").read_text())
    (other / "images").symlink_to(made_data / "images")
    expected = [r.name for r in read_data(DataOptions(sources=sources)).val if r.name.startswith("data-2")]
    assert [region.name for region in opened().regions] == expected


def test_all_annotation_files_of_the_folder_are_read(
    opened: Callable[..., Labelled], made_data: Path, checkpoint: Path, model: RveRNet
) -> None:
    files = []
    for split in ("train", "val"):
        described = json.loads((made_data / "annotations.json").read_text())
        described["images"] = [image for image in described["images"] if image["split"] == split]
        kept = {image["id"] for image in described["images"]}
        described["annotations"] = [a for a in described["annotations"] if a["image_id"] in kept]
        files.append(made_data / f"{split}.json")
        files[-1].write_text(json.dumps(described))
    trained_on(checkpoint, model, sources=tuple(Source(made_data, annotations=file) for file in files))
    (made_data / "annotations.json").unlink()
    assert len(opened().regions) == 4
    assert len(opened("--split", "all").regions) == 16


def test_minimum_size_applies_only_to_training_folders(
    opened: Callable[..., Labelled], made_data: Path, checkpoint: Path, model: RveRNet, tmp_path: Path
) -> None:
    def shrink(described: dict[str, list[dict[str, Any]]]) -> None:
        described["annotations"][2 * 12]["bbox"] = [4, 4, 2, 2]

    edit(made_data, shrink)
    assert len(opened().regions) == 4
    trained_on(checkpoint, model, sources=(Source(made_data),), min_share=0.01)
    labelled = opened()
    assert names(labelled.regions) == ["113", "114", "115"]
    assert labelled.left_out == (IGNORED, "left out, smaller than 1.0000% of the photo: 1 (data/112)")
    shutil.copytree(made_data, tmp_path / "elsewhere")
    edit(tmp_path / "elsewhere", lambda described: described["annotations"].pop(0))
    assert len(opened(data=tmp_path / "elsewhere").regions) == 4


@pytest.mark.parametrize(
    "training",
    [
        {"options": "none"},
        {"options": {"data": "data"}},
        {"options": {"data": {"sources": "data"}}},
        {"options": {"data": {"sources": [{"path": "data", "colour": "red"}]}}},
    ],
)
def test_foreign_training_record_does_not_fail(
    opened: Callable[..., Labelled],
    checkpoint: Path,
    model: RveRNet,
    training: dict[str, dict[str, dict[str, Any]]] | dict[str, dict[str, str]] | dict[str, str],
) -> None:
    save_checkpoint(checkpoint, model, CLASSES, training=training)
    assert len(opened().regions) == 4


def test_requested_classes_must_be_known(opened: Callable[..., Labelled]) -> None:
    labelled = opened()
    labelled.require_known(("pesto",))
    with pytest.raises(DataError, match="tiny does not know the classes broth, soup"):
        labelled.require_known(("soup", "pesto", "broth"))


def test_unreadable_inputs_fail(opened: Callable[..., Labelled], checkpoint: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"annotations\.json cannot be read"):
        opened(data=tmp_path / "nowhere")
    with pytest.raises(ConfigError, match="scissors"):
        opened("--segmenter", "scissors")
    (checkpoint / "model.safetensors").write_bytes(b"")
    with pytest.raises(CheckpointError, match="damaged"):
        opened()
