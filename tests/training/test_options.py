from pathlib import Path

import pytest

from rvernet_app.errors import ConfigError
from rvernet_app.rvernet import ModuleSpec
from training.configuration import options_from, read_options
from training.options import TrainOptions
from training.segmenter.options import SegmenterOptions

NEEDED = {
    "data": "photos",
    "run_folder": "runs/a",
    "export": "out",
    "roi_module": "mobilenetv2_035",
    "extra_roi_module": {"name": "mobilenetv2_035", "kwargs": {"pad_type": "same"}, "mean": [0, 0, 0]},
}


def test_values_get_their_types():
    options = options_from(
        {**NEEDED, "learning_rate": "1e-3", "epochs": 2, "backbone_weights": None}, TrainOptions
    )
    assert options.data == Path("photos")
    assert options.learning_rate == 0.001
    assert options.roi_module == ModuleSpec("mobilenetv2_035")
    assert options.extra_roi_module.kwargs == {"pad_type": "same"}
    assert options.extra_roi_module.mean == (0, 0, 0)
    assert options.backbone_weights is None


def test_the_command_line_wins_over_the_file(tmp_path):
    (tmp_path / "a.yaml").write_text(
        "data: photos\nrun_folder: runs/a\nexport: out\nroi_module: mobilenetv2_035\n"
        "extra_roi_module: mobilenetv2_035\nepochs: 3\nbatch_size: 7\n"
    )
    options = read_options(
        ["--config", str(tmp_path / "a.yaml"), "--epochs", "9", "--roi_module", "{name: mobilenetv2_050}"],
        TrainOptions,
    )
    assert (options.epochs, options.batch_size) == (9, 7)
    assert options.roi_module.name == "mobilenetv2_050"


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"epoch": 3}, "Unknown option epoch"),
        ({"data": 3}, "data cannot be 3"),
        ({"data": None}, "data cannot be None"),
        ({"epochs": 2.5}, "epochs cannot be 2.5"),
        ({"epochs": True}, "epochs cannot be True"),
        ({"epochs": 0}, "epochs must be at least 1"),
        ({"learning_rate": "fast"}, "learning_rate cannot be 'fast'"),
        ({"learning_rate": float("nan")}, "learning_rate must be above 0"),
        ({"flip": 1.5}, "flip must be in"),
        ({"min_crop": 0.0}, "min_crop must be in"),
        ({"warmup": 1.0}, "warmup must be in"),
        ({"padding": 256}, "padding must be in"),
        ({"fusion": "sum"}, "fusion is one of"),
        ({"roi_module": "resnet_of_dreams"}, "roi_module cannot be"),
        ({"roi_module": {"name": "mobilenetv2_035", "wings": 2}}, "roi_module cannot be"),
        ({"frozen": "blocks"}, "frozen cannot be"),
        ({"frozen": ["blocks"]}, "would stay random"),
        ({"start": "a", "backbone_weights": "b"}, "both say"),
    ],
)
def test_what_cannot_be_is_refused(changes, sentence):
    with pytest.raises(ConfigError, match=sentence):
        options_from({**NEEDED, **changes}, TrainOptions)


def test_a_missing_option_is_named():
    with pytest.raises(ConfigError, match="export"):
        options_from({key: value for key, value in NEEDED.items() if key != "export"}, TrainOptions)


@pytest.mark.parametrize(
    "arguments",
    [["--config"], ["epochs", "3"], ["--config", "nowhere.yaml"], ["--epochs", "[3"]],
    ids=["no value", "no dashes", "no file", "no YAML"],
)
def test_a_command_line_that_cannot_be_read_is_refused(arguments):
    with pytest.raises(ConfigError):
        read_options(arguments, TrainOptions)


@pytest.mark.parametrize("text", ["", "- a\n", "a: [\n", "\x00"])
def test_a_file_that_holds_no_options_is_refused(tmp_path, text):
    (tmp_path / "a.yaml").write_text(text)
    with pytest.raises(ConfigError, match=r"a\.yaml"):
        read_options(["--config", str(tmp_path / "a.yaml")], TrainOptions)


KINDS = {"ecustfd.yaml": TrainOptions, "meals.yaml": TrainOptions, "small_sam.yaml": SegmenterOptions}


def test_the_configurations_of_the_repository_are_readable():
    found = {path.name: path for path in (Path(__file__).parents[2] / "training" / "configs").glob("*.yaml")}
    assert found.keys() == KINDS.keys()
    for name, path in found.items():
        assert isinstance(read_options(["--config", str(path)], KINDS[name]), KINDS[name])
