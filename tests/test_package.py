"""The wheel works outside the clone: it predicts, serves the page and starts the training commands."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import sysconfig
import urllib.request
import venv
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]
LARGEST_WHEEL = 40_000_000
PHOTO = ROOT / "assets" / "samples" / "images" / "croissant.jpg"


@dataclass(frozen=True)
class Installed:
    """An environment with the wheel and its dependencies, and a working folder outside the clone."""

    scripts: Path
    work: Path
    environment: Mapping[str, str]

    def run(self, *command: str, expected: int = 0) -> subprocess.CompletedProcess[str]:
        """Run a script of the environment and check its exit status."""
        ran = subprocess.run(
            [str(self.scripts / command[0]), *command[1:]],
            cwd=self.work,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert ran.returncode == expected, ran.stderr
        return ran


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel built from the clone."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    [built] = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The wheel installed by pip.

    It uses the dependencies of the environment that runs the tests, because installing them again takes too
    long.
    """
    folder = tmp_path_factory.mktemp("elsewhere")
    venv.create(folder / "venv", with_pip=True)
    scripts = folder / "venv" / ("Scripts" if os.name == "nt" else "bin")
    pip = [str(scripts / "python"), "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", str(wheel)]
    subprocess.run(pip, check=True, cwd=folder, capture_output=True)
    base = str(folder / "venv")
    site = Path(sysconfig.get_path("purelib", vars={"base": base, "platbase": base}))
    (site / "needed.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    (folder / "home").mkdir()
    (folder / "work").mkdir()
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("RVERNET_", "PYTHON"))}
    environment = {
        **kept,
        "HOME": str(folder / "home"),
        "HF_HUB_OFFLINE": "1",
        "PYTHONUNBUFFERED": "1",
        "GRADIO_ANALYTICS_ENABLED": "False",
        "GRADIO_TEMP_DIR": str(folder / "gradio"),
        "RVERNET_DATA_DIR": str(folder / "data"),
    }
    return Installed(scripts, folder / "work", environment)


def test_requirements_match_the_package_metadata() -> None:
    tomllib = pytest.importorskip("tomllib", reason="Python 3.10 cannot read TOML")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    needed = [*project["dependencies"], *extras["train"], *extras["postgres"]]
    lines = (ROOT / "requirements.txt").read_text("utf-8").splitlines()

    assert [line for line in lines if not line.startswith("#")] == needed


def test_every_requirement_has_a_version_for_hosts() -> None:
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    pins = [Requirement(line) for line in lines if not line.startswith("#")]
    version = {pin.name.lower(): str(pin.specifier).removeprefix("==") for pin in pins}
    for line in (ROOT / "requirements.txt").read_text("utf-8").splitlines():
        if not line.startswith("#"):
            needed = Requirement(line)
            assert needed.specifier.contains(version[needed.name.lower().replace("_", "-")]), line


def test_the_wheel_is_small_and_complete(wheel: Path) -> None:
    assert wheel.stat().st_size <= LARGEST_WHEEL
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert {
        "rvernet_app/py.typed",
        "rvernet_app/store/migrations/script.py.mako",
        "rvernet_app/assets/label_sets/foodseg103.txt",
        "rvernet_app/assets/samples/images/croissant.jpg",
        "rvernet_app/assets/weights/small-sam/small_sam.safetensors",
        "rvernet_app/assets/weights/rvernet-mobilenetv2/config.json",
        "rvernet_app/assets/weights/rvernet-mobilenetv2/model.safetensors",
        "training/configs/meals.yaml",
        "training/on_project.py",
    } <= names
    page = {file.relative_to(ROOT).as_posix() for file in (ROOT / "rvernet_app/ui/web").rglob("*.*")}
    assert page <= names
    assert {name.partition("/")[0].partition("-")[0] for name in names} == {"rvernet_app", "training"}


def test_predict_works_without_clone_and_network(installed: Installed, tmp_path: Path) -> None:
    point = "640,480"
    ran = installed.run("rvernet", "predict", str(PHOTO), "--point", point, "--out", "out", "--json")

    result = json.loads(ran.stdout)
    assert result["segmenter"] == "small_sam"
    assert result["checkpoint"] == "rvernet-mobilenetv2"
    assert len(result["suggestions"]) == 5
    assert {file.name for file in (installed.work / "out").iterdir()} == {
        "mask.png",
        "roi.png",
        "extra_roi.png",
        "cam_roi.png",
        "cam_extra_roi.png",
        "result.json",
    }


@pytest.fixture
def page(installed: Installed) -> Iterator[str]:
    """The address of the page that `rvernet` serves; it answers already."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [str(installed.scripts / "rvernet")],
        cwd=installed.work,
        env={**installed.environment, "RVERNET_PORT": str(port)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    try:
        said = []
        for line in process.stdout:  # ends when the process does
            said.append(line)
            if "RveRNet is at" in line:
                break
        else:
            pytest.fail("".join(said))
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.stdout.close()
        process.wait()


def test_the_page_is_served(page: str) -> None:
    with urllib.request.urlopen(f"{page}/config") as reply:
        config = json.load(reply)
    assert config["title"] == "RveRNet: name the foods in a photo"


def test_the_training_commands_start(installed: Installed) -> None:
    assert "CHECKPOINT" in installed.run("rvernet", "evaluate", "--help").stdout
    refused = installed.run("rvernet", "train", "--config", "absent.yaml", expected=2)
    assert refused.stderr.count("\n") == 1
    assert "absent.yaml" in refused.stderr


def test_training_on_a_project_is_installed(installed: Installed) -> None:
    assert "--project" in installed.run("python", "-m", "training.on_project", "--help").stdout
